package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kiket.dev/auth/handlers/console"
	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/alerts"
)

// No page of the console, and no form, works for who has not signed in, for a plain
// member, or for the admin of another organization. Every route is tried: one that this
// test does not know how to ask for fails it.
func TestConsoleAuthority(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAuthority(t, e)
		pages, err := console.New(a.verbs)
		if err != nil {
			t.Fatal(err)
		}
		stranger := a.visitor(t)
		member := a.visitorWith(t, a.instance.sessionOf(t, a.org(), a.member.UserID).Secret.Reveal())
		foreign := a.visitorWith(t, a.instance.sessionOf(t, a.other.Organization.ID, a.other.Admin.ID).Secret.Reveal())
		admin := a.visitingAdmin(t)
		seen, tried := len(a.events(t)), 0
		for _, route := range pages.Routes() {
			if route.Permission == web.Public {
				continue
			}
			path := a.page(route)
			if p := stranger.visit(route.Method, path); p.status != http.StatusOK || !strings.HasPrefix(p.path, "/console/sign-in") {
				t.Errorf("%s %s, nobody: %d at %s", route.Method, route.Path, p.status, p.path)
			}
			if route.Permission != "admin" {
				continue
			}
			tried++
			if p := member.visit(route.Method, path); p.status != http.StatusForbidden {
				t.Errorf("%s %s, a member: %d", route.Method, route.Path, p.status)
			}
			if named := strings.Contains(route.Path, "{id"); named {
				if p := foreign.visit(route.Method, path); p.status != http.StatusNotFound || strings.Contains(p.text, "Authority") {
					t.Errorf("%s %s, another organization: %d %s", route.Method, route.Path, p.status, p.text)
				}
			}
			if route.Method == http.MethodGet {
				if p := admin.visit(route.Method, path); p.status != http.StatusOK {
					t.Errorf("%s %s, an admin: %d %s", route.Method, route.Path, p.status, p.text)
				}
			}
		}
		if tried < 50 {
			t.Errorf("only %d routes are for admins", tried)
		}
		for _, event := range a.events(t)[seen:] {
			if !strings.HasSuffix(event.Action, "_denied") && event.Action != "audit_log.exported" {
				t.Errorf("%s was done by %s", event.Action, event.Actor.Name)
			}
		}
	})
}

// visit asks for a page, or sends it an empty form.
func (v *visitor) visit(method, path string) visited {
	v.t.Helper()
	if method == http.MethodPost {
		return v.post(path)
	}
	return v.get(path)
}

// page fills in the variables of a page's path with objects of the first organization.
func (a *authority) page(route web.Route) string {
	a.t.Helper()
	path := strings.ReplaceAll(route.Path, ":[0-9]+}", "}")
	for variable, value := range map[string]string{
		"/alerts/channels/{id}":               "/alerts/channels/" + a.things["/alert_channels/{id}"],
		"/alerts/{id}":                        "/alerts/" + a.things["/alerts/{id}"],
		"/integrations/{id}":                  "/integrations/" + fmt.Sprint(a.app.ID),
		"{secret}":                            a.things["{secret_id}"],
		"/credentials/oauth_application/{id}": "/credentials/oauth_application/" + fmt.Sprint(a.app.ID),
		"/credentials/{kind:workspace_api_token|extension_key|session|client_secret}/{id}": "/credentials/workspace_api_token/" + a.things["/workspace_api_tokens/{id}"],
		"/extensions/{id}":       "/extensions/" + a.things["/extensions/{id}"],
		"{key}":                  a.things["{name:[0-9]+}"],
		"{name:[A-Z][A-Z0-9_]*}": a.things["{name}"],
		"{rule:[a-z_]+}":         string(alerts.RevokedUsed),
		"/members/{id}":          "/members/" + a.things["/users/{id}"],
		"/api-tokens/{id}":       "/api-tokens/" + a.things["/workspace_api_tokens/{id}"],
		"/account/sessions/{id}": "/account/sessions/" + a.things["/sessions/{id}"],
	} {
		path = strings.ReplaceAll(path, variable, value)
	}
	switch path {
	case "/console/audit/export":
		path += "?format=csv"
	case "/console/credentials/revoke":
		path += "?ids=workspace_api_token:" + a.things["/workspace_api_tokens/{id}"]
	}
	if strings.ContainsAny(path, "{}") {
		a.t.Fatalf("%s: this test does not know what to put in its variables", route.Path)
	}
	return path
}
