package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// installed is an extension as its installation is answered.
type installed struct {
	ID          int64
	Key         string
	Name        string
	Version     string
	ProjectID   int64 `json:"project_id"`
	Permissions []string
	APIKey      issuedKey `json:"api_key"`
}

type issuedKey struct {
	ID          int64
	Token       string
	TokenPrefix string `json:"token_prefix"`
}

// path is where the extension is.
func (e installed) path() string { return "/extensions/" + strconv.FormatInt(e.ID, 10) }

// read decodes the body of an answer that must have the status.
func read[T any](t testing.TB, a answer, status int) (v T) {
	t.Helper()
	a.want(t, status)
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// install installs an extension in the default project of the first organization.
func (i *instance) install(t testing.TB, id string, permissions ...string) installed {
	t.Helper()
	return read[installed](t, i.call(t, "POST", "/extensions", i.admin(), map[string]any{
		"project_id": i.boot.Project.ID, "manifest": json.RawMessage(manifest(id, "1.0.0", permissions...)),
	}), http.StatusCreated)
}

func TestExtensions(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"install and use": installAndUse, "several projects": severalProjects, "wrong requests": wrongInstallations,
			"at most what one has": installAtMost, "update with consent": updateWithConsent, "uninstall": uninstall,
			"another organization": foreignExtensions,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

const notesManifest = `
model_version: "1.0"
extension:
  id: com.example.notes
  name: Notes
  version: 1.4.0
  permissions:
    - read:issues
    - projects
  icon: notes.svg
hooks: [{on: issue.created}]
`

func installAndUse(t *testing.T, i *instance) {
	body := map[string]any{"extension": map[string]any{"project_id": i.boot.Project.ID, "manifest": notesManifest}}
	first := i.call(t, "POST", "/extensions", i.admin(), body, "Idempotency-Key", "install notes")
	got := read[installed](t, first, http.StatusCreated)
	if diff := cmp.Diff(installed{
		ID: got.ID, Key: "com.example.notes", Name: "Notes", Version: "1.4.0", ProjectID: i.boot.Project.ID,
		Permissions: []string{"issues:read", "projects"}, APIKey: got.APIKey,
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := i.call(t, "POST", "/extensions", i.admin(), body, "Idempotency-Key", "install notes"); again.body != first.body {
		t.Errorf("sent again, the answer is %d %s", again.status, again.body)
	}
	i.call(t, "POST", "/extensions", i.admin(), body).wantProblem(t, 409, "already_installed")

	seen := i.introspect(t, i.resourceServer(), got.APIKey.Token)
	want := map[string]any{
		"active": true, "scope": "issues:read projects", "token_kind": "extension_key", "sub": fmt.Sprintf("extension:%d", got.ID),
		"client_id": fmt.Sprintf("extension_key:%d", got.APIKey.ID), "organization_id": float64(i.boot.Organization.ID),
		"project_id": float64(i.boot.Project.ID), "extension_id": float64(got.ID), "exp": 253402300799.0,
	}
	for member, value := range want {
		if diff := cmp.Diff(value, seen[member]); diff != "" {
			t.Errorf("introspection, %s (-want +got):\n%s", member, diff)
		}
	}

	shown := i.call(t, "GET", got.path(), i.admin(), nil).want(t, 200)
	if diff := cmp.Diff(map[string]any{
		"model_version": "1.0", "hooks": []any{map[string]any{"on": "issue.created"}}, "extension": map[string]any{
			"id": "com.example.notes", "name": "Notes", "version": "1.4.0", "icon": "notes.svg", "permissions": []any{"read:issues", "projects"},
		},
	}, shown["manifest"]); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if shown["api_key"] != nil || shown["created_at"] == nil {
		t.Errorf("shown: %v", shown)
	}
	key := []string{"X-Kiket-API-Key", got.APIKey.Token}
	for _, path := range []string{got.path(), "/extensions/com.example.notes"} {
		if diff := cmp.Diff(shown, i.call(t, "GET", path, i.admin(), nil).want(t, 200)); diff != "" {
			t.Errorf("%s (-by number +got):\n%s", path, diff)
		}
		if diff := cmp.Diff(shown, i.call(t, "GET", path, "", nil, key...).want(t, 200)); diff != "" {
			t.Errorf("%s with its own key (-by the admin +got):\n%s", path, diff)
		}
		i.call(t, "DELETE", path, "", nil, key...).wantProblem(t, 403, "insufficient_scope")
	}
	i.call(t, "GET", "/extensions", "", nil, key...).wantProblem(t, 403, "insufficient_scope")
	delete(shown, "manifest")
	if all := list(t, i, "/extensions", "extensions"); !slices.ContainsFunc(all, func(one map[string]any) bool { return cmp.Equal(shown, one) }) {
		t.Errorf("%v is not in the list %v", shown, all)
	}
}

func severalProjects(t *testing.T, i *instance) {
	one := i.install(t, "com.example.several", "issues")
	second := read[struct{ ID int64 }](t, i.call(t, "POST", "/projects", i.admin(), map[string]any{"key": "SECOND", "name": "Second"}), http.StatusCreated)
	other := read[installed](t, i.call(t, "POST", "/extensions", i.admin(), map[string]any{
		"project_id": second.ID, "manifest": json.RawMessage(manifest("com.example.several", "1.0.0", "projects")),
	}), http.StatusCreated)
	const path = "/extensions/com.example.several"
	for method, body := range map[string]any{"GET": nil, "DELETE": nil, "PUT": map[string]any{}} {
		p := i.call(t, method, path, i.admin(), body).wantProblem(t, 409, "ambiguous_extension")
		if diff := cmp.Diff([]any{float64(one.ID), float64(other.ID)}, p["ids"]); diff != "" {
			t.Errorf("%s: which are meant (-want +got):\n%s", method, diff)
		}
	}
	for _, own := range []installed{one, other} {
		shown := read[installed](t, i.call(t, "GET", path, own.APIKey.Token, nil), 200)
		if shown.ID != own.ID || shown.ProjectID != own.ProjectID {
			t.Errorf("with its own key %d is %d", own.ID, shown.ID)
		}
	}
	i.call(t, "GET", one.path(), other.APIKey.Token, nil).wantProblem(t, 404, "not_found")
	i.call(t, "DELETE", one.path(), i.admin(), nil).want(t, 204)
	if shown := read[installed](t, i.call(t, "GET", path, i.admin(), nil), 200); shown.ID != other.ID {
		t.Errorf("the one that is left is %d, want %d", shown.ID, other.ID)
	}
}

func wrongInstallations(t *testing.T, i *instance) {
	project := i.boot.Project.ID
	good := json.RawMessage(manifest("com.example.wrong", "1.0.0"))
	for name, tt := range map[string]struct {
		body   any
		fields []string
	}{
		"nothing":          {"{}", []string{"project_id", "manifest"}},
		"null":             {`{"project_id":null,"manifest":null}`, []string{"project_id", "manifest"}},
		"wrong types":      {`{"project_id":"1","manifest":7}`, []string{"project_id", "manifest"}},
		"unknown members":  {map[string]any{"project_id": project, "manifest": good, "permissions": []string{}}, []string{"permissions"}},
		"a negative one":   {map[string]any{"project_id": -1, "manifest": good}, []string{"project_id"}},
		"broken YAML":      {map[string]any{"project_id": project, "manifest": "a: [\n"}, []string{"manifest"}},
		"an alias":         {map[string]any{"project_id": project, "manifest": "a: &a 1\nb: *a\n"}, []string{"manifest.a", "manifest.b"}},
		"a member twice":   {fmt.Sprintf(`{"project_id":%d,"manifest":{"model_version":"1.0","model_version":"1.0"}}`, project), []string{"manifest.model_version"}},
		"an empty object":  {map[string]any{"project_id": project, "manifest": map[string]any{}}, []string{"manifest.model_version", "manifest.extension"}},
		"admin":            {map[string]any{"project_id": project, "manifest": json.RawMessage(manifest("a.b", "1", "issues", "admin"))}, []string{"manifest.extension.permissions[1]"}},
		"unknown":          {map[string]any{"project_id": project, "manifest": json.RawMessage(manifest("a.b", "1", "read:secrets"))}, []string{"manifest.extension.permissions[0]"}},
		"a number as name": {map[string]any{"project_id": project, "manifest": json.RawMessage(manifest("42", "1"))}, []string{"manifest.extension.id"}},
		"all at once": {
			map[string]any{"manifest": json.RawMessage(manifest(" ", "", "no"))},
			[]string{"project_id", "manifest.extension.id", "manifest.extension.version", "manifest.extension.permissions[0]"},
		},
	} {
		t.Run(name, func(t *testing.T) { i.call(t, "POST", "/extensions", i.admin(), tt.body).wantInvalid(t, tt.fields...) })
	}
	i.call(t, "POST", "/extensions", i.admin(), map[string]any{"project_id": 9999, "manifest": good}).wantProblem(t, 404, "not_found")
	i.call(t, "POST", "/extensions", i.admin(), map[string]any{"project_id": project, "manifest": "# " + strings.Repeat("x", 400<<10)}).wantProblem(t, 413, "too_large")
	for _, id := range []string{"com.example.wrong", "9999", "0", "99999999999999999999", "%00", "a%20b", "é"} {
		i.call(t, "GET", "/extensions/"+id, i.admin(), nil).wantProblem(t, 404, "not_found")
	}
}

// Nobody installs an extension, or gives it a key, that may do more than they may.
func installAtMost(t *testing.T, i *instance) {
	narrow := i.workspaceToken(time.Time{}, "admin", "issues:read").Secret.Reveal()
	body := func(permissions ...string) map[string]any {
		return map[string]any{"project_id": i.boot.Project.ID, "manifest": json.RawMessage(manifest("com.example.narrow", "1.0.0", permissions...))}
	}
	i.call(t, "POST", "/extensions", narrow, body("issues")).wantProblem(t, 403, "forbidden")
	i.call(t, "POST", "/extensions", narrow, body("issues:read", "projects:read")).wantProblem(t, 403, "forbidden")
	got := read[installed](t, i.call(t, "POST", "/extensions", narrow, body("issues:read")), http.StatusCreated)

	wider := map[string]any{"manifest": json.RawMessage(manifest("com.example.narrow", "2.0.0", "issues:read", "projects")), "accept_permissions": []string{"projects"}}
	i.call(t, "PUT", got.path(), narrow, wider).wantProblem(t, 403, "forbidden")
	i.call(t, "PUT", got.path(), i.admin(), wider).want(t, 200)
	i.call(t, "POST", got.path()+"/secrets/rotate", narrow, nil).wantProblem(t, 403, "forbidden")
	if keys := i.secretsOf(t, got).APIKeys; len(keys) != 1 || keys[0].ExpiresAt != nil {
		t.Errorf("a refused rotation left the keys %v", keys)
	}
	if !slices.Contains(i.actions(t), "extension.key_rotate_denied") {
		t.Error("the refusal is not in the audit log")
	}
}

// named returns an installation of the first organization.
func (i *instance) named(t testing.TB, id string) installed {
	t.Helper()
	return read[installed](t, i.call(t, "GET", "/extensions/"+id, i.admin(), nil), 200)
}
