package integration

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
)

// An admin signs in, issues a token, uses it and revokes it; every page on the way is
// good, in light and dark, on a desk and on a phone.
func TestConsoleTokensInBrowser(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	p := i.browse(t)
	p.open("/console")
	p.isGood()
	p.picture("console-sign-in")
	p.fill("E-mail address", i.boot.Admin.Email)
	p.fill("Password", "wrong")
	p.expect(http.StatusUnprocessableEntity).follow("button", "Sign in")
	p.isGood()
	p.fill("Password", i.boot.Admin.Password)
	p.follow("button", "Sign in")
	if cookie := p.cookie("kiket_session"); cookie == nil || !cookie.HTTPOnly || cookie.SameSite != "Lax" {
		t.Fatalf("the session's cookie: %+v", cookie)
	}
	p.follow("link", "New token")
	p.isGood()
	p.fill("Name", "CLI – laptop")
	p.expect(http.StatusUnprocessableEntity).follow("button", "Create token") // nothing is chosen
	p.await(`document.activeElement.name === "scopes" && document.title.startsWith("Not saved")`)
	p.isGood()
	p.click("radio", "Full access All scopes, also those that are added later.")
	if warning := p.text(".if-full"); !strings.Contains(warning, "can do everything in Acme") {
		t.Errorf("full access is not warned of: %q", warning)
	}
	p.click("radio", "Only what it needs Choose scopes. A token that leaks can do no more than that.")
	p.click("checkbox", "issues: read")
	p.click("checkbox", "projects: read")
	p.click("checkbox", "projects: write")
	p.picture("console-token-new")
	p.expect(http.StatusCreated).follow("button", "Create token")
	p.isGood()
	secret := p.text("#secret")
	i.call(t, "GET", "/me", secret, nil).want(t, 200)
	p.picture("console-token-created")
	p.click("button", "Copy the secret")
	p.await(`document.querySelector("button.copy").textContent.startsWith("Copied")`)
	p.follow("link", "I have copied it")
	p.isGood()
	p.picture("console-tokens")
	if text := p.text("main"); strings.Contains(text, secret) || !strings.Contains(text, "issues:read") {
		t.Errorf("the list of tokens: %s", text)
	}
	p.follow("link", "CLI – laptop")
	p.isGood()
	p.picture("console-token")
	p.follow("link", "Revoke")
	p.isGood()
	p.picture("console-token-revoke")
	p.follow("button", "Revoke token")
	if text := p.text("main"); !strings.Contains(text, "stopped working") {
		t.Errorf("revoked: %s", text)
	}
	i.call(t, "GET", "/me", secret, nil).wantProblem(t, 401, "invalid_token")
}

// hold gives the tab a session, which is quicker than signing in.
func (p *page) hold(session string) {
	p.t.Helper()
	command(p, network.SetCookie, network.SetCookieParams{Name: "kiket_session", Value: session, URL: p.base})
}

// browseAsAdmin opens an empty tab that has a session of the admin.
func (i *instance) browseAsAdmin(t testing.TB) *page {
	t.Helper()
	p := i.browse(t)
	p.hold(i.olderSession(t, 0).Secret.Reveal())
	return p
}

// The pages about people, by an admin whose password is asked for again.
func TestConsolePeopleInBrowser(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	p := i.browseAsAdmin(t)
	p.open("/console/members")
	p.isGood()
	p.follow("link", "Add a member")
	p.isGood()
	p.picture("console-member-new")
	p.fill("Name", "Robin")
	p.fill("E-mail address", "robin@acme.test")
	p.expect(http.StatusCreated).follow("button", "Add member")
	p.isGood()
	p.picture("console-member-added")
	p.follow("link", "Back to the members")
	p.picture("console-members")
	p.follow("link", "Robin")
	p.isGood()
	p.picture("console-member")
	p.follow("link", "Remove")
	p.isGood()
	p.picture("console-member-remove")
	p.follow("button", "Remove Robin")
	p.open("/console/account")
	p.isGood()
	p.picture("console-account")
	p.open("/console/organization")
	p.isGood()
	p.picture("console-organization")
	p.expect(http.StatusNotFound).open("/console/members/999999")
	p.isGood()
	p.picture("console-nothing")

	older := i.browse(t)
	older.hold(i.olderSession(t, time.Hour).Secret.Reveal())
	older.open("/console/members/new")
	older.fill("Name", "Sam")
	older.fill("E-mail address", "sam@acme.test")
	older.follow("button", "Add member")
	older.isGood()
	older.picture("console-password-again")
	older.fill("Password of "+i.boot.Admin.Email, i.boot.Admin.Password)
	older.expect(http.StatusCreated).follow("button", "Continue")
}

// Who cannot sign in yet, or any more; without JavaScript, which pages only add to.
func TestConsoleEntryInBrowser(t *testing.T) {
	t.Parallel()
	d := prepare(t, postgres)
	empty := d.serve()
	p := empty.browse(t)
	p.open("/console")
	p.isGood()
	p.picture("console-setup")
	for name, path := range map[string]string{"console-password-forgot": "/console/password/forgot", "console-password-reset": "/console/password/reset"} {
		p.open(path)
		p.isGood()
		p.picture(name)
	}
	p.withoutJavaScript()
	p.open("/console/setup")
	const password = "correct horse battery staple"
	p.fill("Setup code", printedCode(t, empty))
	p.fill("Name of the organization", "Acme")
	p.fill("Your name", "Avery")
	p.fill("Your e-mail address", "avery@acme.test")
	p.fill("Password", password)
	p.fill("Password, once more", password)
	p.expect(http.StatusCreated).follow("button", "Set up")
	p.follow("link", "Sign in")
	p.follow("link", "Forgotten your password?")
	p.follow("link", "I have a code already")
	p.follow("link", "Sign in")
	p.fill("E-mail address", "avery@acme.test")
	p.fill("Password", password)
	p.follow("button", "Sign in")
	p.follow("link", "Issue the first one")
	p.fill("Name", "Without scripts")
	p.click("checkbox", "issues: read")
	p.expect(http.StatusCreated).follow("button", "Create token")
	if secret := p.text("#secret"); !strings.HasPrefix(secret, "wksp_") {
		t.Errorf("no token without JavaScript: %q", secret)
	}
	if dead := p.named("button", "Copy the secret"); len(dead) != 0 {
		t.Error("there is a button that does nothing without JavaScript")
	}
}
