package sessions_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/servertest"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
)

// asked asks for a code and returns the mail that brings it.
func (w *world) asked(email string) sessions.ResetMail {
	w.T.Helper()
	w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, email))
	w.OK(w.Sessions.SendMail(w.Ctx))
	sent := w.Post.Resets()
	if len(sent) != 1 {
		w.T.Fatalf("%d mails to %s", len(sent), email)
	}
	return sent[0]
}

func (w *world) reset(email string, code storage.Secret, next string) error {
	return w.Sessions.ResetPassword(w.Ctx, servertest.Origin, email, code, storage.NewSecret(next))
}

func (w *world) wantPassword(want string) {
	w.T.Helper()
	for _, p := range []string{password, another} {
		if _, err := w.signIn("", p); (err == nil) != (p == want) {
			w.T.Errorf("signing in with %q: %v", p, err)
		}
	}
}

// Whoever has forgotten their password gets a code by mail, which takes another one, and
// all that the old one was good for ends.
func TestForgottenPassword(t *testing.T) {
	w := newWorld(t)
	beta := w.organization("Beta")
	here, there := w.signedIn("acme"), w.signedIn("beta")
	before := len(w.Events(beta.ID))
	mail := w.asked(" Avery@ACME.test ")
	if mail.To != avery || mail.Link != servertest.Issuer+"/console/password/reset" || mail.Address != servertest.Origin.Address ||
		!mail.ExpiresAt.Equal(w.Now().Add(30*time.Minute)) {
		t.Errorf("mail: %+v", mail)
	}
	w.WantInvalid("a short password", w.reset(avery, mail.Code, "short"), "new_password")
	w.WantInvalid("the address", w.reset(avery, mail.Code, avery), "new_password")
	w.WantInvalid("no address", w.reset("avery", mail.Code, another), "email")
	w.wantPassword(password)
	here2 := w.signedIn("acme")
	typed := strings.ToLower(strings.ReplaceAll(mail.Code.Reveal(), "-", " "))
	w.OK(w.reset(strings.ToUpper(avery), storage.NewSecret(typed), another))
	if w.active(here) || w.active(here2) || w.active(there) {
		t.Error("a session has not ended")
	}
	w.wantPassword(another)
	w.WantInvalid("the code again", w.reset(avery, mail.Code, password), "code")

	events := w.Events(beta.ID)[before:]
	var actions []string
	for _, e := range events {
		if strings.HasPrefix(e.Action, "user.") {
			actions = append(actions, e.Actor.Kind+" "+e.Action)
			if e.Target.Kind != "user" || e.Target.Name != "Avery" || e.IPAddress != servertest.Origin.Address || e.RequestID != servertest.Origin.RequestID {
				t.Errorf("event: %+v", e)
			}
		}
		if strings.Contains(fmt.Sprint(e), mail.Code.Reveal()) {
			t.Errorf("the code is in %+v", e)
		}
	}
	if want := []string{"anonymous user.password_reset_requested", "user user.password_reset"}; !slices.Equal(actions, want) {
		t.Errorf("events %q, want %q", actions, want)
	}
}

// Nothing of the code, or of an address that is nobody's, is in the database in the
// clear, and nobody who does not exist is told anything.
func TestForgottenByNobody(t *testing.T) {
	w := newWorld(t)
	const nobody = "nobody-at-all@acme.test"
	w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, nobody))
	w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, avery))
	sealed, err := w.Store.ClaimPasswordResets(w.Ctx, w.Now(), w.Now(), 10)
	w.OK(err)
	if len(sealed) != 2 || len(sealed[0].Sealed)/32 != len(sealed[1].Sealed)/32 {
		t.Errorf("stored: %+v", sealed)
	}
	for _, r := range sealed {
		if text := fmt.Sprintf("%s %s", r.Sealed, r.Account); strings.Contains(text, "acme.test") || strings.Contains(text, "nobody") {
			t.Errorf("in the clear: %s", text)
		}
	}
	w.OK(w.Sessions.SendMail(w.Ctx))
	sent := w.Post.Resets()
	if len(sent) != 1 || sent[0].To != avery {
		t.Fatalf("sent: %+v", sent)
	}
	code := sent[0].Code
	w.WantInvalid("a code for somebody else", w.reset(nobody, code, another), "code")
	w.member("casey@acme.test")
	w.asked("casey@acme.test")
	w.WantInvalid("another's code", w.reset("casey@acme.test", code, another), "code")
	w.WantInvalid("no code", w.reset(avery, storage.Secret{}, another), "code")
	w.WantInvalid("of nobody who asked", w.reset("owner@acme.test", code, another), "code")
	w.WantInvalid("what is no address", w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, "correct horse"), "email")

	w.OK(w.Members.Remove(w.Ctx, access.Operator(), w.acme.ID, w.memberID("casey@acme.test"), 0))
	w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, "casey@acme.test"))
	w.OK(w.Sessions.SendMail(w.Ctx))
	if sent := w.Post.Resets(); len(sent) > 0 {
		t.Errorf("mail to somebody who cannot sign in: %+v", sent)
	}
}

func (w *world) memberID(email string) int64 {
	w.T.Helper()
	m, err := w.Members.ByEmail(w.Ctx, access.Operator(), w.acme.ID, email)
	w.OK(err)
	return m.UserID
}

// A code ends with time, with tries, with the next one and with a password that was
// changed.
func TestCodesEnd(t *testing.T) {
	w := newWorld(t)
	wrong := storage.NewSecret("AAAAA-AAAAA-AAAAA-AAAAA")

	mail := w.asked(avery)
	w.Pass(30 * time.Minute)
	w.WantInvalid("expired", w.reset(avery, mail.Code, another), "code")

	mail = w.asked(avery)
	for range 5 {
		w.WantInvalid("a wrong code", w.reset(avery, wrong, another), "code")
	}
	w.WantInvalid("after five tries", w.reset(avery, mail.Code, another), "code")

	w.Pass(time.Hour)
	first, second := w.asked(avery), w.asked(avery)
	w.WantInvalid("the one before", w.reset(avery, first.Code, another), "code")
	signed := w.signedIn("")
	w.OK(w.Sessions.ChangePassword(w.Ctx, w.caller(signed), storage.NewSecret(password), storage.NewSecret("another password")))
	w.WantInvalid("of the old password", w.reset(avery, second.Code, another), "code")

	w.Pass(time.Hour)
	mail = w.asked(avery)
	for range 4 {
		w.WantInvalid("a wrong code", w.reset(avery, wrong, another), "code")
	}
	w.OK(w.reset(avery, mail.Code, another))
	w.wantPassword(another)

	w.Pass(time.Hour)
	w.OK(w.Sessions.SweepResets(w.Ctx))
	left, err := w.Store.ClaimPasswordResets(w.Ctx, w.Now(), w.Now(), 10)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
}

// Of two who have the code at once, one sets the password.
func TestResetsAtOnce(t *testing.T) {
	urls := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/kiket-auth.db" },
		"postgres": func(t *testing.T) string { return cluster.NewDatabase(t) },
	}
	for engine, url := range urls {
		t.Run(engine, func(t *testing.T) {
			w := &world{World: servertest.Open(t, url(t))}
			w.acme = w.organization("Acme")
			signed := w.signedIn("")
			code := w.asked(avery).Code
			var errs [4]error
			var together sync.WaitGroup
			for i := range errs {
				together.Go(func() { errs[i] = w.reset(avery, code, fmt.Sprint("a new password ", i)) })
			}
			together.Wait()
			won := -1
			for i, err := range errs {
				switch {
				case err == nil && won < 0:
					won = i
				case err == nil:
					t.Errorf("%d and %d both won", won, i)
				default:
					w.WantInvalid("whoever was late", err, "code")
				}
			}
			if won < 0 || w.active(signed) {
				t.Fatalf("won: %d", won)
			}
			_, err := w.signIn("", fmt.Sprint("a new password ", won))
			w.OK(err)
		})
	}
}

// Mail that cannot be sent is sent again, with the same code, and not after that has
// expired. It is recorded once.
func TestMailIsSentAgain(t *testing.T) {
	w := newWorld(t)
	before := len(w.Events(w.acme.ID))
	w.Post.Fail(errors.New("the mail server is away"))
	w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, avery))
	w.OK(w.Sessions.SendMail(w.Ctx))
	for range 5 {
		w.Pass(90 * time.Second)
		w.OK(w.Sessions.SendMail(w.Ctx))
	}
	w.Post.Fail(nil)
	w.OK(w.Sessions.SendMail(w.Ctx)) // it is not time yet, or it is
	w.Pass(6 * time.Minute)
	w.OK(w.Sessions.SendMail(w.Ctx))
	sent := w.Post.Resets()
	if len(sent) != 1 {
		t.Fatalf("%d mails were sent", len(sent))
	}
	if got, want := w.actions(w.acme, before), []string{"anonymous user.password_reset_requested"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	w.OK(w.reset(avery, sent[0].Code, another))

	w.Pass(time.Hour)
	w.Post.Fail(errors.New("the mail server is away"))
	w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, avery))
	w.OK(w.Sessions.SendMail(w.Ctx))
	w.Pass(30 * time.Minute)
	w.Post.Fail(nil)
	w.OK(w.Sessions.SendMail(w.Ctx))
	w.Pass(time.Hour)
	w.OK(w.Sessions.SendMail(w.Ctx))
	if sent := w.Post.Resets(); len(sent) > 0 {
		t.Errorf("a code that has expired was sent: %+v", sent)
	}
}

// Mail is sent a few times an hour, to whomever; wrong codes count as wrong passwords do.
func TestResetsAreThrottled(t *testing.T) {
	w := newWorld(t)
	var throttled *clients.ThrottledError
	for range 3 {
		w.OK(w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, avery))
	}
	if err := w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, avery); !errors.As(err, &throttled) {
		t.Errorf("the fourth: %v", err)
	}
	for n := range 2 {
		w.OK(w.Sessions.ForgotPassword(w.Ctx, access.Origin{Address: fmt.Sprintf("192.0.2.%d", n)}, avery))
	}
	if err := w.Sessions.ForgotPassword(w.Ctx, access.Origin{Address: "192.0.2.9"}, avery); !errors.As(err, &throttled) {
		t.Errorf("the sixth, from elsewhere: %v", err)
	}
	for n := range 10 {
		err := w.reset(avery, storage.NewSecret(fmt.Sprint("wrong ", n)), another)
		w.WantInvalid("a wrong code", err, "code")
	}
	if err := w.reset(avery, storage.NewSecret("wrong"), another); !errors.As(err, &throttled) {
		t.Errorf("the eleventh code: %v", err)
	}
	if _, err := w.signIn("", another); !errors.As(err, &throttled) {
		t.Errorf("signing in: %v", err)
	}
}

// Without a mail server the operator gives another password.
func TestWithoutMail(t *testing.T) {
	w := newWorld(t)
	w.Post.Close()
	w.WantRefused("without a mail server", w.Sessions.ForgotPassword(w.Ctx, servertest.Origin, avery), "no_mail")
	signed := w.signedIn("")
	id := w.memberID(avery)
	if _, err := w.Sessions.IssuePassword(w.Ctx, w.caller(signed), w.acme.ID, id); !errors.Is(err, access.ErrDenied) {
		t.Errorf("an admin: %v", err)
	}
	if _, err := w.Sessions.IssuePassword(w.Ctx, access.Operator(), w.acme.ID, id+100); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	before := len(w.Events(w.acme.ID))
	issued, err := w.Sessions.IssuePassword(w.Ctx, access.Operator(), w.acme.ID, id)
	w.OK(err)
	if w.active(signed) {
		t.Error("the session has not ended")
	}
	if got, want := w.actions(w.acme, before), []string{"operator session.revoked", "operator user.password_reset"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	_, err = w.signIn("", issued.Reveal())
	w.OK(err)
}

// No code can be read in the file, before it is sent and after.
func TestCodesAtRest(t *testing.T) {
	file := t.TempDir() + "/kiket-auth.db"
	w := &world{World: servertest.Open(t, "sqlite:"+file)}
	w.acme = w.organization("Acme")
	code := w.asked(avery).Code.Reveal()
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(file + suffix)
		w.OK(err)
		if bytes.Contains(content, []byte(code)) || bytes.Contains(content, []byte(strings.ReplaceAll(code, "-", ""))) {
			t.Errorf("the code is in the file%s", suffix)
		}
	}
}
