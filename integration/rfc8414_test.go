package integration

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metadataPaths are where the metadata is: that of RFC 8414 section 3, and the
// one of OpenID Connect for libraries that know only that.
var metadataPaths = []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}

// Authorization server metadata (RFC 8414): what is advertised exists and works,
// and nothing else does.
func TestMetadata(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_SCOPES=reports")
		document := i.metadata(t)
		t.Run("document", func(t *testing.T) { checkMetadata(t, document) })
		t.Run("endpoints", func(t *testing.T) { checkAdvertisedEndpoints(t, i, document) })
		t.Run("authentication", func(t *testing.T) { checkAdvertisedAuthentication(t, i, document) })
		t.Run("scopes", func(t *testing.T) { checkAdvertisedScopes(t, i, document) })
		t.Run("grants", func(t *testing.T) { checkAdvertisedGrants(t, i, document) })
	})
}

// metadata fetches the document, which must be the same at both paths.
func (i *instance) metadata(t testing.TB) map[string]any {
	t.Helper()
	var bodies []string
	for _, path := range metadataPaths {
		a := i.get(t, path)
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		bodies = append(bodies, a.body)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the documents differ:\n%s\n%s", bodies[0], bodies[1])
	}
	return answer{body: bodies[0]}.json(t)
}

// stringsOf returns a member that is a list of strings.
func stringsOf(t testing.TB, document map[string]any, member string) []string {
	t.Helper()
	list, ok := document[member].([]any)
	if !ok {
		t.Fatalf("%s is %v", member, document[member])
	}
	var texts []string
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			t.Fatalf("%s holds %v", member, v)
		}
		texts = append(texts, text)
	}
	return texts
}

func checkMetadata(t *testing.T, document map[string]any) {
	scopes := []any{}
	for _, name := range []string{"issues", "projects", "comments", "workflows", "analytics", "reports"} {
		scopes = append(scopes, name, name+":read", name+":write")
	}
	methods := []any{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	algorithms := []any{"ES256", "ES384", "ES512", "Ed25519", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	want := map[string]any{
		"issuer":                           issuer,
		"token_endpoint":                   issuer + "/oauth/token",
		"introspection_endpoint":           issuer + "/oauth/introspect",
		"revocation_endpoint":              issuer + "/oauth/revoke",
		"jwks_uri":                         issuer + "/.well-known/jwks.json",
		"scopes_supported":                 append(scopes, "admin"),
		"grant_types_supported":            []any{"client_credentials"},
		"authorization_endpoint":           issuer + "/oauth/authorize",
		"response_types_supported":         []any{},
		"code_challenge_methods_supported": []any{"S256"},
	}
	want["token_endpoint_auth_methods_supported"] = methods
	want["introspection_endpoint_auth_methods_supported"] = append(slices.Clone(methods), "Bearer")
	want["revocation_endpoint_auth_methods_supported"] = methods
	for _, endpoint := range []string{"token", "introspection", "revocation"} {
		want[endpoint+"_endpoint_auth_signing_alg_values_supported"] = algorithms
	}
	want["introspection_signing_alg_values_supported"] = []any{"ES256"}
	if diff := cmp.Diff(want, document); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// checkAdvertisedEndpoints visits every URL of the document.
func checkAdvertisedEndpoints(t *testing.T, i *instance, document map[string]any) {
	var visited []string
	for member, value := range document {
		if !strings.HasSuffix(member, "_endpoint") && !strings.HasSuffix(member, "_uri") {
			continue
		}
		path, below := strings.CutPrefix(value.(string), issuer)
		if !below || !strings.HasPrefix(path, "/") {
			t.Errorf("%s is %s, which is not below the issuer", member, value)
			continue
		}
		visited = append(visited, member)
		if a := i.get(t, path); a.status != http.StatusOK && (a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST") {
			t.Errorf("%s: GET answered %d, Allow %q", member, a.status, a.header.Get("Allow"))
		}
	}
	slices.Sort(visited)
	want := []string{"authorization_endpoint", "introspection_endpoint", "jwks_uri", "revocation_endpoint", "token_endpoint"}
	if diff := cmp.Diff(want, visited); diff != "" {
		t.Errorf("visited (-want +got):\n%s", diff)
	}
}

// checkAdvertisedScopes fetches tokens for each scope alone, and for all at once.
func checkAdvertisedScopes(t *testing.T, i *instance, document map[string]any) {
	advertised := stringsOf(t, document, "scopes_supported")
	application := i.application("issues")
	i.narrow(application, advertised...)
	for _, scope := range append(advertised, strings.Join(advertised, " ")) {
		seen := i.introspect(t, i.resourceServer(), i.fetch(t, application, "scope", scope))
		if seen["active"] != true || seen["scope"] != scope {
			t.Errorf("asked for %q, granted %v", scope, seen["scope"])
		}
	}
	for _, scope := range []string{"openid", "offline_access", "Issues", "issues:admin", "admin:read", "*"} {
		if a := i.post(t, "/oauth/token", application, "grant_type", "client_credentials", "scope", scope); a.status != http.StatusBadRequest || a.json(t)["error"] != "invalid_scope" {
			t.Errorf("scope %s, which is not advertised: %d %s", scope, a.status, a.body)
		}
	}
}

func checkAdvertisedGrants(t *testing.T, i *instance, document map[string]any) {
	application := i.application("issues")
	known := []string{
		"authorization_code", "implicit", "password", "client_credentials", "refresh_token",
		"urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer",
		"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
	}
	advertised := stringsOf(t, document, "grant_types_supported")
	for _, grant := range advertised {
		if !slices.Contains(known, grant) {
			t.Errorf("advertises %s, which this test does not know", grant)
		}
	}
	for _, grant := range known {
		a := i.post(t, "/oauth/token", application, "grant_type", grant)
		refused := a.status == http.StatusBadRequest && a.json(t)["error"] == "unsupported_grant_type"
		if works := a.status == http.StatusOK; works != slices.Contains(advertised, grant) || works == refused {
			t.Errorf("%s: %d %s", grant, a.status, a.body)
		}
	}
}
