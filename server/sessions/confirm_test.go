package sessions_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
)

// A session that is not recent any more is replaced by one that is, in the same
// organization, and other sessions of the person stay.
func TestConfirm(t *testing.T) {
	w := newWorld(t)
	beta := w.organization("Beta")
	other, signed := w.signedIn("beta"), w.signedIn("beta")
	before := len(w.actions(beta, 0))
	w.Pass(sessions.RecentFor - time.Microsecond)
	if !w.Sessions.Recent(signed.Session.Token) {
		t.Error("the session is not recent")
	}
	w.Pass(time.Microsecond)
	if w.Sessions.Recent(signed.Session.Token) {
		t.Error("the session is still recent")
	}
	caller := w.caller(signed)
	confirmed, err := w.Sessions.Confirm(w.Ctx, caller, storage.NewSecret(password))
	w.OK(err)
	if confirmed.Organization.ID != beta.ID || confirmed.Member.Email != avery || confirmed.Session.Secret.Empty() {
		t.Errorf("confirmed: %+v", confirmed)
	}
	if !w.Sessions.Recent(confirmed.Session.Token) || w.Sessions.Recent(storage.Token{Kind: storage.WorkspaceAPIToken, CreatedAt: w.Now()}) {
		t.Error("the confirmed session is not recent, or a token is")
	}
	for name, c := range map[string]struct {
		session sessions.SignedIn
		want    bool
	}{"the one that called": {signed, false}, "another": {other, true}, "the new one": {confirmed, true}} {
		if got := w.active(c.session); got != c.want {
			t.Errorf("%s is active: %t, want %t", name, got, c.want)
		}
	}
	if got, want := w.actions(beta, before), []string{"session session.revoked", "user session.created"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if _, err := w.Sessions.Confirm(w.Ctx, caller, storage.NewSecret(password)); !errors.Is(err, access.ErrDenied) {
		t.Errorf("a session that has ended: %v", err)
	}
}

// Wrong passwords are told as such, end nothing, and count with those of sign-ins.
func TestConfirmWithAWrongPassword(t *testing.T) {
	w := newWorld(t)
	signed := w.signedIn("")
	caller := w.caller(signed)
	var throttled *clients.ThrottledError
	for range 5 {
		_, err := w.Sessions.Confirm(w.Ctx, caller, storage.NewSecret(another))
		w.WantInvalid("a wrong password", err, "password")
		if _, err := w.signIn("", another); !errors.Is(err, sessions.ErrInvalidCredentials) {
			t.Errorf("signing in: %v", err)
		}
	}
	if _, err := w.Sessions.Confirm(w.Ctx, caller, storage.NewSecret(password)); !errors.As(err, &throttled) {
		t.Errorf("after ten wrong passwords: %v", err)
	}
	if !w.active(signed) {
		t.Error("the session has ended")
	}
	w.OK(w.Failures.Flush(w.Ctx))
	actions := w.actions(w.acme, 0)
	if !slices.ContainsFunc(actions, func(a string) bool { return a == "anonymous session.create_denied" }) {
		t.Errorf("no failure in %q", actions)
	}
	w.Pass(time.Minute)
	_, err := w.Sessions.Confirm(w.Ctx, caller, storage.NewSecret(password))
	w.OK(err)
}

// Only a session is confirmed: who holds a token may not be the person.
func TestConfirmNeedsASession(t *testing.T) {
	w := newWorld(t)
	caller := w.caller(w.signedIn(""))
	caller.Party.Kind = string(storage.WorkspaceAPIToken)
	if _, err := w.Sessions.Confirm(w.Ctx, caller, storage.NewSecret(password)); !errors.Is(err, access.ErrDenied) {
		t.Errorf("a token: %v", err)
	}
}
