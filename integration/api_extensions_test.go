package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
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

// events returns the audit events of the first organization.
func (d *deployment) events(t testing.TB) []storage.AuditEvent {
	t.Helper()
	events, err := d.verbs().Store.AuditEvents(t.Context(), d.boot.Organization.ID, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return events
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

// attemptCall is [instance.call] for many goroutines: what goes wrong is an error.
func (i *instance) attemptCall(method, path, token, body string) (answer, error) {
	r := i.request(method, "/api/v1"+path, body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
	return attemptRequest(r)
}

// atOnce runs all at once and returns their answers in order.
func atOnce(t *testing.T, calls ...func() (answer, error)) []answer {
	t.Helper()
	answers, problems := make([]answer, len(calls)), make([]error, len(calls))
	begin := make(chan struct{})
	var done sync.WaitGroup
	for n, call := range calls {
		done.Go(func() {
			<-begin
			answers[n], problems[n] = call()
		})
	}
	close(begin)
	done.Wait()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
	return answers
}

func statuses(answers []answer) (all []int) {
	for _, a := range answers {
		all = append(all, a.status)
	}
	slices.Sort(all)
	return all
}

func TestExtensionsAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		one, other := d.serve(), d.serve()
		installing := func(i *instance, id string) func() (answer, error) {
			body := fmt.Sprintf(`{"project_id":%d,"manifest":%s}`, i.boot.Project.ID, manifest(id, "1.0.0", "issues"))
			return func() (answer, error) { return i.attemptCall("POST", "/extensions", i.admin(), body) }
		}
		calling := func(i *instance, method, path, body string) func() (answer, error) {
			return func() (answer, error) { return i.attemptCall(method, path, i.admin(), body) }
		}
		t.Run("two installations", func(t *testing.T) {
			answers := atOnce(t, installing(one, "com.example.two"), installing(other, "com.example.two"), installing(one, "com.example.two"), installing(other, "com.example.two"))
			if diff := cmp.Diff([]int{201, 409, 409, 409}, statuses(answers)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if keys := one.secretsOf(t, one.named(t, "com.example.two")).APIKeys; len(keys) != 1 {
				t.Errorf("keys %v", keys)
			}
		})
		t.Run("two rotations", func(t *testing.T) {
			for overlap, want := range map[int]struct{ live, open int }{3600: {2, 3}, 0: {1, 1}} {
				got := one.install(t, fmt.Sprintf("com.example.rotate%d", overlap), "issues")
				body := fmt.Sprintf(`{"previous_expires_in":%d}`, overlap)
				live := 0
				for _, a := range atOnce(t, calling(one, "POST", got.path()+"/secrets/rotate", body), calling(other, "POST", got.path()+"/secrets/rotate", body)) {
					if one.active(t, read[issuedKey](t, a, http.StatusCreated).Token) {
						live++
					}
				}
				if open := len(one.secretsOf(t, got).APIKeys); live != want.live || open != want.open {
					t.Errorf("with an overlap of %d s %d of the two work, and %d in all; want %v", overlap, live, open, want)
				}
			}
		})
		t.Run("install and uninstall", func(t *testing.T) {
			for round := range 8 {
				id := fmt.Sprintf("com.example.both%d", round)
				got := one.install(t, id, "issues")
				answers := atOnce(t, installing(one, id), calling(other, "DELETE", got.path(), ""), calling(one, "DELETE", got.path(), ""))
				if ended := statuses(answers[1:]); !slices.Equal(ended, []int{204, 404}) || one.active(t, got.APIKey.Token) {
					t.Errorf("uninstalling twice: %v", ended)
				}
				switch a := answers[0]; a.status {
				case http.StatusConflict:
					one.call(t, "GET", "/extensions/"+id, one.admin(), nil).wantProblem(t, 404, "not_found")
				default:
					again := read[installed](t, a, http.StatusCreated)
					if one.named(t, id).ID != again.ID || !one.active(t, again.APIKey.Token) {
						t.Errorf("installed as %d, and it does not work", again.ID)
					}
				}
			}
		})
		t.Run("uninstall and everything else", func(t *testing.T) {
			for round := range 8 {
				got := one.install(t, fmt.Sprintf("com.example.end%d", round), "issues")
				wider := fmt.Sprintf(`{"manifest":%s}`, manifest(got.Key, "2.0.0", "issues:read"))
				answers := atOnce(t,
					calling(one, "DELETE", got.path(), ""), calling(other, "POST", got.path()+"/secrets/rotate", ""),
					calling(one, "PUT", got.path()+"/secrets/NAME", `{"value":"x"}`), calling(other, "PUT", got.path(), wider))
				for n, ok := range []int{204, 201, 201, 200} {
					if s := answers[n].status; s != ok && (s != http.StatusNotFound || n == 0) {
						t.Errorf("call %d: %d %s", n, s, answers[n].body)
					}
				}
				if a := answers[1]; a.status == http.StatusCreated && one.active(t, read[issuedKey](t, a, http.StatusCreated).Token) {
					t.Error("a key was issued to what was uninstalled")
				}
				store := d.verbs().Store
				names, err := store.NamedSecretNames(t.Context(), d.boot.Organization.ID, got.ID)
				if err != nil || len(names) > 0 {
					t.Errorf("secrets %v are left: %v", names, err)
				}
			}
		})
	})
}

// named returns an installation of the first organization.
func (i *instance) named(t testing.TB, id string) installed {
	t.Helper()
	return read[installed](t, i.call(t, "GET", "/extensions/"+id, i.admin(), nil), 200)
}
