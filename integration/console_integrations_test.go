package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// Organization → Integrations: an admin registers an application, sees its secret once,
// rotates it, and stops the application in each of the ways that there are.
func TestConsoleIntegrations(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"register": consoleRegister, "wrong": consoleRegisterWrong, "rotate and close": consoleRotateSecret,
			"keys": consoleKeys, "edit": consoleEditApplication, "stop": consoleStopApplication,
			"password again": consoleApplicationPassword, "foreign": consoleForeignApplication, "members": consoleApplicationMember,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

// registered fills in the form for an application, and returns what is shown once.
func (v *visitor) registered(name string, fields ...string) (visited, credentials) {
	v.t.Helper()
	fields = append([]string{"name", name, "scopes", "issues"}, fields...)
	made := v.get("/console/integrations/new").submit("Register", fields...).want(http.StatusCreated, name)
	return made, credentials{made.byID("client-id"), made.secret()}
}

// byID returns the text of the element that has the id.
func (p visited) byID(id string) string {
	p.v.t.Helper()
	for n := range p.root.Descendants() {
		if is, _ := attribute(n, "id"); is == id {
			return readable(n)
		}
	}
	p.v.t.Fatalf("%s has no element %q", p.path, id)
	return ""
}

// place is the page that the last button of a page that shows a secret leads to.
func (p visited) place() string {
	p.v.t.Helper()
	path, _, _ := strings.Cut(p.follow("I have copied it").path, "?")
	return path
}

func consoleRegister(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	form := v.get("/console/integrations").follow("Register an integration").want(http.StatusOK, "At most 1 hour")
	fields := []string{"name", "Billing export", "scopes", "issues:read", "scopes", "projects:read", "scopes", "projects:write", "lifetime", "15", "lifetime_unit", "minutes"}
	made := form.submit("Register", fields...).want(http.StatusCreated, "Billing export", "15 minutes", "issues:read projects")
	application := credentials{made.byID("client-id"), made.secret()}
	if twice := form.submit("Register", fields...).want(http.StatusCreated); twice.secret() != application.secret {
		t.Error("two clicks made two applications")
	}
	if !strings.Contains(made.byID("curl"), application.id+":$KIKET_CLIENT_SECRET") || strings.Contains(made.byID("curl"), application.secret) {
		t.Errorf("the call to be copied is %s", made.byID("curl"))
	}
	answer := i.post(t, "/oauth/token", application, "grant_type", "client_credentials", "scope", "issues:read projects").want(t, 200)
	if answer["expires_in"] != float64(900) {
		t.Errorf("its tokens live for %v", answer["expires_in"])
	}
	v.get("/console/integrations").want(http.StatusOK, "Billing export", application.id, "1 secret").wantNot(application.secret)
	shown := v.get(made.place()).want(http.StatusOK, application.id, application.secret[:12], "15 minutes").wantNot(application.secret)
	for _, link := range []string{"Edit", "New secret", "Change", "Revoke tokens", "Disable", "Delete"} {
		shown.follow(link).want(http.StatusOK, "Billing export").wantNot(application.secret)
	}
}

func consoleRegisterWrong(t *testing.T, i *instance) {
	form := i.visitingAdmin(t).get("/console/integrations/new").want(http.StatusOK)
	private := newKeyPair(t, jose.ES256, "k").jwk(t, map[string]any{"d": "AAAA"})
	secret, err := json.Marshal(map[string]any{"keys": []any{private}})
	if err != nil {
		t.Fatal(err)
	}
	for problem, wrong := range map[string][]string{
		"1 to 100 characters":   {"name", " ", "scopes", "issues"},
		"Want at least one":     {"name", "Wrong"},
		"Unknown: unheard-of":   {"name", "Wrong", "scopes", "unheard-of"},
		"Choose how":            {"name", "Wrong", "scopes", "issues", "authentication", "-"},
		"Want at most 1 hour":   {"name", "Wrong", "scopes", "issues", "lifetime", "61"},
		"whole number":          {"name", "Wrong", "scopes", "issues", "lifetime", "1.5"},
		"whole number such":     {"name", "Wrong", "scopes", "issues", "lifetime", "15", "lifetime_unit", "weeks"},
		"Is needed":             {"name", "Wrong", "scopes", "issues", "authentication", "keys"},
		"Keys: want 1 to 20":    {"name", "Wrong", "scopes", "issues", "authentication", "keys", "jwks", `{"keys":[]}`},
		"Keys[0]":               {"name", "Wrong", "scopes", "issues", "authentication", "keys", "jwks", string(secret)},
		"Is needed.":            {"name", "Wrong", "scopes", "issues", "authentication", "keys", "keys_from", "address"},
		"https":                 {"name", "Wrong", "scopes", "issues", "authentication", "keys", "keys_from", "address", "jwks_uri", "http://keys.example/"},
		"form is not complete":  {"name", "Wrong", "scopes", "issues", "form", "-"},
		"something below needs": {"name", "Wrong", "scopes", "issues", "lifetime", "0"},
	} {
		again := form.submit("Register", wrong...).want(http.StatusUnprocessableEntity, problem)
		kept, _ := again.formOf("Register")
		for name, want := range pairs(wrong) {
			if slices.Contains([]string{"-", " ", "unheard-of", "weeks"}, want[0]) {
				continue // is left out, or what the form has no place for
			}
			if name == "scopes" {
				want = []string{"issues:read", "issues:write"}
			}
			if got := successful(kept)[name]; !slices.Equal(got, want) {
				t.Errorf("%s: %s was %q and is %q", problem, name, want, got)
			}
		}
	}
	i.visitingAdmin(t).get("/console/integrations").wantNot("Wrong")
}

// A secret is replaced with both working for a while, then the old one is closed with
// what was fetched with it.
func consoleRotateSecret(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	made, old := v.registered("Rotated")
	place := made.place()
	form := v.get(place).follow("New secret").want(http.StatusOK, "Both work for a day")
	form.submit("Make the secret", "overlap", "12").want(http.StatusUnprocessableEntity, "Choose when the old one ends")
	token := i.fetch(t, old)
	rotated := form.submit("Make the secret").want(http.StatusCreated, "Copy the client secret")
	current := credentials{old.id, rotated.secret()}
	form.submit("Make the secret", "overlap", "0").want(http.StatusConflict, "sent before").wantNot(current.secret)
	if !i.opens(t, old) || !i.opens(t, current) {
		t.Fatal("not both secrets work")
	}
	shown := v.get(place).want(http.StatusOK, old.secret[:12], current.secret[:12], "in 23 hours").wantNot(current.secret, old.secret)
	ask := shown.follow("Close "+old.secret[:12]).want(http.StatusOK, "cannot be undone")
	ask.submit("Close secret", "revoke_tokens", "yes").want(http.StatusOK, "tokens that were fetched with it have ended").wantNot(old.secret[:12])
	if i.opens(t, old) || !i.opens(t, current) || i.active(t, token) {
		t.Error("the old secret, or the token that was fetched with it, goes on")
	}
	// The last one says so, and leaves an application that can do nothing.
	last := v.get(place).follow("Close "+current.secret[:12]).want(http.StatusOK, "It is the only secret that works")
	fetched := i.fetch(t, current)
	last.submit("Close secret").want(http.StatusOK, "None of its secrets works")
	if i.opens(t, current) || !i.active(t, fetched) {
		t.Error("the secret goes on, or its tokens do not")
	}
	next := v.get(place).follow("Make a new secret").submit("Make the secret").want(http.StatusCreated)
	at := credentials{old.id, v.get(place).follow("New secret").submit("Make the secret", "overlap", "0").want(http.StatusCreated).secret()}
	if i.opens(t, credentials{old.id, next.secret()}) || !i.opens(t, at) {
		t.Error("a secret that is replaced at once goes on, or the new one does not work")
	}
	for range 9 {
		v.get(place).follow("New secret").submit("Make the secret").want(http.StatusCreated)
	}
	v.get(place).follow("New secret").submit("Make the secret").want(http.StatusConflict, "close one first")
	v.get(place + "/secrets/999999/close").want(http.StatusNotFound)
}

// An application goes over from a secret to keys, and back.
func consoleKeys(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	made, secret := v.registered("Keyed")
	place := made.place()
	set, err := json.Marshal(map[string]any{"keys": []any{newKeyPair(t, jose.ES256, "2026-01").jwk(t, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	form := v.get(place).follow("Change").want(http.StatusOK, "Its 1 secret stops working at once")
	form.submit("Save", "authentication", "keys").want(http.StatusUnprocessableEntity, "Is needed")
	form.submit("Save", "authentication", "both", "jwks", "{}").want(http.StatusUnprocessableEntity)
	form.submit("Save", "authentication", "both", "jwks", string(set), "token_url_audience", "yes").
		want(http.StatusOK, "How it authenticates is changed", "2026-01", "EC, P-256", "The audience of its assertions may be")
	if !i.opens(t, secret) {
		t.Fatal("with either, the secret works no more")
	}
	form = v.get(place).follow("Change").want(http.StatusOK, "2026-01")
	form.submit("Save", "authentication", "keys", "keys_from", "address", "jwks_uri", "https://keys.example/jwks.json").
		want(http.StatusOK, "https://keys.example/jwks.json", "client_assertion").wantNot("2026-01", "New secret")
	if i.opens(t, secret) {
		t.Error("the secret of an application with keys alone goes on")
	}
	v.post(place+"/secrets", "overlap", "0", "form", "x").want(http.StatusConflict, "has keys and no secrets")
	v.get(place).follow("Change").submit("Save", "authentication", "secret").
		want(http.StatusOK, "None of its secrets works").wantNot("keys.example")
	// Registered with keys, it has no secret that could be shown.
	registered := v.get("/console/integrations/new").submit("Register", "name", "Keyed from the start", "scopes", "issues", "authentication", "keys", "jwks", string(set)).
		want(http.StatusOK, "signs with its own keys", "2026-01")
	if strings.Contains(registered.source, `id="secret"`) {
		t.Error("a secret is shown")
	}
}

func consoleEditApplication(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	made, application := v.registered("Edited", "scopes", "projects", "lifetime", "90", "lifetime_unit", "seconds")
	token := i.fetch(t, application)
	form := v.get(made.place()).follow("Edit").want(http.StatusOK, "Edit the integration")
	kept, _ := form.formOf("Save")
	if fields := successful(kept); fields.Get("lifetime") != "90" || fields.Get("lifetime_unit") != "seconds" || !slices.Contains(fields["scopes"], "projects:read") {
		t.Errorf("the form has %v", fields)
	}
	form.submit("Save", "name", "").want(http.StatusUnprocessableEntity, "1 to 100 characters")
	form.submit("Save", "scopes", "-").want(http.StatusUnprocessableEntity, "Want at least one")
	form.submit("Save", "lifetime", "2", "lifetime_unit", "hours").want(http.StatusUnprocessableEntity, "Want at most 1 hour")
	form.submit("Save", "name", "Edited again", "scopes", "projects:read", "lifetime", "").want(http.StatusOK, "The integration is changed", "Edited again", "1 hour")
	if scope := i.introspect(t, i.resourceServer(), token)["scope"]; scope != "projects:read" {
		t.Errorf("a token from before has the scopes %v", scope)
	}
}

func consoleStopApplication(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	made, application := v.registered("Stopped")
	place := made.place()
	token := i.fetch(t, application)
	v.get(place).follow("Revoke tokens").want(http.StatusOK, "refused from the next request on", "by their signature alone").
		submit("Revoke tokens").want(http.StatusOK, "are revoked")
	if i.active(t, token) || !i.opens(t, application) {
		t.Error("the token goes on, or the application does not")
	}
	token = i.fetch(t, application)
	disabled := v.get(place).follow("Disable").want(http.StatusOK, "Nothing is lost").submit("Disable").want(http.StatusOK, "The integration is disabled", "Enable it again")
	if i.active(t, token) || i.opens(t, application) {
		t.Error("a disabled application goes on")
	}
	disabled.submit("Enable it again").want(http.StatusOK, "enabled again")
	if !i.active(t, token) || !i.opens(t, application) {
		t.Error("an application that is enabled again does not go on")
	}
	v.get(place).follow("Delete").want(http.StatusOK, "cannot be undone").submit("Delete integration").want(http.StatusOK, "The integration is deleted").wantNot("Stopped")
	if i.active(t, token) || i.opens(t, application) {
		t.Error("a deleted application goes on")
	}
	v.get(place).want(http.StatusNotFound)
}

// What makes a secret, puts something in its place or gives more power asks for the password again.
func consoleApplicationPassword(t *testing.T, i *instance) {
	id := i.registeredID(t, i.boot.Organization.ID)
	path := fmt.Sprintf("/console/integrations/%d", id)
	for form, button := range map[string]string{
		"/console/integrations/new": "Register", path + "/secrets/new": "Make the secret", path + "/authentication": "Save", path + "/edit": "Save",
	} {
		v := i.visitorWith(t, i.olderSession(t, time.Hour).Secret.Reveal())
		ask := v.get(form).submit(button, "name", "Later", "scopes", "issues").want(http.StatusOK, "Enter your password again")
		done := ask.submit("Continue", "confirm_password", i.boot.Admin.Password)
		if done.status >= 400 {
			t.Errorf("%s: %d %s", form, done.status, done.text)
		}
	}
}

// registeredID registers an application in an organization and returns its id.
func (d *deployment) registeredID(t testing.TB, organizationID int64) int64 {
	t.Helper()
	registered := d.register(clients.ApplicationRequest{OrganizationID: organizationID, Scopes: storage.NewScopes("issues")})
	found, err := d.verbs().Store.ClientByClientID(t.Context(), registered.id)
	if err != nil {
		t.Fatal(err)
	}
	return found.ID
}

// consoleApplicationPaths are all pages and changes below an application.
var consoleApplicationPaths = struct{ get, post []string }{
	get: []string{"", "/edit", "/authentication", "/secrets/new", "/secrets/1/close", "/disable", "/tokens/revoke", "/delete"},
	post: []string{
		"/edit", "/authentication", "/secrets", "/secrets/1/close", "/disable", "/enable", "/tokens/revoke", "/delete",
	},
}

// fieldsOfAll are such as any of the forms accepts.
var fieldsOfAll = []string{"name", "Mine", "scopes", "issues", "authentication", "secret", "overlap", "0", "form", "x", "key", "MINE", "value", "mine", "project_id", "1"}

func consoleForeignApplication(t *testing.T, i *instance) {
	foreign := i.registeredID(t, i.bootstrap("Globex").Organization.ID)
	v := i.visitingAdmin(t)
	for _, id := range []string{fmt.Sprint(foreign), "999999", "99999999999999999999"} {
		for _, path := range consoleApplicationPaths.get {
			v.get("/console/integrations/"+id+path).want(http.StatusNotFound, "Nothing here").wantNot("Application of a test")
		}
		for _, path := range consoleApplicationPaths.post {
			v.post("/console/integrations/"+id+path, fieldsOfAll...).want(http.StatusNotFound, "Nothing here")
		}
	}
}

func consoleApplicationMember(t *testing.T, i *instance) {
	id := i.registeredID(t, i.boot.Organization.ID)
	v := i.visitorWith(t, i.person(t, "Onlooker", storage.RoleMember).session)
	for _, path := range consoleApplicationPaths.get {
		v.get(fmt.Sprintf("/console/integrations/%d%s", id, path)).want(http.StatusForbidden, "This is for the admins of Acme")
	}
	v.get("/console/integrations/new").want(http.StatusForbidden)
	v.get("/console/integrations").want(http.StatusForbidden)
	v.post("/console/integrations", fieldsOfAll...).want(http.StatusForbidden)
	for _, path := range consoleApplicationPaths.post {
		v.post(fmt.Sprintf("/console/integrations/%d%s", id, path), fieldsOfAll...).want(http.StatusForbidden)
	}
}
