package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/handlers/api"
	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// authority is two organizations with something of everything in the first, and
// callers of every kind.
type authority struct {
	*instance
	t     *testing.T
	verbs *server.Server
	other bootstrapped
	// things are the objects of the first organization that paths name.
	things map[string]string
	member storage.Member
	seen   int64 // the latest audit event that was counted
	denied int   // refusals among those
	app    storage.Client
}

func newAuthority(t *testing.T, e engine) *authority {
	i := start(t, e, "KIKET_AUTH_API_RATE_LIMIT=1000000")
	a := &authority{instance: i, t: t, verbs: i.verbs(), other: i.bootstrap("Globex")}
	project := i.call(t, "POST", "/projects", i.admin(), `{"key":"WEB","name":"Website"}`).want(t, 201)
	extension := i.extension("issues:read")
	added, err := a.verbs.Members.Add(t.Context(), access.Operator(), a.org(), members.Addition{Email: "robin@acme.test", Name: "Robin", Role: storage.RoleMember})
	if err != nil {
		t.Fatal(err)
	}
	a.member = added.Member
	registered, err := a.verbs.Clients.RegisterApplication(t.Context(), access.Operator(), clients.ApplicationRequest{
		OrganizationID: a.org(), Name: "Authority", Scopes: storage.NewScopes("admin", "projects"),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.app = registered.Client
	i.call(t, "PUT", fmt.Sprintf("/extensions/%d/secrets/TOKEN", extension.Installation.ID), i.admin(), `{"value":"v"}`).want(t, 201)
	alert, channel := a.alert()
	a.things = map[string]string{
		"/alerts/{id}":               alert,
		"/audit_events/{id}":         "1",
		"/alert_channels/{id}":       channel,
		"{rule:[a-z_]+}":             "dormant_credential_used",
		"/workspace_api_tokens/{id}": fmt.Sprint(i.workspaceToken(time.Time{}, "issues").Token.ID),
		"/oauth_applications/{id}":   fmt.Sprint(a.app.ID),
		"{secret_id}":                fmt.Sprint(a.app.Secrets[0].ID),
		"/projects/{id}":             fmt.Sprint(project["id"]),
		"/extensions/{id}":           fmt.Sprint(extension.Installation.ID),
		"{name}":                     "TOKEN",
		"{reference}":                fmt.Sprintf("client_secret:%d", a.app.Secrets[0].ID),
		"{name:[0-9]+}":              fmt.Sprint(extension.Key.Token.ID),
		"/users/{id}":                fmt.Sprint(a.member.UserID),
		"/sessions/{id}":             fmt.Sprint(i.session().Token.ID),
	}
	return a
}

// alert raises an alert and makes a channel, and returns their ids.
func (a *authority) alert() (alert, channel string) {
	a.t.Helper()
	made := a.call(a.t, "POST", "/alert_channels", a.admin(), `{"kind":"slack","name":"Authority","webhook_url":"https://slack.invalid/x"}`).want(a.t, 201)
	err := a.verbs.Alerts.Raise(a.t.Context(), alerts.Trouble{
		OrganizationID: a.org(), Rule: alerts.RevokedUsed, Subject: storage.Party{Kind: "workspace_api_token", ID: 1, Name: "Authority"},
		Summary: "Authority", Count: 1, FirstAt: time.Now(), LastAt: time.Now(),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	raised := a.call(a.t, "GET", "/alerts", a.admin(), nil).want(a.t, 200)["alerts"].([]any)
	return fmt.Sprint(raised[0].(map[string]any)["id"]), fmt.Sprint(made["id"])
}

func (a *authority) org() int64 { return a.boot.Organization.ID }

// path fills in a route's variables. A route whose variables are not known here
// fails the test: it has to be added.
func (a *authority) path(route web.Route) string {
	path := strings.TrimPrefix(route.Path, api.Base)
	path = strings.Replace(path, "{id:[0-9]+}", "{id}", 1)
	for variable, value := range a.things {
		if prefix, found := strings.CutSuffix(variable, "{id}"); found {
			path = strings.Replace(path, variable, prefix+value, 1)
		}
	}
	path = strings.Replace(path, "{secret_id:[0-9]+}", a.things["{secret_id}"], 1)
	path = strings.Replace(path, "{name:[0-9]+}", a.things["{name:[0-9]+}"], 1)
	path = strings.Replace(path, "{rule:[a-z_]+}", a.things["{rule:[a-z_]+}"], 1)
	path = strings.Replace(path, "{reference}", a.things["{reference}"], 1)
	path = strings.Replace(path, "{name}", a.things["{name}"], 1)
	if strings.ContainsAny(path, "{}") {
		a.t.Fatalf("%s: this test does not know what to put in its variables", route.Path)
	}
	return path
}

func (a *authority) token(scopes ...string) string {
	return a.issue(a.org(), a.boot.Admin.ID, scopes...)
}

func (a *authority) issue(organization, owner int64, scopes ...string) string {
	a.t.Helper()
	issued, err := a.verbs.Tokens.IssueWorkspaceToken(a.t.Context(), access.Operator(), tokens.WorkspaceTokenRequest{
		OrganizationID: organization, OwnerID: owner, Name: "Authority", Scopes: storage.NewScopes(scopes...),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return issued.Secret.Reveal()
}

func (a *authority) sessionOf(organization, user int64) string {
	a.t.Helper()
	issued, err := a.verbs.Tokens.IssueSession(a.t.Context(), access.Operator(), tokens.SessionRequest{
		OrganizationID: organization, UserID: user, Lifetime: time.Hour, IdleTimeout: time.Hour,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return issued.Secret.Reveal()
}

// refusals returns how many refusals the first organization's audit log holds.
func (a *authority) refusals() int {
	a.t.Helper()
	for {
		events, err := a.verbs.Store.AuditEvents(a.t.Context(), a.org(), a.seen, 500)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, e := range events {
			if strings.HasSuffix(e.Action, "_denied") {
				a.denied++
			}
			a.seen = e.ID
		}
		if len(events) < 500 {
			return a.denied
		}
	}
}

// send sends a request to the route that no verb would accept for its content, but
// for those that have none.
func (a *authority) send(route web.Route, token string) answer {
	body := any(nil)
	if route.Method != http.MethodGet && route.Method != http.MethodDelete {
		body = "{}"
	}
	return a.call(a.t, route.Method, a.path(route), token, body)
}

// Every route, with every kind of caller. What may not be done is refused, written
// down if it would have changed something, and changes nothing.
func TestAPIAuthority(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAuthority(t, e)
		extension := a.verbsExtensionKey()
		refused := map[string]func(web.Permission) bool{} // whether a caller is refused a permission
		callers := map[string]string{
			"member's session":        a.sessionOf(a.org(), a.member.UserID),
			"token without admin":     a.token("issues", "projects:read"),
			"token with admin alone":  a.token("admin"),
			"extension key":           extension,
			"access token, no admin":  a.fetchAs("projects:write"),
			"demoted owner's token":   a.demoted(),
			"demoted owner's session": a.sessionOf(a.org(), a.member.UserID),
		}
		needsAdmin := func(p web.Permission) bool {
			return p == "admin" || p == "admin, or the extension's own key"
		}
		isProjects := func(p web.Permission) bool { return strings.HasPrefix(string(p), "projects:") }
		notAdmin := func(p web.Permission) bool { return needsAdmin(p) || isProjects(p) }
		refused["member's session"] = notAdmin
		refused["demoted owner's token"] = notAdmin
		refused["demoted owner's session"] = notAdmin
		refused["token without admin"] = func(p web.Permission) bool { return needsAdmin(p) || p == "projects:write" }
		refused["token with admin alone"] = isProjects
		refused["extension key"] = func(p web.Permission) bool { return p == "admin" || isProjects(p) }
		refused["access token, no admin"] = func(p web.Permission) bool { return needsAdmin(p) || p == "projects:read" }

		for _, route := range (&api.API{}).Routes() {
			public := route.Permission == web.Public
			if got := a.send(route, ""); (got.status == http.StatusUnauthorized) == public {
				t.Errorf("%s %s without credential: %d", route.Method, route.Path, got.status)
			}
			for caller, token := range callers {
				if public || !refused[caller](route.Permission) {
					continue
				}
				before := a.refusals()
				got := a.send(route, token)
				if got.status != http.StatusForbidden {
					t.Errorf("%s: %s %s: %d %s", caller, route.Method, route.Path, got.status, got.body)
					continue
				}
				got.wantProblem(t, http.StatusForbidden, "insufficient_scope")
				if written := a.refusals() - before; (written == 1) != (route.Method != http.MethodGet) {
					t.Errorf("%s: %s %s: %d refusals were written down", caller, route.Method, route.Path, written)
				}
			}
		}
		a.untouched()
	})
}

// From another organization nothing exists, whatever the credential may do there.
func TestAPIOtherOrganization(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAuthority(t, e)
		foreign := map[string]string{
			"token":   a.other.WorkspaceAPIToken.Token,
			"session": a.sessionOf(a.other.Organization.ID, a.other.Admin.ID),
		}
		own := map[string]string{ // absent objects are refused in the same words
			"token": a.admin(), "session": a.sessionOf(a.org(), a.boot.Admin.ID),
		}
		for _, route := range (&api.API{}).Routes() {
			if !strings.Contains(route.Path, "{") || strings.Contains(route.Path, "{rule") {
				continue // a rule is no object: every organization has it, with settings of its own
			}
			for kind, token := range foreign {
				if kind == "token" && strings.Contains(route.Path, "/sessions") {
					continue // of sessions only sessions may speak, whoever's
				}
				got := a.send(route, token)
				if got.status != http.StatusNotFound {
					t.Errorf("%s: %s %s: %d %s", kind, route.Method, route.Path, got.status, got.body)
					continue
				}
				things := a.things
				a.things = map[string]string{}
				for variable := range things {
					a.things[variable] = "999999"
				}
				a.things["{name}"] = "TOKEN"
				absent := a.send(route, own[kind])
				a.things = things
				if there, not := got.json(t), absent.json(t); there["detail"] != not["detail"] || absent.status != got.status {
					t.Errorf("%s: %s %s: foreign is answered %s, absent %s", kind, route.Method, route.Path, got.body, absent.body)
				}
			}
		}
		a.untouched()
		for path, plural := range map[string]string{
			"/workspace_api_tokens": "workspace_api_tokens", "/oauth_applications": "oauth_applications", "/projects": "projects",
			"/extensions": "extensions", "/users": "users", "/credentials": "credentials", "/alerts": "alerts", "/audit_events": "audit_events", "/alert_channels": "alert_channels",
		} {
			seen := a.call(t, "GET", path, a.other.WorkspaceAPIToken.Token, nil).want(t, 200)[plural]
			if text := fmt.Sprint(seen); strings.Contains(text, "Authority") || strings.Contains(text, "acme.test") || strings.Contains(text, "Extension of a test") {
				t.Errorf("%s shows what is another organization's: %s", path, text)
			}
		}
	})
}

// verbsExtensionKey is the key of another extension than the paths name.
func (a *authority) verbsExtensionKey() string {
	a.t.Helper()
	installed := a.call(a.t, "POST", "/extensions", a.admin(), map[string]any{
		"project_id": a.boot.Project.ID,
		"manifest": map[string]any{"model_version": "1.0", "extension": map[string]any{
			"id": "com.example.other", "name": "Other", "version": "1.0.0", "permissions": []string{"issues:read"},
		}},
	}).want(a.t, 201)
	key, _ := installed["api_key"].(map[string]any)["token"].(string)
	return key
}

// fetchAs fetches an access token of the application with fewer scopes than it has.
func (a *authority) fetchAs(scope string) string {
	a.t.Helper()
	rotated := a.call(a.t, "POST", fmt.Sprintf("/oauth_applications/%d/secrets", a.app.ID), a.admin(), nil).want(a.t, 201)
	secret, _ := rotated["client_secret"].(string)
	return a.fetch(a.t, credentials{a.app.ClientID, secret}, "scope", scope)
}

// demoted is a full-access token whose owner was an admin when it was issued.
func (a *authority) demoted() string {
	a.t.Helper()
	path := fmt.Sprintf("/users/%d", a.member.UserID)
	a.call(a.t, "PATCH", path, a.admin(), `{"role":"admin"}`).want(a.t, 200)
	token := a.issue(a.org(), a.member.UserID)
	a.call(a.t, "GET", "/users", token, nil).want(a.t, 200)
	a.call(a.t, "PATCH", path, a.admin(), `{"role":"member"}`).want(a.t, 200)
	return token
}

// untouched fails the test if something of the first organization is gone.
func (a *authority) untouched() {
	a.t.Helper()
	for _, path := range []string{"/workspace_api_tokens/{id}", "/oauth_applications/{id}", "/projects/{id}", "/extensions/{id}", "/extensions/{id}/secrets/{name}", "/users/{id}"} {
		got := a.call(a.t, "GET", a.path(web.Route{Path: api.Base + path}), a.admin(), nil).want(a.t, 200)
		if got["revoked_at"] != nil || got["disabled"] == true {
			a.t.Errorf("%s has changed: %v", path, got)
		}
	}
	if secrets := a.call(a.t, "GET", "/extensions/"+a.things["/extensions/{id}"]+"/secrets", a.admin(), nil).want(a.t, 200); len(secrets["api_keys"].([]any)) != 1 {
		a.t.Errorf("the extension's keys have changed: %v", secrets)
	}
}
