package integration

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// Every kind of credential may ask whose it is and what it may do.
func TestMe(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		admin := i.boot.Admin
		expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		session, full, narrow := i.session(), i.workspaceToken(time.Time{}), i.workspaceToken(expires, "issues:read", "projects")
		application := i.register(clients.ApplicationRequest{Name: "Billing", Scopes: storage.NewScopes("issues", "admin")})
		access := i.fetch(t, application, "scope", "issues:read")
		seen := i.introspect(t, i.resourceServer(), access)
		extension := i.extension("issues:read", "comments")
		robin := i.person(t, "Robin", storage.RoleMember)

		all := []any{"issues", "projects", "comments", "workflows", "analytics", "admin"}
		token := func(kind string, id any, name string, scopes []any, full bool, expires any) map[string]any {
			return map[string]any{"kind": kind, "id": id, "name": name, "scopes": scopes, "full_access": full, "expires_at": expires}
		}
		tests := []struct {
			name, token string
			want        map[string]any
		}{
			{"session", session.Secret.Reveal(), map[string]any{
				"id": float64(admin.ID), "email": admin.Email, "name": admin.Name, "role": "admin",
				"token": token("session", float64(session.Token.ID), admin.Name, all, true, session.Token.ExpiresAt.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)),
			}},
			{"member's session", robin.session, map[string]any{
				"id": float64(robin.id), "email": robin.email, "name": "Robin", "role": "member",
				"token": token("session", nil, "Robin", all[:5], false, nil),
			}},
			{"full access", full.Secret.Reveal(), map[string]any{
				"id": float64(admin.ID), "email": admin.Email, "name": admin.Name, "role": "admin",
				"token": token("workspace_api_token", float64(full.Token.ID), "Token of a test", all, true, nil),
			}},
			{"narrow token", narrow.Secret.Reveal(), map[string]any{
				"id": float64(admin.ID), "email": admin.Email, "name": admin.Name, "role": "admin",
				"token": token("workspace_api_token", float64(narrow.Token.ID), "Token of a test", []any{"issues:read", "projects"}, false, expires.Format(time.RFC3339)),
			}},
			{"application", access, map[string]any{
				"id": nil, "email": nil, "name": "Billing", "role": nil, "client_id": application.id,
				"token": token("access_token", seen["credential_id"], "Billing", []any{"issues:read"}, false, time.Unix(int64(number(t, seen["exp"])), 0).UTC().Format(time.RFC3339)),
			}},
			{"extension", extension.Key.Secret.Reveal(), map[string]any{
				"id": nil, "email": nil, "name": extension.Installation.Name, "role": nil,
				"extension": map[string]any{
					"id": float64(extension.Installation.ID), "key": extension.Installation.Key,
					"version": "1.0.0", "project_id": float64(i.boot.Project.ID),
				},
				"token": token("extension_key", float64(extension.Key.Token.ID), extension.Key.Token.Name, []any{"issues:read", "comments"}, false, nil),
			}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				tt.want["organization"] = map[string]any{"id": float64(i.boot.Organization.ID), "slug": "acme", "name": "Acme"}
				got := i.call(t, "GET", "/me", tt.token, nil).want(t, http.StatusOK)
				if want, _ := tt.want["token"].(map[string]any); want["id"] == nil { // not known to this test
					had, _ := got["token"].(map[string]any)
					want["id"], want["expires_at"] = had["id"], had["expires_at"]
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
		key := i.request("GET", "/api/v1/me", "", "X-Kiket-API-Key", extension.Key.Secret.Reveal())
		do(t, key).want(t, http.StatusOK)
		i.call(t, "GET", "/me", "", nil).wantProblem(t, http.StatusUnauthorized, "unauthorized")
	})
}

func number(t testing.TB, v any) float64 {
	t.Helper()
	n, ok := v.(float64)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	return n
}
