package integration

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// The token endpoint: the client credentials grant, and how it is asked for.
func TestRFC6749(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_ACCESS_TOKEN_LIFETIME=30m")
		for name, check := range map[string]func(*testing.T, *instance){
			"request": checkRequests, "answer": checkTokenAnswers, "scope": checkTokenScopes,
			"odd registration": checkOddRegistrations, "error": checkTokenErrors,
		} {
			t.Run(name, func(t *testing.T) { check(t, i) })
		}
	})
}

// RFC 6749 sections 4.4 and 5.1: what an answer with a token holds.
func checkTokenAnswers(t *testing.T, i *instance) {
	with := func(lifetime time.Duration) credentials {
		return i.register(clients.ApplicationRequest{Scopes: storage.NewScopes("issues", "projects:read"), AccessTokenLifetime: lifetime})
	}
	for name, tt := range map[string]struct {
		application credentials
		lifetime    time.Duration
	}{
		"the server's lifetime":                    {with(0), 30 * time.Minute},
		"the application's shorter lifetime":       {with(90 * time.Second), 90 * time.Second},
		"no lifetime longer than the server's own": {with(24 * time.Hour), 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			seconds := tt.lifetime.Seconds()
			a := i.post(t, "/oauth/token", tt.application, "grant_type", "client_credentials")
			checkUncached(t, a)
			body := a.json(t)
			token, _ := body["access_token"].(string)
			want := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": "issues projects:read"}
			if diff := cmp.Diff(want, body); diff != "" || a.status != http.StatusOK || a.header.Get("Pragma") != "no-cache" {
				t.Errorf("answered %d (-want +got):\n%s", a.status, diff)
			}
			claims, seen := jwtClaims(t, token), i.introspect(t, tt.application, token)
			for _, said := range []map[string]any{claims, seen} {
				if lived := said["exp"].(float64) - said["iat"].(float64); lived != seconds {
					t.Errorf("lives for %v s: %v", lived, said)
				}
			}
			if claims["jti"] != seen["jti"] || seen["jti"] == "" {
				t.Errorf("jti %v, at introspection %v", claims["jti"], seen["jti"])
			}
			if again := i.fetch(t, tt.application); again == token || jwtClaims(t, again)["jti"] == claims["jti"] {
				t.Error("two requests were given one token")
			}
		})
	}
}

// RFC 6749 section 3.3, and what a scope includes.
func checkTokenScopes(t *testing.T, i *instance) {
	bare, halves, reader := i.application("issues", "admin"), i.application("issues:read", "projects:write"), i.application("issues:read")
	const refused = "" // invalid_scope
	for name, tt := range map[string]struct {
		application credentials
		asked       []string // values of scope, none or one
		granted     string
	}{
		"no scope asked is all that is registered":  {bare, nil, "issues admin"},
		"an empty scope counts as none":             {halves, []string{""}, "issues:read projects:write"},
		"one of several":                            {bare, []string{"admin"}, "admin"},
		"all, in the order asked":                   {bare, []string{"admin issues"}, "admin issues"},
		"the order does not matter":                 {halves, []string{"projects:write issues:read"}, "projects:write issues:read"},
		"duplicates do not matter":                  {bare, []string{"issues admin issues"}, "issues admin"},
		"a bare scope includes read":                {bare, []string{"issues:read"}, "issues:read"},
		"a bare scope includes write":               {bare, []string{"issues:write issues:read"}, "issues:write issues:read"},
		"write does not include read":               {halves, []string{"projects:read"}, refused},
		"read does not include write":               {reader, []string{"issues:write"}, refused},
		"a half does not include the whole":         {reader, []string{"issues"}, refused},
		"more than registered":                      {bare, []string{"projects"}, refused},
		"one registered and one not":                {bare, []string{"issues projects:read"}, refused},
		"admin includes nothing else":               {i.application("admin"), []string{"issues:read"}, refused},
		"admin has no halves":                       {bare, []string{"admin:read"}, refused},
		"scopes are case-sensitive":                 {bare, []string{"Issues"}, refused},
		"halves are case-sensitive":                 {bare, []string{"issues:READ"}, refused},
		"unknown":                                   {bare, []string{"issues:delete"}, refused},
		"a half of a half":                          {bare, []string{"issues:read:write"}, refused},
		"half a name":                               {bare, []string{"issues:"}, refused},
		"no wildcard":                               {bare, []string{"*"}, refused},
		"no wildcard within":                        {bare, []string{"issues:*"}, refused},
		"no hierarchy by dots":                      {bare, []string{"issues.read"}, refused},
		"a tab separates nothing":                   {bare, []string{"issues\tadmin"}, refused},
		"white space that is no space is not taken": {bare, []string{"issues\n"}, refused},
		"a comma separates nothing":                 {bare, []string{"issues,admin"}, refused},
		"not text":                                  {bare, []string{"issues\x00\xff"}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			parameters := []string{"grant_type", "client_credentials"}
			for _, value := range tt.asked {
				parameters = append(parameters, "scope", value)
			}
			a := i.post(t, "/oauth/token", tt.application, parameters...)
			if tt.granted == refused {
				checkRefused(t, a, refusal{Status: 400, Code: "invalid_scope"})
				return
			}
			body := a.json(t)
			if a.status != http.StatusOK || body["scope"] != tt.granted {
				t.Fatalf("answered %d %s, want scope %q", a.status, a.body, tt.granted)
			}
			token, _ := body["access_token"].(string)
			for where, got := range map[string]any{"claim": jwtClaims(t, token)["scope"], "introspection": i.introspect(t, tt.application, token)["scope"]} {
				if got != tt.granted {
					t.Errorf("%s says scope %q, want %q", where, got, tt.granted)
				}
			}
		})
	}
}

// A client whose registration was tampered with gets nothing by it: a wildcard
// matches only itself, and nothing at all is not everything.
func checkOddRegistrations(t *testing.T, i *instance) {
	for name, tt := range map[string]struct {
		registered storage.Scopes
		asked      []string
	}{
		"a wildcard":                 {storage.Scopes{"*"}, []string{"scope", "issues"}},
		"a wildcard of a name":       {storage.Scopes{"issues:*"}, []string{"scope", "issues:read"}},
		"dots":                       {storage.Scopes{"issues"}, []string{"scope", "issues.read"}},
		"another case":               {storage.Scopes{"ISSUES"}, []string{"scope", "issues"}},
		"no scope, none asked":       {nil, nil},
		"no scope, and one asked":    {nil, []string{"scope", "issues"}},
		"an empty scope, none asked": {storage.Scopes{""}, []string{"scope", "issues"}},
	} {
		application := i.application("issues")
		i.narrow(application, tt.registered...)
		t.Run(name, func(t *testing.T) {
			a := i.post(t, "/oauth/token", application, append([]string{"grant_type", "client_credentials"}, tt.asked...)...)
			checkRefused(t, a, refusal{Status: 400, Code: "invalid_scope"})
		})
	}
}

// RFC 6749 section 5.2, what is not about authentication: each refusal by its
// code, and which comes first.
func checkTokenErrors(t *testing.T, i *instance) {
	application, none := i.application("issues"), credentials{}
	unsupported, unauthorized := refusal{Status: 400, Code: "unsupported_grant_type"}, refusal{Status: 400, Code: "unauthorized_client"}
	wrong := credentials{application.id, wrongSecret}
	for name, tt := range map[string]struct {
		who        credentials
		parameters []string
		want       refusal
	}{
		"no grant type":                        {application, []string{"scope", "issues"}, invalidRequest},
		"an empty grant type":                  {application, []string{"grant_type", ""}, invalidRequest},
		"an empty body":                        {application, nil, invalidRequest},
		"authorization_code":                   {application, []string{"grant_type", "authorization_code", "code", "x"}, unsupported},
		"password":                             {application, []string{"grant_type", "password", "username", "a", "password", "b"}, unsupported},
		"refresh_token":                        {application, []string{"grant_type", "refresh_token", "refresh_token", "x"}, unsupported},
		"an extension grant":                   {application, []string{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"}, unsupported},
		"another case":                         {application, []string{"grant_type", "Client_Credentials"}, unsupported},
		"two in one":                           {application, []string{"grant_type", "client_credentials password"}, unsupported},
		"a space after it":                     {application, []string{"grant_type", "client_credentials "}, unsupported},
		"an unknown grant before the secret":   {wrong, []string{"grant_type", "password"}, unsupported},
		"an unknown grant before any client":   {none, []string{"grant_type", "password"}, unsupported},
		"a resource server":                    {i.resourceServer(), []string{"grant_type", "client_credentials"}, unauthorized},
		"a resource server that asks a scope":  {i.resourceServer(), []string{"grant_type", "client_credentials", "scope", "issues"}, unauthorized},
		"the client before the scope":          {wrong, []string{"grant_type", "client_credentials", "scope", "nonsense"}, invalidClient},
		"the scope before nothing else":        {application, []string{"grant_type", "client_credentials", "scope", "nonsense"}, refusal{Status: 400, Code: "invalid_scope"}},
		"a resource that nobody is registered": {application, []string{"grant_type", "client_credentials", "resource", "https://nobody.test"}, refusal{Status: 400, Code: "invalid_target"}},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefused(t, i.post(t, "/oauth/token", tt.who, tt.parameters...), tt.want)
		})
	}
	if !i.active(t, i.fetch(t, application)) {
		t.Error("the application is given no token in the end")
	}
}

// jwtClaims returns the claims of a JWT, whose signature is not checked.
func jwtClaims(t testing.TB, token string) map[string]any {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return claims
}
