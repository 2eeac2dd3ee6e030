package integration

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The server's own API as a protected resource (RFC 9728).
func TestProtectedResource(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		want := map[string]any{
			"resource": audience, "authorization_servers": []any{issuer},
			"bearer_methods_supported": []any{"header"}, "resource_name": "Kiket management API",
		}
		// By its host (section 3), and by the identifier of the resource (section 3.1).
		for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/api"} {
			a := i.get(t, path, "Origin", "https://app.example.com")
			if diff := cmp.Diff(want, a.want(t, http.StatusOK)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
			if a.header.Get("Content-Type") != "application/json" || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %v", path, a.header)
			}
		}
		if a := i.get(t, "/.well-known/oauth-protected-resource/other"); a.status != http.StatusNotFound {
			t.Errorf("of another resource: %d", a.status)
		}
		challengesNameTheMetadata(t, i)
	})
}

// challengesNameTheMetadata asks for what is refused and looks at the challenges (RFC
// 9728 section 5.1, RFC 6750 section 3).
func challengesNameTheMetadata(t *testing.T, i *instance) {
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	issues := i.workspaceToken(time.Time{}, "issues").Secret.Reveal()
	for name, tt := range map[string]struct {
		a      answer
		status int
		code   string // "": nothing was presented, which is no error
		scope  string
	}{
		"nothing":                     {i.get(t, "/api/v1/projects"), 401, "", ""},
		"an unknown token":            {i.get(t, "/api/v1/projects", bearer("x")...), 401, "invalid_token", ""},
		"projects":                    {i.get(t, "/api/v1/projects", bearer(issues)...), 403, "insufficient_scope", "projects:read"},
		"making a project":            {do(t, i.request("POST", "/api/v1/projects", `{"key":"A","name":"A"}`, append(bearer(issues), "Content-Type", "application/json")...)), 403, "insufficient_scope", "projects:write"},
		"applications":                {i.get(t, "/api/v1/oauth_applications", bearer(issues)...), 403, "insufficient_scope", "admin"},
		"introspection":               {i.postRaw(t, "/oauth/introspect", "token=x"), 401, "", ""},
		"introspection by a stranger": {i.postRaw(t, "/oauth/introspect", "token=x", bearer("x")...), 401, "invalid_token", ""},
		"introspection without admin": {i.postRaw(t, "/oauth/introspect", "token=x", bearer(issues)...), 401, "insufficient_scope", "admin"},
	} {
		challenge := ""
		for _, c := range tt.a.header.Values("WWW-Authenticate") {
			if strings.HasPrefix(c, "Bearer ") {
				challenge = c
			}
		}
		parameters := parametersOf(challenge)
		if tt.a.status != tt.status || parameters["error"] != tt.code || parameters["scope"] != tt.scope ||
			parameters["resource_metadata"] != issuer+"/.well-known/oauth-protected-resource" {
			t.Errorf("%s: %d, challenge %q", name, tt.a.status, challenge)
		}
	}
}

// parametersOf reads the parameters of a challenge, whose values are quoted and hold no
// quotes.
func parametersOf(challenge string) map[string]string {
	found := map[string]string{}
	_, rest, _ := strings.Cut(challenge, " ")
	for rest != "" {
		name, after, _ := strings.Cut(rest, `="`)
		value, next, _ := strings.Cut(after, `"`)
		found[strings.TrimLeft(name, ", ")] = value
		rest = next
	}
	return found
}
