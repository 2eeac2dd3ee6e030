package integration

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"kiket.dev/auth/storage"
)

// exampleAPI is a program of docs/examples that protects /issues.
type exampleAPI struct {
	name  string
	local bool // it verifies access tokens by itself
	start func(t testing.TB, i *instance) (address string)
}

func exampleAPIs() []exampleAPI {
	return []exampleAPI{
		{"api-go-introspection", false, startGoExample("api-go-introspection")},
		{"api-go-jwks", true, startGoExample("api-go-jwks")},
		{"api-node-introspection", false, func(t testing.TB, i *instance) string {
			return i.runAPI(t, "node", examplePath(t, "api-node-introspection/main.mjs"))
		}},
		{"api-node-jwks", true, func(t testing.TB, i *instance) string {
			return i.runAPI(t, "node", filepath.Join(installPackages(t, examplePath(t, "api-node-jwks")), "main.mjs"))
		}},
		{"api-nginx", false, startNginxExample},
	}
}

func startGoExample(name string) func(testing.TB, *instance) string {
	return func(t testing.TB, i *instance) string {
		program := filepath.Join(t.TempDir(), name)
		runIn(t, root, "", "go", "build", "-o", program, "./docs/examples/"+name)
		return i.runAPI(t, program)
	}
}

// runAPI starts a program that protects an API, with the environment that the
// guide names, and returns its address.
func (i *instance) runAPI(t testing.TB, command ...string) string {
	t.Helper()
	address := freeAddress(t)
	runProgram(t, address, []string{
		"LISTEN=" + address, "ISSUER=" + i.base, "AUDIENCE=" + i.base + "/api",
		"API_CLIENT_ID=" + i.boot.ResourceServer.ClientID, "API_CLIENT_SECRET=" + i.boot.ResourceServer.ClientSecret,
	}, command...)
	return address
}

// protectedAPI is a running API.
type protectedAPI struct {
	exampleAPI
	address string
	used    workspaceToken // that is presented to it alone
}

// The programs of the guide "Protect your API" do what it says of them, while
// the server is there and when it is gone.
func TestProtectYourAPI(t *testing.T) {
	t.Parallel()
	i := startAtIssuer(t, sqlite)
	i.registerResourceServer("other", "https://other.test/api", "")
	var apis []protectedAPI
	for _, example := range exampleAPIs() {
		apis = append(apis, protectedAPI{example, example.start(t, i), i.mint(t, i.admin(), example.name, "issues:read")})
	}
	for _, a := range apis {
		t.Run(a.name, func(t *testing.T) { a.check(t, i) })
	}
	token := i.fetch(t, i.application("issues"))
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	for _, a := range apis {
		t.Run(a.name+" alone", func(t *testing.T) { a.checkAlone(t, i, token) })
	}
}

// check asks with every kind of token that there is.
func (a protectedAPI) check(t *testing.T, i *instance) {
	application, half := i.application("issues", "projects"), i.application("issues:read")
	token := i.fetch(t, application)
	a.want(t, "an access token", "GET", "Bearer "+token, http.StatusOK, "")
	a.want(t, "a scheme in lower case", "GET", "bearer "+token, http.StatusOK, "")
	a.want(t, "the half that is needed", "GET", "Bearer "+i.fetch(t, half), http.StatusOK, "")
	a.want(t, "the half that is not", "POST", "Bearer "+i.fetch(t, half), http.StatusForbidden, `error="insufficient_scope", scope="issues:write"`)
	write := i.fetch(t, application, "scope", "projects issues:write")
	a.want(t, "the other half", "GET", "Bearer "+write, http.StatusForbidden, `error="insufficient_scope", scope="issues:read"`)
	a.want(t, "the other half, for what it is", "POST", "Bearer "+write, http.StatusOK, "")

	missing, invalid := `scope="issues:read"`, `error="invalid_token"`
	a.want(t, "nothing", "GET", "", http.StatusUnauthorized, missing)
	a.want(t, "no token", "GET", "Bearer", http.StatusUnauthorized, missing)
	a.want(t, "another scheme", "GET", "Basic "+token, http.StatusUnauthorized, missing)
	a.want(t, "nonsense", "GET", "Bearer nonsense&scope=issues", http.StatusUnauthorized, invalid)
	a.want(t, "a token for another API", "GET", "Bearer "+i.fetch(t, application, "resource", "https://other.test/api"), http.StatusUnauthorized, invalid)
	for name, header := range map[string]string{
		"no key is named":           `{"alg":"ES256","typ":"at+jwt"}`,
		"an unknown key is named":   `{"alg":"ES256","typ":"at+jwt","kid":"unknown"}`,
		"it is not signed":          `{"alg":"none","typ":"at+jwt"}`,
		"it is another kind of JWT": `{"alg":"ES256","typ":"JWT"}`,
	} {
		_, rest, _ := strings.Cut(token, ".")
		a.want(t, name, "GET", "Bearer "+base64.RawURLEncoding.EncodeToString([]byte(header))+"."+rest, http.StatusUnauthorized, invalid)
	}

	workspace, revoked, why := http.StatusOK, http.StatusUnauthorized, invalid
	if a.local {
		workspace, revoked, why = http.StatusUnauthorized, http.StatusOK, ""
	}
	a.want(t, "a workspace token", "GET", "Bearer "+a.used.Token, workspace, map[bool]string{true: invalid}[a.local])
	if done := i.post(t, "/oauth/revoke", application, "token", token); done.status != http.StatusOK {
		t.Fatalf("revocation: %d %s", done.status, done.body)
	}
	a.want(t, "a revoked token", "GET", "Bearer "+token, revoked, why)
}

// checkAlone asks when the server is gone: who introspects knows nothing, who
// verifies goes on while it has keys.
func (a protectedAPI) checkAlone(t *testing.T, i *instance, token string) {
	a.want(t, "nothing", "GET", "", http.StatusUnauthorized, `scope="issues:read"`)
	if !a.local {
		a.want(t, "an access token", "GET", "Bearer "+token, http.StatusServiceUnavailable, "")
		want := use{true, "127.0.0.1", a.name}
		if got := i.useOf(t, i.verbs().Store, storage.Token{Kind: storage.WorkspaceAPIToken, ID: a.used.ID}); got != want {
			t.Errorf("the use of the workspace token is %+v, want %+v", got, want)
		}
		return
	}
	a.want(t, "an access token", "GET", "Bearer "+token, http.StatusOK, "")
	a.want(t, "nonsense", "GET", "Bearer nonsense", http.StatusUnauthorized, `error="invalid_token"`)
	a.address = a.start(t, i)
	a.want(t, "an access token, without keys", "GET", "Bearer "+token, http.StatusServiceUnavailable, "")
}

// want asks with the Authorization header, "" for none, and compares status and
// challenge.
func (a protectedAPI) want(t *testing.T, name, method, authorization string, status int, challenge string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.address+"/issues", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", a.name)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	got := do(t, r)
	if challenge != "" {
		challenge = "Bearer " + challenge
	}
	if got.status != status || strings.Join(got.header.Values("WWW-Authenticate"), "; ") != challenge {
		t.Errorf("%s: %d, challenged with %q, want %d with %q", name, got.status, got.header.Values("WWW-Authenticate"), status, challenge)
	}
	if said := strings.Contains(got.body, " organization 1 "); said != (status == http.StatusOK) {
		t.Errorf("%s: %d says %q", name, got.status, got.body)
	}
	if after := got.header.Get("Retry-After") != ""; after != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: %d with Retry-After: %t", name, got.status, after)
	}
}
