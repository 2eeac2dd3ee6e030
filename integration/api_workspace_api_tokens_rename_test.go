package integration

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// A token gets another name and stays what it is.
func TestWorkspaceTokenRename(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		made := i.mint(t, i.admin(), "before", "issues", "admin")
		shown := func() workspaceToken {
			return read[workspaceToken](t, i.call(t, "GET", made.path(), i.admin(), nil), http.StatusOK)
		}
		want := shown()
		for _, body := range []string{`{"name":" after "}`, `{"workspace_api_token":{"name":"after"}}`, `{"name":null}`, `{}`, ``} {
			got := read[workspaceToken](t, i.call(t, "PATCH", made.path(), i.admin(), body), http.StatusOK)
			if want.Name = "after"; got.Token != "" {
				t.Error("the secret is shown again")
			}
			if diff := cmp.Diff([]workspaceToken{want, want}, []workspaceToken{got, shown()}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
		}
		if !i.active(t, made.Token) {
			t.Error("it works no more")
		}
		for body, field := range map[string]string{
			`{"name":""}`: "name", `{"name":7}`: "name", `{"scopes":["issues"]}`: "scopes", `{"name":"x","expires_at":null}`: "expires_at", `{"owner":1}`: "owner",
		} {
			i.call(t, "PATCH", made.path(), i.admin(), body).wantInvalid(t, field)
		}
		i.call(t, "PATCH", "/workspace_api_tokens/4711", i.admin(), `{"name":"x"}`).wantProblem(t, 404, "not_found")
		installed := i.install(t, "com.example.rename", "issues")
		i.call(t, "PATCH", "/workspace_api_tokens/"+strconv.FormatInt(installed.APIKey.ID, 10), i.admin(), `{"name":"x"}`).wantProblem(t, 404, "not_found")
		// One that has been revoked is looked for by its name, too.
		i.call(t, "DELETE", made.path(), i.admin(), nil).want(t, http.StatusNoContent)
		i.call(t, "PATCH", made.path(), i.admin(), `{"name":"leaked"}`).want(t, http.StatusOK)

		var recorded []storage.AuditEvent
		for _, event := range i.events(t) {
			if event.Action == "workspace_api_token.updated" {
				recorded = append(recorded, storage.AuditEvent{Target: event.Target, Details: event.Details})
			}
		}
		renamed := func(before, after string) storage.AuditEvent {
			return storage.AuditEvent{
				Target:  storage.Party{Kind: "workspace_api_token", ID: made.ID, Name: after},
				Details: map[string]any{"name": map[string]any{"before": before, "after": after}},
			}
		}
		if diff := cmp.Diff([]storage.AuditEvent{renamed("before", "after"), renamed("after", "leaked")}, recorded); diff != "" {
			t.Errorf("audit events (-want +got):\n%s", diff)
		}
	})
}
