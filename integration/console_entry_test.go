package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Who has forgotten their password gets a code by mail, and with it a new one.
func TestConsoleForgottenPassword(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := newAlerting(t, e)
		admin := i.visitingAdmin(t)
		password := admin.get("/console/members/new").submit("Add member", "name", "Zoe", "email", "zoe@acme.test").want(http.StatusCreated).secret()
		before := i.visitorAs(t, "zoe@acme.test", password)

		v := i.visitor(t)
		form := v.get("/console/sign-in").follow("Forgotten your password?").want(http.StatusOK)
		form.submit("Send the code", "email", "nonsense").want(http.StatusUnprocessableEntity, "Want an address")
		unknown := form.submit("Send the code", "email", "nobody@acme.test").want(http.StatusOK, "a code is on its way")
		known := form.submit("Send the code", "email", "zoe@acme.test").want(http.StatusOK, "a code is on its way")
		if unknown.text != known.text {
			t.Errorf("it can be told who is a member:\n%s\n%s", unknown.text, known.text)
		}
		mail := i.mail.arrives(t, "/console/password/reset", 20*time.Second)
		header, bodies := parts(t, mail.body)
		if to := header.Get("To"); !strings.Contains(to, "zoe@acme.test") {
			t.Errorf("the code goes to %s", to)
		}
		code := mailedCode.FindString(bodies["text/plain"])
		if code == "" {
			t.Fatalf("no code in the mail: %s", bodies["text/plain"])
		}
		const next = "a brand new password of hers"
		reset := func(email, code, one, two string) visited {
			return known.submit("Change password", "email", email, "code", code, "new_password", one, "new_password_again", two)
		}
		reset("zoe@acme.test", "", next, next).want(http.StatusUnprocessableEntity, "Is needed")
		reset("zoe@acme.test", code, next, "another").want(http.StatusUnprocessableEntity, "not the same").wantNot(next)
		reset("zoe@acme.test", code, "short", "short").want(http.StatusUnprocessableEntity)
		reset("zoe@acme.test", strings.Repeat("A", len(code)), next, next).want(http.StatusUnprocessableEntity, "Is wrong")
		reset(i.boot.Admin.Email, code, next, next).want(http.StatusUnprocessableEntity, "Is wrong")
		reset("zoe@acme.test", strings.ToLower(code), next, next).want(http.StatusOK, "Sign in with the new one")
		reset("zoe@acme.test", code, next+"2", next+"2").want(http.StatusUnprocessableEntity, "Is wrong")
		if p := before.get("/console/account"); !strings.HasPrefix(p.path, "/console/sign-in") {
			t.Errorf("a session from before gets to %s", p.path)
		}
		i.visitorAs(t, "zoe@acme.test", next)
		wantNoTrace(t, traces{"log": i.log()}, code, next)
	})
}

// mailedCode is a code in a text, on a line of its own.
var mailedCode = regexp.MustCompile(`(?m)[A-Z2-7]{5}(-[A-Z2-7]{5}){3}`)

// Where no mail can be sent, nobody waits for one.
func TestConsoleWithoutMail(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		i.visitor(t).get("/console/password/forgot").submit("Send the code", "email", i.boot.Admin.Email).
			want(http.StatusConflict, "sends no mail")
	})
}

// An empty server is set up on a page, once, by who can read its terminal.
func TestConsoleSetup(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		settings := []string{}
		if e == sqlite { // an empty one at the loopback address gets a demo
			settings = append(settings, "KIKET_AUTH_ISSUER=https://auth.acme.test")
		}
		d := prepare(t, e, settings...)
		one, other := d.serve(), d.serve()
		code := printedCode(t, one)
		if printedCode(t, other) != code {
			t.Error("replicas print different codes")
		}
		if strings.Contains(one.log(), code) {
			t.Error("the code is in the log")
		}
		v := one.visitor(t)
		form := v.get("/console").want(http.StatusOK, "Set up this server")
		const password = "correct horse battery staple"
		fields := []string{"organization", "Acme", "name", "Avery", "email", "avery@acme.test", "password", password, "password_again", password}
		form.submit("Set up", append(fields, "code", "WRONG-WRONG-WRONG-WRONG")...).want(http.StatusUnprocessableEntity, "not the setup code").wantNot(password)
		form.submit("Set up", "code", code, "organization", "", "name", "", "email", "x", "password", "short", "password_again", "short").
			want(http.StatusUnprocessableEntity, "1 to 100 characters", "Want an address")
		form.submit("Set up", "code", code, "password", password).want(http.StatusUnprocessableEntity, "not the same")
		done := form.submit("Set up", append(fields, "code", code)...).want(http.StatusCreated, "Acme is set up")
		secret := done.secret()
		if !strings.HasPrefix(secret, "kcs_") {
			t.Errorf("the secret of the resource server: %q", secret)
		}
		for _, i := range []*instance{one, other} {
			i.visitor(t).get("/console/setup").want(http.StatusNotFound)
			i.visitor(t).post("/console/setup", append(fields, "code", code)...).want(http.StatusConflict, "already")
		}
		if e == postgres { // the cookie of https is not sent without TLS
			one.visitorAs(t, "avery@acme.test", password).get("/console/members").want(http.StatusOK, "Avery")
		}
		wantNoTrace(t, traces{"log": one.log() + other.log()}, code, password, secret)
	})
}

func printedCode(t *testing.T, i *instance) string {
	t.Helper()
	var code string
	eventually(t, func() error {
		code = mailedCode.FindString(i.printed())
		if code == "" {
			return fmt.Errorf("no code printed: %q", i.printed())
		}
		return nil
	})
	return code
}

// wantNoTrace fails the test if one of the secrets is found.
func wantNoTrace(t *testing.T, w traces, secrets ...string) {
	t.Helper()
	named := map[string]string{}
	for n, secret := range secrets {
		named[fmt.Sprintf("secret %d", n)] = secret
	}
	if found := w.leaks(named); len(found) > 0 {
		t.Error(strings.Join(found, "\n"))
	}
}
