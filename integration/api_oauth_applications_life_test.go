package integration

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func editApplication(t *testing.T, i *instance) {
	got := i.registered(t, "Before", "issues")
	since := len(i.events(t))
	want := got
	want.ClientSecret = ""
	want.Name, want.Scopes, want.AccessTokenLifetime, want.AuthMethod, want.AuthMethods = "After", []string{"projects", "issues:write"}, 120, "client_secret_post", []string{"client_secret_post"}
	change := map[string]any{"oauth_application": map[string]any{
		"name": " After ", "scopes": []string{"projects", "issues:write", "projects"}, "access_token_lifetime": 120, "token_endpoint_auth_method": "client_secret_post",
	}}
	if diff := cmp.Diff(want, i.patch(t, got, change)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	for _, nothing := range []map[string]any{change, {}, {"name": nil, "scopes": nil, "disabled": nil}, {"disabled": false}} {
		if diff := cmp.Diff(want, i.patch(t, got, nothing)); diff != "" {
			t.Errorf("after a change of nothing (-want +got):\n%s", diff)
		}
	}
	back := i.patch(t, got, map[string]any{"access_token_lifetime": nil, "token_endpoint_auth_method": nil})
	if back.AccessTokenLifetime != 3600 || len(back.AuthMethods) != 2 {
		t.Errorf("back at the server's settings: %+v", back)
	}
	events := i.events(t)[since:]
	if len(events) != 2 || events[0].Action != "oauth_application.updated" || events[1].Action != "oauth_application.updated" {
		t.Fatalf("recorded %v", events)
	}
	wantDetails := map[string]any{
		"name":                        map[string]any{"from": "Before", "to": "After"},
		"scopes":                      map[string]any{"from": []any{"issues"}, "to": []any{"projects", "issues:write"}},
		"access_token_lifetime":       map[string]any{"from": 0.0, "to": 120.0},
		"token_endpoint_auth_methods": map[string]any{"from": []any{"client_secret_basic", "client_secret_post"}, "to": []any{"client_secret_post"}},
	}
	if diff := cmp.Diff(wantDetails, events[0].Details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

func narrowApplication(t *testing.T, i *instance) {
	got := i.registered(t, "To be narrowed", "issues", "projects")
	token := i.fetch(t, got.credentials())
	scope := func() any { return i.introspect(t, i.resourceServer(), token)["scope"] }
	i.patch(t, got, map[string]any{"scopes": []string{"issues:read", "comments"}})
	if s := scope(); s != "issues:read" {
		t.Errorf("narrowed, the token permits %v", s)
	}
	if seen := i.introspect(t, i.resourceServer(), token, "scope", "projects:read"); seen["active"] != false {
		t.Errorf("for what was taken away it is %v", seen)
	}
	i.patch(t, got, map[string]any{"scopes": []string{"issues", "projects"}})
	if s := scope(); s != "issues projects" {
		t.Errorf("widened again, the token permits %v", s)
	}
	if off := i.patch(t, got, map[string]any{"disabled": true}); !off.Disabled || i.active(t, token) || i.opens(t, got.credentials()) {
		t.Errorf("disabled it is %+v, and works", off)
	}
	if on := i.patch(t, got, map[string]any{"disabled": false}); on.Disabled || !i.active(t, token) || !i.opens(t, got.credentials()) {
		t.Errorf("enabled it is %+v, and does not work", on)
	}
}

func applicationMethods(t *testing.T, i *instance) {
	got := i.registered(t, "By both methods", "issues")
	works := func() [2]bool {
		basic := i.post(t, "/oauth/token", got.credentials(), "grant_type", "client_credentials")
		post := i.post(t, "/oauth/token", credentials{}, "grant_type", "client_credentials", "client_id", got.ClientID, "client_secret", got.ClientSecret)
		return [2]bool{basic.status == 200, post.status == 200}
	}
	for _, tt := range []struct {
		method any
		want   [2]bool
	}{{nil, [2]bool{true, true}}, {"client_secret_post", [2]bool{false, true}}, {"client_secret_basic", [2]bool{true, false}}, {nil, [2]bool{true, true}}} {
		i.patch(t, got, map[string]any{"token_endpoint_auth_method": tt.method})
		if w := works(); w != tt.want {
			t.Errorf("registered for %v, basic and post: %v", tt.method, w)
		}
	}
}

func deleteApplication(t *testing.T, i *instance) {
	got := i.registered(t, "To be deleted", "issues", "admin")
	token := i.fetch(t, got.credentials())
	i.call(t, "GET", "/me", token, nil).want(t, 200)
	remove := func() (answer, error) { return i.attemptCall("DELETE", got.path(), i.admin(), "") }
	if diff := cmp.Diff([]int{204, 404, 404}, statuses(atOnce(t, remove, remove, remove))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if i.active(t, token) || i.opens(t, got.credentials()) {
		t.Error("it works after it was deleted")
	}
	i.call(t, "GET", "/oauth_applications", token, nil).wantProblem(t, 401, "invalid_token")
	for method, path := range map[string]string{"GET": "", "PATCH": "", "DELETE": "/tokens", "POST": "/secrets"} {
		i.call(t, method, got.path()+path, i.admin(), nil).wantProblem(t, 404, "not_found")
	}
}

func revokeApplicationTokens(t *testing.T, i *instance) {
	got, other := i.registered(t, "To be revoked", "issues"), i.registered(t, "Other", "issues")
	before := []string{i.fetch(t, got.credentials()), i.fetch(t, got.credentials())}
	others := i.fetch(t, other.credentials())
	i.call(t, "DELETE", got.path()+"/tokens", i.admin(), nil).want(t, http.StatusNoContent)
	for _, token := range before {
		if i.active(t, token) {
			t.Error("a token works after all were revoked")
		}
	}
	if after := i.fetch(t, got.credentials()); !i.active(t, after) || !i.active(t, others) {
		t.Error("later tokens, or another's, do not work")
	}
	i.call(t, "DELETE", got.path()+"/tokens", i.admin(), nil).want(t, http.StatusNoContent)
	if n := count(i.actions(t), "oauth_application.tokens_revoked"); n != 2 {
		t.Errorf("recorded %d times", n)
	}
}

// count returns how often a text is among others.
func count(texts []string, text string) (n int) {
	for _, one := range texts {
		if one == text {
			n++
		}
	}
	return n
}
