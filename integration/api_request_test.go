package integration

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/handlers/api"
	"kiket.dev/auth/handlers/web"
)

// What is wrong with a request is said in words of its own. None of it depends on the
// database.
func TestAPIRequests(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	for name, test := range map[string]func(*testing.T, *instance){
		"no object": bodiesThatAreNoObject, "escapes": escapesInBodies, "query": strictQuery, "heir": emptyHeir,
		"slow": slowBody, "order": orderOfLists, "empty header": emptyKeyHeader,
	} {
		t.Run(name, func(t *testing.T) { test(t, i) })
	}
}

func bodiesThatAreNoObject(t *testing.T, i *instance) {
	const must = "The body must be a JSON object, and this one is "
	for body, want := range map[string]string{
		`[]`: must + "a list.", ` [{"name":"x"}] `: must + "a list.", `"x"`: must + "a text.", `1e3`: must + "a number.",
		`null`: must + "null.", `true`: must + "true.", `false`: must + "false.",
		`[1`: "The body is not JSON.", `{"name":`: "The body is not JSON.", `x`: "The body is not JSON.",
		`{"name":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`: "The body is nested too deep.",
	} {
		p := i.call(t, "POST", "/workspace_api_tokens", i.admin(), body).wantProblem(t, 400, "invalid_json")
		if p["detail"] != want {
			t.Errorf("%.20s: %v, want %s", body, p["detail"], want)
		}
	}
}

// What an escape says is taken as it is or refused, and never replaced.
func escapesInBodies(t *testing.T, i *instance) {
	installed := i.install(t, "com.example.escapes", "issues:read")
	for escaped, want := range map[string]string{
		`\\u0000`: `\u0000`, `\ud83d\ude00`: "😀", `\uFFFD`: "\ufffd", `\"\\\u0022`: `"\"`, `\u00e9\n`: "é\n",
	} {
		i.call(t, "PUT", installed.path()+"/secrets/ESCAPED", i.admin(), `{"value":"`+escaped+`"}`)
		if got := i.call(t, "GET", installed.path()+"/secrets/ESCAPED", i.admin(), nil).want(t, 200)["value"]; got != want {
			t.Errorf("%s is kept as %q, want %q", escaped, got, want)
		}
	}
	for _, escaped := range []string{`\u0000`, `a\\\u0000`, `\ud83d`, `\ude00`, `\ude00\ud83d`, `\ud83dx`, `\ud83d\n`, `\ud83d\\ude00`, `\ud83d\u0041`} {
		i.call(t, "PUT", installed.path()+"/secrets/ESCAPED", i.admin(), `{"value":"`+escaped+`"}`).wantInvalid(t, "value")
	}
}

// A parameter that is misspelt, there twice or malformed is refused on every route: it
// would do something else than was meant.
func strictQuery(t *testing.T, i *instance) {
	for _, route := range (&api.API{}).Routes() {
		if route.Permission == web.Public {
			continue
		}
		path := muxVariable.ReplaceAllString(strings.TrimPrefix(route.Path, api.Base), "{$1}")
		path = strings.NewReplacer("{id}", "1", "{secret_id}", "1", "{name}", "1", "{rule}", "dormant_credential_used", "{reference}", "session:1").Replace(path)
		a := i.call(t, route.Method, path+"?lmit=1", i.admin(), nil)
		a.wantInvalid(t, "lmit")
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s %s", route.Method, path)
		}
	}
	for query, field := range map[string]string{
		"limit=1&limit=2": "limit", "state=active&state=active": "state", "Limit=1": "Limit", "access_token=" + i.admin(): "access_token",
	} {
		i.call(t, "GET", "/workspace_api_tokens?"+query, i.admin(), nil).wantInvalid(t, field)
	}
	for _, query := range []string{"limit=%zz", "limit=1;cursor=x", "%"} {
		i.call(t, "GET", "/workspace_api_tokens?"+query, i.admin(), nil).wantProblem(t, 400, "invalid_request")
	}
	i.call(t, "GET", "/workspace_api_tokens?limit=&cursor=&state=", i.admin(), nil).want(t, 200)
	i.call(t, "GET", "/credentials?kind=&unused_for=90d&expiring_within=14d&full_access=&limit=5&cursor=", i.admin(), nil).want(t, 200)
}

// Somebody's tokens are not revoked for a variable that was not set in a script.
func emptyHeir(t *testing.T, i *instance) {
	p := i.person(t, "Heirless", "admin")
	token := i.mint(t, p.session, "theirs", "issues")
	for _, query := range []string{"reassign_tokens_to=", "reassign_tokens_to", "reassign_tokens_to=0", "reassign_tokens_to=-1", "reassign_tokens_to=x"} {
		i.call(t, "DELETE", p.path()+"?"+query, i.admin(), nil).wantInvalid(t, "reassign_tokens_to")
	}
	i.call(t, "DELETE", p.path()+"?reassign_token_to=1", i.admin(), nil).wantInvalid(t, "reassign_token_to")
	if !i.active(t, token.Token) {
		t.Error("the token has ended")
	}
}

// Whoever has begun to send a request when their credential is revoked, and ends
// afterwards, comes too late.
func slowBody(t *testing.T, i *instance) {
	revoked := i.mint(t, i.admin(), "slow")
	body, rest := io.Pipe()
	r := i.request("POST", "/api/v1/workspace_api_tokens", "", "Authorization", "Bearer "+revoked.Token, "Content-Type", "application/json")
	r.Body, r.ContentLength = body, -1
	answered := make(chan answer, 1)
	go func() {
		a, err := attemptRequest(r)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	_, _ = io.WriteString(rest, `{"name":`)
	// The server has had time to look at the credential when it has answered another.
	for range 3 {
		i.call(t, "GET", "/me", revoked.Token, nil).want(t, 200)
	}
	i.call(t, "DELETE", revoked.path(), i.admin(), nil).want(t, 204)
	_, _ = io.WriteString(rest, `"made too late"}`)
	_ = rest.Close()
	select {
	case a := <-answered:
		a.wantProblem(t, 401, "invalid_token")
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
	}
}

// The items of a list come first.
func orderOfLists(t *testing.T, i *instance) {
	for _, plural := range []string{"workspace_api_tokens", "oauth_applications", "projects", "extensions", "users", "credentials", "scopes"} {
		a := i.call(t, "GET", "/"+plural, i.admin(), nil)
		a.want(t, 200)
		if !strings.HasPrefix(a.body, `{"`+plural+`":[`) || !strings.HasSuffix(a.body, `],"next_cursor":null}`+"\n") {
			t.Errorf("%s: %.60s", plural, a.body)
		}
	}
	i.call(t, "POST", "/projects", i.admin(), `{"key":"HTML","name":"<b> & co."}`).want(t, 201)
	if a := i.call(t, "GET", "/projects", i.admin(), nil); !strings.Contains(a.body, `"<b> & co."`) {
		t.Errorf("a name is escaped: %s", a.body)
	}
}

// A header without a value presents nothing.
func emptyKeyHeader(t *testing.T, i *instance) {
	i.call(t, "GET", "/me", i.admin(), nil, "X-API-Key", "", "X-Kiket-API-Key", "").want(t, 200)
	i.call(t, "GET", "/me", "", nil, "X-API-Key", "").wantProblem(t, 401, "unauthorized")
}

// Names are shown beside each other, in logs and at terminals.
func TestAPINames(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	token, person := i.mint(t, i.admin(), "named", "issues"), i.person(t, "Named", "member")
	application := i.call(t, "POST", "/oauth_applications", i.admin(), `{"name":"named","scopes":["issues"]}`).want(t, 201)
	installed := i.install(t, "com.example.named")
	versioned := func(name string) map[string]any {
		return map[string]any{"model_version": "1.0", "extension": map[string]any{"id": "com.example.named", "name": name, "version": "1"}}
	}
	for _, name := range []string{"a\nb", "a\r\nb", "a\x1b[31mb", "a\x7fb", "a\u0085b", "a\u2028b", "a\u202eb", "a\u2066b", "a\u200fb", "\u00a0\u3000", ""} {
		for route, body := range map[string]map[string]any{
			"POST /workspace_api_tokens":                                   {"name": name},
			"PATCH " + token.path():                                        {"name": name},
			"POST /oauth_applications":                                     {"name": name, "scopes": []string{"issues"}},
			fmt.Sprintf("PATCH /oauth_applications/%v", application["id"]): {"name": name},
			"POST /projects":                                               {"key": "NAMED", "name": name},
			"POST /users":                                                  {"email": "new@acme.test", "name": name, "role": "member"},
			"PATCH " + person.path():                                       {"name": name},
			"PATCH /organization":                                          {"name": name},
		} {
			method, path, _ := strings.Cut(route, " ")
			i.call(t, method, path, i.admin(), body).wantInvalid(t, "name")
		}
		i.call(t, "PUT", installed.path(), i.admin(), map[string]any{"manifest": versioned(name)}).wantInvalid(t, "manifest.extension.name")
	}
	i.call(t, "POST", "/users", i.admin(), map[string]any{"email": "a\u202e@acme.test", "name": "x", "role": "member"}).wantInvalid(t, "email")
	p := i.call(t, "PATCH", "/organization", i.admin(), `{"name":"Ac\u202eme"}`).wantProblem(t, 422, "invalid")
	want := map[string]any{"name": []any{"want no characters that control the direction of text, such as U+202E"}}
	if diff := cmp.Diff(want, p["errors"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
