package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// oauthApplication is an OAuth application as it is answered.
type oauthApplication struct {
	ID                  int64
	Name                string
	ClientID            string `json:"client_id"`
	ClientSecret        string `json:"client_secret"`
	Scopes              []string
	AuthMethod          string   `json:"token_endpoint_auth_method"`
	AuthMethods         []string `json:"token_endpoint_auth_methods"`
	JWKS                any
	JWKSURI             *string `json:"jwks_uri"`
	TokenURLAudience    bool    `json:"token_url_audience"`
	AccessTokenLifetime int64   `json:"access_token_lifetime"`
	Disabled            bool
	LastUsedAt          *time.Time `json:"last_used_at"`
	CreatedAt           time.Time  `json:"created_at"`
	Secrets             []clientSecret
}

type clientSecret struct {
	ID         int64
	Prefix     string
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// path is where the application is.
func (a oauthApplication) path() string { return "/oauth_applications/" + strconv.FormatInt(a.ID, 10) }

func (a oauthApplication) credentials() credentials { return credentials{a.ClientID, a.ClientSecret} }

func (a oauthApplication) secretPath(n int) string {
	return a.path() + "/secrets/" + strconv.FormatInt(a.Secrets[n].ID, 10)
}

// registered registers an application.
func (i *instance) registered(t testing.TB, name string, scopes ...string) oauthApplication {
	t.Helper()
	return read[oauthApplication](t, i.call(t, "POST", "/oauth_applications", i.admin(), map[string]any{"name": name, "scopes": scopes}), http.StatusCreated)
}

// shown returns an application as it is now.
func (i *instance) shown(t testing.TB, a oauthApplication) oauthApplication {
	t.Helper()
	return read[oauthApplication](t, i.call(t, "GET", a.path(), i.admin(), nil), 200)
}

// patch changes an application.
func (i *instance) patch(t testing.TB, a oauthApplication, change map[string]any) oauthApplication {
	t.Helper()
	return read[oauthApplication](t, i.call(t, "PATCH", a.path(), i.admin(), change), 200)
}

// rotateSecret adds a secret to an application.
func (i *instance) rotateSecret(t testing.TB, a oauthApplication, body any) oauthApplication {
	t.Helper()
	return read[oauthApplication](t, i.call(t, "POST", a.path()+"/secrets", i.admin(), body), http.StatusCreated)
}

// opens reports whether the credentials fetch a token.
func (i *instance) opens(t testing.TB, c credentials) bool {
	t.Helper()
	a := i.post(t, "/oauth/token", c, "grant_type", "client_credentials")
	if a.status != http.StatusOK && (a.status != http.StatusUnauthorized || a.json(t)["error"] != "invalid_client") {
		t.Fatalf("token endpoint: %d %s", a.status, a.body)
	}
	return a.status == http.StatusOK
}

func TestOAuthApplications(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"register": registerApplication, "wrong requests": wrongApplications, "at most what one has": applicationAtMost,
			"edit": editApplication, "narrow and disable": narrowApplication, "methods": applicationMethods,
			"delete": deleteApplication, "revoke all tokens": revokeApplicationTokens, "who may": whoMayApplications,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func registerApplication(t *testing.T, i *instance) {
	got := i.registered(t, "Nightly export", "issues:read", "projects")
	if !strings.HasPrefix(got.ClientSecret, "kcs_") || len(got.Secrets) != 1 || !strings.HasPrefix(got.ClientSecret, got.Secrets[0].Prefix) {
		t.Fatalf("registered %+v", got)
	}
	want := oauthApplication{
		ID: got.ID, Name: "Nightly export", ClientID: got.ClientID, Scopes: []string{"issues:read", "projects"},
		AuthMethod: "client_secret_basic", AuthMethods: []string{"client_secret_basic", "client_secret_post"},
		AccessTokenLifetime: 3600, CreatedAt: got.CreatedAt, Secrets: []clientSecret{{ID: got.Secrets[0].ID, Prefix: got.Secrets[0].Prefix, CreatedAt: got.CreatedAt}},
	}
	if diff := cmp.Diff(want, i.shown(t, got)); diff != "" {
		t.Errorf("shown later (-want +got):\n%s", diff)
	}
	token := i.fetch(t, got.credentials())
	if seen := i.introspect(t, i.resourceServer(), token); seen["active"] != true || seen["scope"] != "issues:read projects" || seen["client_id"] != got.ClientID {
		t.Errorf("introspected as %v", seen)
	}
	eventually(t, func() error {
		if now := i.shown(t, got); now.LastUsedAt == nil || now.Secrets[0].LastUsedAt == nil {
			return fmt.Errorf("not used: %+v", now)
		}
		return nil
	})
	short := read[oauthApplication](t, i.call(t, "POST", "/oauth_applications", i.admin(),
		`{"oauth_application":{"name":"Short","scopes":["issues"],"access_token_lifetime":60,"token_endpoint_auth_method":"client_secret_post","jwks":null}}`), http.StatusCreated)
	a := i.post(t, "/oauth/token", credentials{}, "grant_type", "client_credentials", "client_id", short.ClientID, "client_secret", short.ClientSecret)
	if a.want(t, 200)["expires_in"] != 60.0 || short.AccessTokenLifetime != 60 || short.AuthMethod != "client_secret_post" {
		t.Errorf("short lives %s: %+v", a.body, short)
	}
	newest := list(t, i, "/oauth_applications", "oauth_applications")
	if len(newest) < 2 || newest[0]["id"] != float64(short.ID) || newest[1]["id"] != float64(got.ID) || newest[0]["client_secret"] != nil {
		t.Errorf("listed %v", newest)
	}
}

func wrongApplications(t *testing.T, i *instance) {
	for name, tt := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":             {`{}`, []string{"name", "scopes"}},
		"no scopes":           {`{"name":"a","scopes":[]}`, []string{"scopes"}},
		"unknown scopes":      {`{"name":"a","scopes":["issues","*"]}`, []string{"scopes"}},
		"a long name":         {`{"name":"` + strings.Repeat("a", 101) + `","scopes":["issues"]}`, []string{"name"}},
		"private_key_jwt":     {`{"name":"a","scopes":["issues"],"token_endpoint_auth_method":"private_key_jwt"}`, []string{"jwks"}},
		"no authentication":   {`{"name":"a","scopes":["issues"],"token_endpoint_auth_method":"none"}`, []string{"token_endpoint_auth_method"}},
		"an empty method":     {`{"name":"a","scopes":["issues"],"token_endpoint_auth_method":""}`, []string{"token_endpoint_auth_method"}},
		"keys":                {`{"name":"a","scopes":["issues"],"jwks":{"keys":[]}}`, []string{"jwks"}},
		"two kinds of keys":   {`{"name":"a","scopes":["issues"],"jwks":{"keys":[]},"jwks_uri":"http://x"}`, []string{"jwks", "jwks_uri"}},
		"two ways to say how": {`{"name":"a","scopes":["issues"],"token_endpoint_auth_method":null,"token_endpoint_auth_methods":[]}`, []string{"token_endpoint_auth_methods"}},
		"a method twice":      {`{"name":"a","scopes":["issues"],"token_endpoint_auth_methods":["client_secret_post","client_secret_post"]}`, []string{"token_endpoint_auth_method"}},
		"no lifetime":         {`{"name":"a","scopes":["issues"],"access_token_lifetime":0}`, []string{"access_token_lifetime"}},
		"in the past":         {`{"name":"a","scopes":["issues"],"access_token_lifetime":-1}`, []string{"access_token_lifetime"}},
		"longer than all":     {`{"name":"a","scopes":["issues"],"access_token_lifetime":3601}`, []string{"access_token_lifetime"}},
		"endless":             {`{"name":"a","scopes":["issues"],"access_token_lifetime":9223372036854775807}`, []string{"access_token_lifetime"}},
		"half a second":       {`{"name":"a","scopes":["issues"],"access_token_lifetime":0.5}`, []string{"access_token_lifetime"}},
		"a secret":            {`{"name":"a","scopes":["issues"],"client_secret":"x","client_id":"y"}`, []string{"client_secret", "client_id"}},
		"many things at once": {`{"name":" ","scopes":["?"],"access_token_lifetime":-5,"token_endpoint_auth_method":"x"}`, []string{"name", "scopes", "access_token_lifetime", "token_endpoint_auth_method"}},
	} {
		t.Run(name, func(t *testing.T) {
			i.call(t, "POST", "/oauth_applications", i.admin(), tt.body).wantInvalid(t, tt.fields...)
		})
	}
	got := i.registered(t, "To be changed", "issues")
	for body, field := range map[string]string{
		`{"name":""}`: "name", `{"scopes":[]}`: "scopes", `{"scopes":["?"]}`: "scopes", `{"disabled":"yes"}`: "disabled",
		`{"access_token_lifetime":0}`: "access_token_lifetime", `{"token_endpoint_auth_method":"none"}`: "token_endpoint_auth_method",
		`{"jwks":{}}`: "jwks", `{"client_id":"x"}`: "client_id",
	} {
		i.call(t, "PATCH", got.path(), i.admin(), body).wantInvalid(t, field)
	}
	for _, seconds := range []string{"-1", "2592001", "9223372036854775807", `"60"`, "1.5"} {
		i.call(t, "POST", got.path()+"/secrets", i.admin(), `{"previous_expires_in":`+seconds+`}`).wantInvalid(t, "previous_expires_in")
	}
	i.call(t, "DELETE", got.secretPath(0)+"?revoke_tokens=perhaps", i.admin(), nil).wantInvalid(t, "revoke_tokens")
	got.ClientSecret = ""
	if diff := cmp.Diff(got, i.shown(t, got)); diff != "" {
		t.Errorf("refused changes have changed it (-before +after):\n%s", diff)
	}
}

func applicationAtMost(t *testing.T, i *instance) {
	some := i.mint(t, i.admin(), "some", "admin", "issues:read").Token
	register := func(scopes ...string) answer {
		return i.call(t, "POST", "/oauth_applications", some, map[string]any{"name": "a", "scopes": scopes})
	}
	own := read[oauthApplication](t, register("issues:read", "admin"), http.StatusCreated)
	denied := register("issues:read", "projects", "issues").wantProblem(t, 403, "forbidden")
	if !strings.Contains(fmt.Sprint(denied["detail"]), "lacks projects, issues.") {
		t.Errorf("refused with %v", denied["detail"])
	}
	for change, status := range map[string]int{
		`{"scopes":["issues:read"]}`: 200, `{"scopes":["issues:read","admin"]}`: 200, `{"scopes":["issues:read","comments"]}`: 403, `{"scopes":["issues"]}`: 403,
	} {
		i.call(t, "PATCH", own.path(), some, change).want(t, status)
	}
	// It has more already, which may stay and may go, but whose secret gives more away.
	more := i.registered(t, "more", "issues", "projects")
	i.call(t, "PATCH", more.path(), some, `{"name":"renamed","scopes":["projects","issues:read"]}`).want(t, 200)
	i.call(t, "PATCH", more.path(), some, `{"scopes":["projects","issues:read","issues:write"]}`).wantProblem(t, 403, "forbidden")
	i.call(t, "POST", more.path()+"/secrets", some, nil).wantProblem(t, 403, "forbidden")
	if now := i.shown(t, more); len(now.Secrets) != 1 || !slices.Equal(now.Scopes, []string{"projects", "issues:read"}) {
		t.Errorf("now it is %+v", now)
	}
	i.call(t, "POST", own.path()+"/secrets", some, nil).want(t, http.StatusCreated)
}

func whoMayApplications(t *testing.T, i *instance) {
	got := i.registered(t, "Of the first", "issues")
	routes := []struct {
		method, path, body string
	}{
		{"GET", got.path(), ""},
		{"PATCH", got.path(), `{"name":"x"}`},
		{"POST", got.path() + "/secrets", "{}"},
		{"DELETE", got.secretPath(0), ""},
		{"DELETE", got.path() + "/tokens", ""},
		{"DELETE", got.path(), ""},
	}
	globex := i.bootstrap("Globex").WorkspaceAPIToken.Token
	below := map[string]string{
		"a member":     i.person(t, "Member", storage.RoleMember).session,
		"a token":      i.mint(t, i.admin(), "without", "issues", "projects").Token,
		"itself":       i.fetch(t, got.credentials()),
		"an extension": i.install(t, "com.example.applications", "issues").APIKey.Token,
	}
	for _, route := range routes {
		i.call(t, route.method, route.path, globex, route.body).wantProblem(t, 404, "not_found")
		i.call(t, route.method, route.path, "", route.body).wantProblem(t, 401, "unauthorized")
		for _, token := range below {
			i.call(t, route.method, route.path, token, route.body).wantProblem(t, 403, "insufficient_scope")
		}
	}
	for _, token := range below {
		i.call(t, "GET", "/oauth_applications", token, nil).wantProblem(t, 403, "insufficient_scope")
		i.call(t, "POST", "/oauth_applications", token, `{"name":"a","scopes":["issues"]}`).wantProblem(t, 403, "insufficient_scope")
	}
	others := i.call(t, "GET", "/oauth_applications", globex, nil).want(t, 200)["oauth_applications"]
	if diff := cmp.Diff([]any{}, others); diff != "" {
		t.Errorf("the other organization sees (-want +got):\n%s", diff)
	}
	got.ClientSecret = ""
	now := i.shown(t, got)
	now.LastUsedAt, now.Secrets[0].LastUsedAt = nil, nil
	if diff := cmp.Diff(got, now); diff != "" {
		t.Errorf("changed by who may not (-before +after):\n%s", diff)
	}
}
