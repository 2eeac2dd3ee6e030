package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/tokens"
)

// mistyped is a token whose last character is another hex digit.
func mistyped(token string) string {
	other := "0"
	if strings.HasSuffix(token, other) {
		other = "1"
	}
	return token[:len(token)-1] + other
}

// What holds for every request to the management API, tried on one resource.

func TestAPICredentials(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		application := i.application("admin", "projects", "issues")
		token := i.admin()
		revoked := i.workspaceToken(time.Time{}).Secret.Reveal()
		i.post(t, "/oauth/revoke", credentials{}, "token", revoked)
		extension := i.extension("projects:read").Key.Secret.Reveal()

		for name, headers := range map[string][]string{
			"workspace token":                     {"Authorization", "Bearer " + token},
			"any case of the scheme":              {"Authorization", "bearer " + token},
			"session":                             {"Authorization", "Bearer " + i.session().Secret.Reveal()},
			"access token":                        {"Authorization", "Bearer " + i.fetch(t, application)},
			"extension key":                       {"Authorization", "Bearer " + extension},
			"X-Kiket-API-Key":                     {"X-Kiket-API-Key", token},
			"X-API-Key":                           {"X-API-Key", token},
			"X-Kiket-API-Key with extension key":  {"X-Kiket-API-Key", extension},
			"an empty header beside a credential": {"X-API-Key", token, "X-Unrelated", ""},
		} {
			if a := i.call(t, "GET", "/projects", "", nil, headers...); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for name, c := range map[string]struct {
			status  int
			code    string
			headers []string
		}{
			"none":                          {401, "unauthorized", nil},
			"Basic":                         {401, "unauthorized", []string{"Authorization", "Basic YTpi"}},
			"unknown":                       {401, "invalid_token", []string{"Authorization", "Bearer " + tokens.Generate(tokens.PrefixWorkspaceAPIToken).Reveal()}},
			"a mistyped checksum":           {401, "invalid_token", []string{"Authorization", "Bearer " + mistyped(token)}},
			"nonsense":                      {401, "invalid_token", []string{"Authorization", "Bearer x"}},
			"empty":                         {401, "invalid_token", []string{"Authorization", "Bearer "}},
			"revoked":                       {401, "invalid_token", []string{"Authorization", "Bearer " + revoked}},
			"a client secret":               {401, "invalid_token", []string{"Authorization", "Bearer " + application.secret}},
			"a session in the key header":   {401, "invalid_token", []string{"X-API-Key", i.session().Secret.Reveal()}},
			"an access token there":         {401, "invalid_token", []string{"X-API-Key", i.fetch(t, application)}},
			"two headers":                   {400, "invalid_request", []string{"Authorization", "Bearer " + token, "X-API-Key", token}},
			"two key headers":               {400, "invalid_request", []string{"X-Kiket-API-Key", token, "X-API-Key", extension}},
			"one header twice":              {400, "invalid_request", []string{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token}},
			"a scope too few":               {403, "insufficient_scope", []string{"Authorization", "Bearer " + i.workspaceToken(time.Time{}, "issues").Secret.Reveal()}},
			"an access token without admin": {403, "insufficient_scope", []string{"Authorization", "Bearer " + i.fetch(t, application, "scope", "issues")}},
		} {
			a := i.call(t, "GET", "/projects", "", nil, c.headers...)
			if a.status != c.status {
				t.Errorf("%s: status %d, want %d: %s", name, a.status, c.status, a.body)
				continue
			}
			a.wantProblem(t, c.status, c.code)
			challenge := a.header.Get("WWW-Authenticate")
			if c.code == "unauthorized" && strings.Contains(challenge, "error=") {
				t.Errorf("%s: nothing was presented, but the challenge names an error: %s", name, challenge)
			}
			if (c.code == "invalid_token" || c.code == "insufficient_scope") && !strings.Contains(challenge, `error="`+c.code+`"`) {
				t.Errorf("%s: challenge %q", name, challenge)
			}
		}
		if a := i.call(t, "GET", "/projects?access_token="+token, "", nil); a.status != http.StatusUnauthorized {
			t.Errorf("a token in the query counted: %d", a.status)
		}
	})
}

func TestAPIStrictJSON(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		post := func(body string, headers ...string) answer {
			return i.call(t, "POST", "/projects", i.admin(), body, headers...)
		}
		post(`{"project":{"key":"WRAPPED","name":"Wrapped"}}`).want(t, 201)
		post(` {"key":"PLAIN","name":"Plain"} `).want(t, 201)
		post(`{"key":"X","name":"Y","Name":"Z"}`).wantInvalid(t, "Name")
		post(`{"key":"X","name":"Y","id":7,"colour":"red"}`).wantInvalid(t, "id", "colour")
		post(`{"key":"X","name":"Y","name":"Z"}`).wantInvalid(t, "name")
		post(`{"project":{"key":"X","name":"Y","project":{}}}`).wantInvalid(t, "project")
		post(`{"project":{"key":"X","name":"Y"},"name":"Z"}`).wantInvalid(t, "project")
		post(`{"key":7,"name":["Y"]}`).wantInvalid(t, "key", "name")
		post(`{"key":"X","name":null}`).wantInvalid(t, "name")
		post(`{"key":"X","name":"a\u0000b"}`).wantInvalid(t, "name")
		post(`{}`).wantInvalid(t, "key", "name")
		post(``).wantInvalid(t, "key", "name")
		for name, body := range map[string]string{
			"no JSON": `key=X&name=Y`, "cut off": `{"key":"X"`, "two": `{"key":"X","name":"Y"}{}`,
			"a list": `[{"key":"X","name":"Y"}]`, "null": `null`, "a text": `"X"`,
			"not UTF-8": "{\"key\":\"X\",\"name\":\"\xff\"}", "a comment": `{"key":"X",/**/"name":"Y"}`,
		} {
			if a := post(body); a.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			} else {
				a.wantProblem(t, 400, "invalid_json")
			}
		}
		form := do(t, i.request("POST", "/api/v1/projects", "key=X&name=Y", "Authorization", "Bearer "+i.admin(), "Content-Type", "application/x-www-form-urlencoded"))
		form.wantProblem(t, 415, "unsupported_media_type")
		post(`{"key":"BIG","name":"`+strings.Repeat("x", 64<<10)+`"}`).wantProblem(t, 413, "too_large")
		if n := len(list(t, i, "/projects", "projects")); n != 3 {
			t.Errorf("%d projects, want the default one and two more", n)
		}
	})
}

// list fetches a whole list page by page, two at a time.
func list(t *testing.T, i *instance, path, plural string) []map[string]any {
	t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var all []map[string]any
	for cursor := ""; ; {
		a := i.call(t, "GET", path+separator+"limit=2"+cursor, i.admin(), nil).want(t, 200)
		items, ok := a[plural].([]any)
		if !ok || len(items) > 2 {
			t.Fatalf("no page of two %s in %v", plural, a)
		}
		for _, item := range items {
			one, ok := item.(map[string]any)
			if !ok {
				t.Fatalf("an item of %s is %T", plural, item)
			}
			all = append(all, one)
		}
		next, more := a["next_cursor"].(string)
		if !more {
			return all
		}
		cursor = "&cursor=" + next
	}
}

func TestAPIPages(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		add := func(n int) {
			i.call(t, "POST", "/projects", i.admin(), map[string]any{"key": fmt.Sprintf("P%d", n), "name": "Project"}).want(t, 201)
		}
		for n := range 4 {
			add(n)
		}
		keys := func(a map[string]any) (keys []string) {
			for _, p := range a["projects"].([]any) {
				keys = append(keys, p.(map[string]any)["key"].(string))
			}
			return keys
		}
		first := i.call(t, "GET", "/projects?limit=2", i.admin(), nil).want(t, 200)
		add(4) // while somebody reads
		second := i.call(t, "GET", "/projects?limit=3&cursor="+first["next_cursor"].(string), i.admin(), nil).want(t, 200)
		if got := fmt.Sprint(keys(first), keys(second)); got != "[P3 P2] [P1 P0 DEFAULT]" || second["next_cursor"] != nil {
			t.Errorf("pages %s, then %v", got, second["next_cursor"])
		}
		for _, wrong := range []string{"limit=0", "limit=201", "limit=x", "limit=-1", "limit=99999999999999999999"} {
			i.call(t, "GET", "/projects?"+wrong, i.admin(), nil).wantInvalid(t, "limit")
		}
		for _, wrong := range []string{"cursor=x", "cursor=MA", "cursor=LTE", "cursor=%00", "cursor=" + strings.Repeat("A", 500)} {
			i.call(t, "GET", "/projects?"+wrong, i.admin(), nil).wantInvalid(t, "cursor")
		}
	})
}

func TestAPIRateLimit(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_API_RATE_LIMIT=40")
		one, other := d.serve(), d.serve()
		another := d.workspaceToken(time.Time{}, "projects").Secret.Reveal()
		passed := 0
		var refused answer
		for n := range 200 { // two replicas in turn; more than two windows cannot fit
			i := one
			if n%2 == 1 {
				i = other
			}
			a := i.call(t, "GET", "/projects", d.admin(), nil)
			if a.header.Get("X-RateLimit-Limit") != "40" {
				t.Fatalf("limit %q: %d %s", a.header.Get("X-RateLimit-Limit"), a.status, a.body)
			}
			if a.status == http.StatusTooManyRequests {
				refused = a
				break
			}
			a.want(t, 200)
			passed++
		}
		// What one replica holds unused when the other runs out is little. The minute
		// may have turned once in between.
		if passed < 34 || passed > 80 {
			t.Errorf("%d requests passed, with 40 a minute", passed)
		}
		p := refused.wantProblem(t, 429, "rate_limited")
		wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60 || p["retry_after"] != float64(wait) || refused.header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("Retry-After %q, remaining %q, %s", refused.header.Get("Retry-After"), refused.header.Get("X-RateLimit-Remaining"), refused.body)
		}
		reset, err := strconv.ParseInt(refused.header.Get("X-RateLimit-Reset"), 10, 64)
		if at := time.Unix(reset, 0); err != nil || time.Until(at) > time.Minute || time.Until(at) < -time.Minute {
			t.Errorf("reset %q", refused.header.Get("X-RateLimit-Reset"))
		}
		if a := one.call(t, "GET", "/projects", another, nil); a.status != http.StatusOK {
			t.Errorf("another credential is limited too: %d", a.status)
		}
		for path, status := range map[string]int{"/me": 401, "/nowhere": 404, "/openapi.json": 200} {
			if a := other.call(t, "GET", path, "", nil); a.status != status || a.header.Get("X-RateLimit-Remaining") == "" || a.header.Get("X-Request-Id") == "" {
				t.Errorf("%s: %d, headers %v", path, a.status, a.header)
			}
		}
	})
}
