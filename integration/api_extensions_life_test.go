package integration

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

func updateWithConsent(t *testing.T, i *instance) {
	got := i.install(t, "com.example.update", "issues", "projects:read")
	scopes := func() any { return i.introspect(t, i.resourceServer(), got.APIKey.Token)["scope"] }
	put := func(version string, accepted []string, permissions ...string) answer {
		return i.call(t, "PUT", got.path(), i.admin(), map[string]any{
			"manifest": json.RawMessage(manifest("com.example.update", version, permissions...)), "accept_permissions": accepted,
		})
	}
	i.call(t, "PUT", got.path(), i.admin(), map[string]any{"manifest": json.RawMessage(manifest("com.example.other", "2.0.0"))}).wantInvalid(t, "manifest.extension.id")
	i.call(t, "PUT", got.path(), i.admin(), nil).wantInvalid(t, "manifest")
	put("2.0.0", []string{"admin", "issues", "nothing"}, "issues").wantInvalid(t, "accept_permissions[0]", "accept_permissions[2]")

	for name, accepted := range map[string][]string{"none": nil, "some": {"comments"}, "another half": {"comments", "read:projects"}} {
		p := put("2.0.0", accepted, "issues:read", "projects", "comments:read").wantProblem(t, 409, "consent_required")
		if diff := cmp.Diff([]any{"projects", "comments:read"}, p["added_permissions"]); diff != "" {
			t.Errorf("%s accepted: added_permissions (-want +got):\n%s", name, diff)
		}
	}
	if got := scopes(); got != "issues projects:read" {
		t.Errorf("a version without consent changed the scopes to %v", got)
	}
	updated := read[installed](t, put("2.0.0", []string{"read:comments", "projects"}, "issues:read", "projects", "comments:read"), 200)
	if diff := cmp.Diff(installed{
		ID: got.ID, Key: got.Key, Name: got.Name, Version: "2.0.0", ProjectID: got.ProjectID, Permissions: []string{"issues:read", "projects", "comments:read"},
	}, updated); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := scopes(); got != "issues:read projects comments:read" {
		t.Errorf("with consent the scopes are %v", got)
	}
	put("3.0.0", nil, "projects:write").want(t, 200)
	if got := scopes(); got != "projects:write" {
		t.Errorf("a version that asks for less has %v", got)
	}
	put("4.0.0", nil).want(t, 200)
	if got := scopes(); got != "" {
		t.Errorf("a version that asks for nothing has %v", got)
	}

	var updates [][2]any
	for _, event := range i.events(t) {
		if event.Action == "extension.updated" && event.Target == (storage.Party{Kind: "extension", ID: got.ID, Name: got.Name}) {
			before, _ := event.Details["before"].(map[string]any)
			after, _ := event.Details["after"].(map[string]any)
			updates = append(updates, [2]any{before["version"], after["version"]})
		}
	}
	if diff := cmp.Diff([][2]any{{"1.0.0", "2.0.0"}, {"2.0.0", "3.0.0"}, {"3.0.0", "4.0.0"}}, updates); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

// events returns the audit events of the first organization, but for alerts, which are
// raised some time after what they are about.
func (d *deployment) events(t testing.TB) []storage.AuditEvent {
	t.Helper()
	events, err := d.verbs().Store.AuditEvents(t.Context(), d.boot.Organization.ID, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(events, func(e storage.AuditEvent) bool { return e.Action == "alert.raised" })
}

func (d *deployment) actions(t testing.TB) (actions []string) {
	t.Helper()
	for _, event := range d.events(t) {
		actions = append(actions, event.Action)
	}
	return actions
}

func uninstall(t *testing.T, i *instance) {
	got := i.install(t, "com.example.uninstall", "issues")
	more := read[issuedKey](t, i.call(t, "POST", got.path()+"/secrets/rotate", i.admin(), nil), http.StatusCreated)
	i.call(t, "PUT", got.path()+"/secrets/NAME", more.Token, map[string]any{"value": "x"}).want(t, 201)
	i.call(t, "DELETE", "/extensions/com.example.uninstall", i.admin(), nil).want(t, 204)
	for _, token := range []string{got.APIKey.Token, more.Token} {
		if i.active(t, token) {
			t.Error("a key outlived its installation")
		}
		i.call(t, "GET", "/me", token, nil).wantProblem(t, 401, "invalid_token")
	}
	again := i.install(t, "com.example.uninstall", "projects")
	if again.ID == got.ID || i.active(t, got.APIKey.Token) || !i.active(t, again.APIKey.Token) {
		t.Errorf("installed again as %d, before as %d", again.ID, got.ID)
	}
	if s := i.secretsOf(t, again); len(s.Keys) != 0 || len(s.APIKeys) != 1 {
		t.Errorf("installed again, it has %v", s)
	}
	for method, body := range map[string]any{"GET": nil, "DELETE": nil, "PUT": map[string]any{"manifest": json.RawMessage(manifest("com.example.uninstall", "2.0.0"))}} {
		i.call(t, method, got.path(), i.admin(), body).wantProblem(t, 404, "not_found")
	}
	i.call(t, "POST", got.path()+"/secrets/rotate", i.admin(), nil).wantProblem(t, 404, "not_found")
	i.call(t, "PUT", got.path()+"/secrets/NAME", i.admin(), map[string]any{"value": "x"}).wantProblem(t, 404, "not_found")
}

func foreignExtensions(t *testing.T, i *instance) {
	globex := i.bootstrap("Globex")
	got := i.install(t, "com.example.foreign", "issues")
	key := strconv.FormatInt(got.APIKey.ID, 10)
	update := map[string]any{"manifest": json.RawMessage(manifest(got.Key, "2.0.0"))}
	for _, route := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil},
		{"PUT", "", update},
		{"DELETE", "", nil},
		{"GET", "/secrets", nil},
		{"POST", "/secrets", map[string]any{"key": "A", "value": "b"}},
		{"POST", "/secrets/rotate", nil},
		{"DELETE", "/secrets/" + key, nil},
		{"GET", "/secrets/A", nil},
		{"PUT", "/secrets/A", map[string]any{"value": "b"}},
		{"POST", "/secrets/A", map[string]any{"value": "b"}},
		{"DELETE", "/secrets/A", nil},
	} {
		for _, path := range []string{got.path(), "/extensions/" + got.Key} {
			i.call(t, route.method, path+route.path, globex.WorkspaceAPIToken.Token, route.body).wantProblem(t, 404, "not_found")
		}
	}
	body := map[string]any{"project_id": i.boot.Project.ID, "manifest": json.RawMessage(manifest(got.Key, "1.0.0"))}
	i.call(t, "POST", "/extensions", globex.WorkspaceAPIToken.Token, body).wantProblem(t, 404, "not_found")
	body["project_id"] = globex.Project.ID
	theirs := read[installed](t, i.call(t, "POST", "/extensions", globex.WorkspaceAPIToken.Token, body), http.StatusCreated)
	i.call(t, "GET", theirs.path(), got.APIKey.Token, nil).wantProblem(t, 404, "not_found")
	if shown := read[installed](t, i.call(t, "GET", "/extensions/"+got.Key, i.admin(), nil), 200); shown.ID != got.ID || shown.Version != "1.0.0" {
		t.Errorf("the other organization's installation is in the way: %v", shown)
	}
	for organization, want := range map[int64]int64{i.boot.Organization.ID: got.ID, globex.Organization.ID: theirs.ID, 9999: 0} {
		found, err := i.verbs().Extensions.Find(t.Context(), access.Operator(), organization, got.Key)
		if found.ID != want || (err == nil) != (want != 0) {
			t.Errorf("the operator finds %d in organization %d: %v", found.ID, organization, err)
		}
	}
}
