package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
)

// Settings → API Tokens: an admin issues a token, sees its secret once, renames and
// revokes it, and it stops working at once.
func TestConsoleTokens(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"issue and revoke": consoleIssue, "wrong": consoleIssueWrong, "full access": consoleFullAccess,
			"sent twice": consoleTwice, "password again": consolePasswordAgain, "foreign": consoleForeignToken,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func consoleIssue(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	form := v.get("/console").want(http.StatusOK, "API Tokens").follow("New token")
	made := form.submit("Create token", "name", "CLI – laptop", "scopes", "issues:read", "scopes", "projects:read", "scopes", "projects:write", "expires_in", "7").
		want(http.StatusCreated, "CLI – laptop", "issues:read", "projects")
	secret := made.secret()
	me := i.call(t, "GET", "/me", secret, nil).want(t, 200)["token"].(map[string]any)
	if scopes := strings.Join(textsOf(me["scopes"]), " "); scopes != "issues:read projects" || me["full_access"] != false {
		t.Errorf("the token has the scopes %s", scopes)
	}
	if expires, err := time.Parse(time.RFC3339, me["expires_at"].(string)); err != nil || time.Until(expires) > 7*24*time.Hour || time.Until(expires) < 7*24*time.Hour-time.Hour {
		t.Errorf("it expires at %v", me["expires_at"])
	}
	listed := v.get("/console/api-tokens").want(http.StatusOK, "CLI – laptop", secret[:13]).wantNot(secret)
	shown := listed.follow("CLI – laptop").want(http.StatusOK, "issues:read").wantNot(secret)
	shown.submit("Rename", "name", "").want(http.StatusUnprocessableEntity, "1 to 100 characters")
	shown.submit("Rename", "name", "Laptop of Avery").want(http.StatusOK, "new name", "Laptop of Avery")
	shown.follow("Revoke").want(http.StatusOK, "cannot be undone").submit("Revoke token").want(http.StatusOK, "stopped working").wantNot("Laptop of Avery")
	i.call(t, "GET", "/me", secret, nil).wantProblem(t, 401, "invalid_token")
	v.get("/console/api-tokens?state=revoked").want(http.StatusOK, "Laptop of Avery")
}

func textsOf(v any) (texts []string) {
	for _, text := range v.([]any) {
		texts = append(texts, text.(string))
	}
	return texts
}

func consoleIssueWrong(t *testing.T, i *instance) {
	form := i.visitingAdmin(t).get("/console/api-tokens/new").want(http.StatusOK)
	for name, wrong := range map[string][]string{
		"1 to 100 characters":  {"name", " ", "scopes", "issues"},
		"Choose at least one":  {"name", "Wrong"},
		"Unknown: unheard-of":  {"name", "Wrong", "scopes", "unheard-of"},
		"Choose what":          {"name", "Wrong", "access", "-"},
		"Choose when it ends":  {"name", "Wrong", "scopes", "issues", "expires_in", "soon"},
		"Want a date":          {"name", "Wrong", "scopes", "issues", "expires_in", "date", "expires_on", "tomorrow"},
		"Must be in the":       {"name", "Wrong", "scopes", "issues", "expires_in", "date", "expires_on", "2020-01-31"},
		"form is not complete": {"name", "Wrong", "scopes", "issues", "form", "-"},
	} {
		again := form.submit("Create token", wrong...).want(http.StatusUnprocessableEntity, name)
		if kept, _ := again.formOf("Create token"); wrong[1] == "Wrong" && successful(kept).Get("name") != "Wrong" {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	i.visitingAdmin(t).get("/console/api-tokens").wantNot("Wrong")
}

func consoleFullAccess(t *testing.T, i *instance) {
	form := i.visitingAdmin(t).get("/console/api-tokens/new").want(http.StatusOK, "can do everything in Acme")
	secret := form.submit("Create token", "name", "Everything", "access", "full", "scopes", "issues", "expires_in", "never").
		want(http.StatusCreated, "full access").secret()
	me := i.call(t, "GET", "/me", secret, nil).want(t, 200)["token"].(map[string]any)
	if me["full_access"] != true || me["expires_at"] != nil {
		t.Errorf("%v", me)
	}
}

// Two clicks, or a connection that breaks, make one token and show it; the same form
// sent again later shows nothing.
func consoleTwice(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	form := v.get("/console/api-tokens/new")
	fields := []string{"name", "Twice", "scopes", "issues"}
	first, second := form.submit("Create token", fields...).want(http.StatusCreated), form.submit("Create token", fields...).want(http.StatusCreated)
	if first.secret() != second.secret() {
		t.Error("two clicks made two tokens")
	}
	form.submit("Create token", "name", "Thrice", "scopes", "issues").want(http.StatusConflict, "sent before")
	if n := strings.Count(v.get("/console/api-tokens").text, "Twice"); n != 2 { // once as the text of its button
		t.Errorf("the list has it %d times: %s", n, v.get("/console/api-tokens").text)
	}
}

// Who signed in a while ago enters the password again before a token is made, and loses
// nothing of what was filled in.
func consolePasswordAgain(t *testing.T, i *instance) {
	session := i.olderSession(t, time.Hour)
	v := i.visitorWith(t, session.Secret.Reveal())
	form := v.get("/console/api-tokens/new")
	ask := form.submit("Create token", "name", "Later", "scopes", "issues").want(http.StatusOK, "Enter your password again")
	v.get("/console/api-tokens").wantNot("Later")
	ask = ask.submit("Continue", "confirm_password", "wrong").want(http.StatusUnprocessableEntity, "wrong").wantNot(`value="wrong"`)
	made := ask.submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusCreated, "Later")
	i.call(t, "GET", "/me", made.secret(), nil).want(t, 200)
	i.call(t, "GET", "/me", session.Secret.Reveal(), nil).wantProblem(t, 401, "invalid_token") // another took its place
	v.get("/console/api-tokens/new").submit("Create token", "name", "Right after", "scopes", "issues").want(http.StatusCreated)
}

// olderSession returns a session of the admin that began some time ago.
func (i *instance) olderSession(t testing.TB, age time.Duration) tokens.Issued {
	t.Helper()
	then := *i.verbs().Tokens
	then.Clock = func() time.Time { return time.Now().Add(-age) }
	issued, err := then.IssueSession(t.Context(), access.Operator(), tokens.SessionRequest{
		OrganizationID: i.boot.Organization.ID, UserID: i.boot.Admin.ID, Lifetime: age + time.Hour, IdleTimeout: age + time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func consoleForeignToken(t *testing.T, i *instance) {
	other := i.bootstrap("Globex")
	v := i.visitingAdmin(t)
	path := "/console/api-tokens/" + fmt.Sprint(other.WorkspaceAPIToken.ID)
	for _, path := range []string{path, path + "/revoke", "/console/api-tokens/999999", "/console/api-tokens/99999999999999999999"} {
		v.get(path).want(http.StatusNotFound, "Nothing here")
	}
	v.post(path+"/revoke").want(http.StatusNotFound, "Nothing here")
	v.post(path+"/name", "name", "Mine").want(http.StatusNotFound, "Nothing here")
	i.call(t, "GET", "/me", other.WorkspaceAPIToken.Token, nil).want(t, 200)
}
