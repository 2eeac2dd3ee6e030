package integration

import (
	"testing"
	"time"
)

// One pipeline: every kind of credential is introspected and revoked alike.
func TestPipelineOfEveryKind(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		application := i.application("issues", "projects:read")
		kinds := map[string]string{
			"access_token":        i.fetch(t, application),
			"workspace_api_token": i.workspaceToken(time.Time{}).Secret.Reveal(),
			"extension_key":       i.extension("issues:read").Key.Secret.Reveal(),
			"session":             i.session().Secret.Reveal(),
		}
		for kind, token := range kinds {
			seen := i.introspect(t, i.resourceServer(), token)
			if seen["active"] != true || seen["token_kind"] != kind {
				t.Errorf("%s: introspected as %v", kind, seen)
			}
			holder := credentials{}
			if kind == "access_token" {
				holder = application
			}
			if a := i.post(t, "/oauth/revoke", holder, "token", token); a.status != 200 || a.body != "" {
				t.Errorf("%s: revocation answered %d %s", kind, a.status, a.body)
			}
			if i.active(t, token) {
				t.Errorf("%s: active after its revocation", kind)
			}
		}
	})
}
