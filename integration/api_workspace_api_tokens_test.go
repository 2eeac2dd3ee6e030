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

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// workspaceToken is a workspace API token as it is answered.
type workspaceToken struct {
	ID          int64
	Name        string
	Scopes      []string
	FullAccess  bool `json:"full_access"`
	Token       string
	TokenPrefix string     `json:"token_prefix"`
	ExpiresAt   *time.Time `json:"expires_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	CreatedAt   time.Time  `json:"created_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
	Owner       struct {
		ID   int64
		Name string
	}
}

// path is where the token is.
func (w workspaceToken) path() string {
	return "/workspace_api_tokens/" + strconv.FormatInt(w.ID, 10)
}

// mint creates a workspace token with a credential that may.
func (i *instance) mint(t testing.TB, by, name string, scopes ...string) workspaceToken {
	t.Helper()
	return read[workspaceToken](t, i.call(t, "POST", "/workspace_api_tokens", by, map[string]any{"name": name, "scopes": scopes}), http.StatusCreated)
}

func TestWorkspaceTokens(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"as on the product's page": tokenOfThePage, "wrong requests": wrongTokens, "full access": fullAccess,
			"at most what one has": mintAtMost, "who may": whoMintsTokens, "states": tokenStates, "revoke": revokeTokens,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

// pageExample is the request that the product's page shows, with its time to come.
const pageExample = `{
    "workspace_api_token": {
      "name": "CLI – laptop",
      "scopes": ["issues:read", "projects"],
      "expires_at": "%s-01-31T23:59:00Z"
    }
  }`

func tokenOfThePage(t *testing.T, i *instance) {
	i.call(t, "POST", "/workspace_api_tokens", i.admin(), fmt.Sprintf(pageExample, "2025")).wantInvalid(t, "expires_at")
	session := i.session().Secret.Reveal()
	i.mint(t, session, strings.Repeat("é", 100), "issues")
	a := i.call(t, "POST", "/workspace_api_tokens", session, fmt.Sprintf(pageExample, "2035"))
	body := a.want(t, http.StatusCreated)
	token, _ := body["token"].(string)
	if !tokens.WellFormed(tokens.PrefixWorkspaceAPIToken, token) {
		t.Fatalf("token %q", token)
	}
	id, _ := body["id"].(float64)
	want := map[string]any{
		"id": id, "name": "CLI – laptop", "scopes": []any{"issues:read", "projects"}, "full_access": false,
		"token": token, "token_prefix": token[:len("wksp_7d5c9c1a")], "last_used_at": nil, "last_used_from": nil, "revoked_at": nil,
		"expires_at": "2035-01-31T23:59:00Z", "created_at": body["created_at"],
		"owner": map[string]any{"id": float64(i.boot.Admin.ID), "name": i.boot.Admin.Name},
	}
	if diff := cmp.Diff(want, body); diff != "" || id == 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(a.body, `\u`) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", a.header, a.body)
	}
	delete(want, "token")
	path := "/workspace_api_tokens/" + strconv.FormatInt(int64(id), 10)
	if diff := cmp.Diff(want, i.call(t, "GET", path, session, nil).want(t, 200)); diff != "" {
		t.Errorf("shown later (-want +got):\n%s", diff)
	}
	seen := i.introspect(t, i.resourceServer(), token)
	exp := time.Date(2035, 1, 31, 23, 59, 0, 0, time.UTC).Unix()
	if seen["active"] != true || seen["scope"] != "issues:read projects" || seen["exp"] != float64(exp) || seen["sub"] != fmt.Sprintf("user:%d", i.boot.Admin.ID) {
		t.Errorf("introspected as %v", seen)
	}
}

func wrongTokens(t *testing.T, i *instance) {
	tests := map[string]struct {
		body   string
		fields []string
	}{
		"nothing":           {`{}`, []string{"name"}},
		"no body":           {``, []string{"name"}},
		"only spaces":       {`{"name":"  \t"}`, []string{"name"}},
		"a long name":       {`{"name":"` + strings.Repeat("é", 101) + `"}`, []string{"name"}},
		"no name at all":    {`{"name":7}`, []string{"name"}},
		"a NUL":             {`{"name":"a\u0000b"}`, []string{"name"}},
		"unknown scopes":    {`{"name":"a","scopes":["issues","issues:delete","Issues","admin:read",""]}`, []string{"scopes"}},
		"scopes as a text":  {`{"name":"a","scopes":"issues projects"}`, []string{"scopes"}},
		"scopes of numbers": {`{"name":"a","scopes":[1]}`, []string{"scopes"}},
		"expired":           {`{"name":"a","expires_at":"2020-01-01T00:00:00Z"}`, []string{"expires_at"}},
		"no time":           {`{"name":"a","expires_at":"tomorrow"}`, []string{"expires_at"}},
		"no offset":         {`{"name":"a","expires_at":"2035-01-01T00:00:00"}`, []string{"expires_at"}},
		"in the year 10000": {`{"name":"a","expires_at":"9999-12-31T23:59:00-10:00"}`, []string{"expires_at"}},
		"all at once":       {`{"name":"","scopes":["x"],"expires_at":"2020-01-01T00:00:00Z"}`, []string{"name", "scopes", "expires_at"}},
		"an owner":          {`{"name":"a","owner_id":1}`, []string{"owner_id"}},
		"another's wrapper": {`{"oauth_application":{"name":"a"}}`, []string{"oauth_application"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i.call(t, "POST", "/workspace_api_tokens", i.admin(), tt.body).wantInvalid(t, tt.fields...)
		})
	}
	got := read[workspaceToken](t, i.call(t, "POST", "/workspace_api_tokens", i.admin(),
		`{"name":" `+strings.Repeat("é", 98)+` ","scopes":["projects","issues:read","projects"],"expires_at":"2035-02-01T05:29:00.25+05:30"}`), http.StatusCreated)
	if got.Name != strings.Repeat("é", 98) || !slices.Equal(got.Scopes, []string{"projects", "issues:read"}) ||
		got.ExpiresAt.Format(time.RFC3339Nano) != "2035-01-31T23:59:00.25Z" {
		t.Errorf("created %+v", got)
	}
}

func fullAccess(t *testing.T, i *instance) {
	for name, body := range map[string]string{
		"absent": `{"name":"all"}`, "null": `{"name":"all","scopes":null,"expires_at":null}`, "empty": `{"name":"all","scopes":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := read[workspaceToken](t, i.call(t, "POST", "/workspace_api_tokens", i.admin(), body), http.StatusCreated)
			if !got.FullAccess || got.Scopes == nil || len(got.Scopes) != 0 || got.ExpiresAt != nil {
				t.Errorf("created %+v", got)
			}
			if seen := i.introspect(t, i.resourceServer(), got.Token); seen["scope"] != "issues projects comments workflows analytics admin" {
				t.Errorf("introspected as %v", seen)
			}
		})
	}
}

func mintAtMost(t *testing.T, i *instance) {
	some := i.mint(t, i.admin(), "some", "admin", "issues:read", "projects").Token
	every := i.mint(t, i.admin(), "every", "admin", "issues", "projects", "comments", "workflows", "analytics").Token
	tests := map[string]struct {
		by     string
		scopes []string
		lacks  string // empty: it is issued
	}{
		"the same":              {some, []string{"admin", "issues:read", "projects"}, ""},
		"a half of a bare name": {some, []string{"projects:write"}, ""},
		"the bare name":         {some, []string{"issues", "projects:read"}, "lacks issues."},
		"the other half":        {some, []string{"issues:write", "comments:read"}, "lacks issues:write, comments:read."},
		"all by name":           {every, []string{"issues", "analytics:read", "admin"}, ""},
		"full access by some":   {some, nil, "lacks full access"},
		"full access by every":  {every, nil, "lacks full access"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := i.call(t, "POST", "/workspace_api_tokens", tt.by, map[string]any{"name": name, "scopes": tt.scopes})
			if tt.lacks == "" {
				a.want(t, http.StatusCreated)
				return
			}
			if p := a.wantProblem(t, http.StatusForbidden, "forbidden"); !strings.Contains(fmt.Sprint(p["detail"]), tt.lacks) {
				t.Errorf("detail %v does not say %q", p["detail"], tt.lacks)
			}
		})
	}
}

func whoMintsTokens(t *testing.T, i *instance) {
	before := len(i.events(t))
	body := map[string]any{"name": "not to be", "scopes": []string{"issues:read"}}
	admin := i.person(t, "Second", storage.RoleAdmin).session
	own := i.mint(t, admin, "of the second", "issues:read")
	if own.Owner.Name != "Second" || own.Owner.ID == i.boot.Admin.ID {
		t.Errorf("the owner is %v", own.Owner)
	}
	application := i.fetch(t, i.application("admin", "issues"))
	if p := i.call(t, "POST", "/workspace_api_tokens", application, body).wantProblem(t, 403, "forbidden"); !strings.Contains(fmt.Sprint(p["detail"]), "person who is an admin") {
		t.Errorf("an application is told %v", p["detail"])
	}
	if got := read[struct {
		Tokens []workspaceToken `json:"workspace_api_tokens"`
	}](t, i.call(t, "GET", "/workspace_api_tokens?limit=1", application, nil), 200); len(got.Tokens) != 1 || got.Tokens[0].ID != own.ID {
		t.Errorf("an application with admin sees %v", got)
	}
	for name, token := range map[string]string{
		"a member":             i.person(t, "Plain", storage.RoleMember).session,
		"a token without":      own.Token,
		"an extension":         i.install(t, "com.example.mint", "issues").APIKey.Token,
		"an application below": i.fetch(t, i.application("issues")),
	} {
		t.Run(name, func(t *testing.T) {
			for method, path := range map[string]string{"POST": "", "GET": "", "DELETE": "/" + strconv.FormatInt(own.ID, 10)} {
				i.call(t, method, "/workspace_api_tokens"+path, token, map[string]any{"POST": body}[method]).wantProblem(t, 403, "insufficient_scope")
			}
			i.call(t, "GET", own.path(), token, nil).wantProblem(t, 403, "insufficient_scope")
		})
	}
	denied := map[string]int{}
	for _, event := range i.events(t)[before:] {
		if strings.HasSuffix(event.Action, "_denied") {
			denied[event.Action]++
		}
	}
	if diff := cmp.Diff(map[string]int{"workspace_api_token.create_denied": 5, "workspace_api_token.revoke_denied": 4}, denied); diff != "" {
		t.Errorf("refusals in the audit log (-want +got):\n%s", diff)
	}
	i.call(t, "GET", own.path(), "", nil).wantProblem(t, 401, "unauthorized")
}

func tokenStates(t *testing.T, i *instance) {
	ends := time.Now().Add(1500 * time.Millisecond)
	short := read[workspaceToken](t, i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": "short", "scopes": []string{"issues"}, "expires_at": ends}), http.StatusCreated)
	revoked, lasting := i.mint(t, i.admin(), "revoked", "issues"), i.mint(t, i.admin(), "lasting", "issues")
	i.call(t, "DELETE", revoked.path(), i.admin(), nil).want(t, http.StatusNoContent)
	eventually(t, func() error {
		if i.active(t, short.Token) {
			return fmt.Errorf("active %s after its expiry", time.Since(ends))
		}
		return nil
	})
	for state, want := range map[string][]int64{
		"":               {lasting.ID, short.ID},
		"?state=active":  {lasting.ID},
		"?state=expired": {short.ID},
		"?state=revoked": {revoked.ID},
	} {
		var got []int64
		for _, one := range list(t, i, "/workspace_api_tokens"+state, "workspace_api_tokens") {
			if one["token"] != nil {
				t.Errorf("a listing has the secret: %v", one)
			}
			if id := int64(one["id"].(float64)); slices.Contains([]int64{lasting.ID, short.ID, revoked.ID}, id) {
				got = append(got, id)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
	i.call(t, "GET", "/workspace_api_tokens?state=Active&limit=0&cursor=%25", i.admin(), nil).wantProblem(t, 422, "invalid")
	i.call(t, "GET", "/workspace_api_tokens?state=Active", i.admin(), nil).wantInvalid(t, "state")
}

func revokeTokens(t *testing.T, i *instance) {
	got := i.mint(t, i.admin(), "to be revoked", "issues")
	globex := i.bootstrap("Globex")
	for method, path := range map[string]string{"GET": got.path(), "DELETE": got.path()} {
		i.call(t, method, path, globex.WorkspaceAPIToken.Token, nil).wantProblem(t, 404, "not_found")
	}
	installed := i.install(t, "com.example.revoke", "issues")
	for _, id := range []string{"0", "4711", "99999999999999999999", strconv.FormatInt(installed.APIKey.ID, 10)} {
		i.call(t, "GET", "/workspace_api_tokens/"+id, i.admin(), nil).wantProblem(t, 404, "not_found")
		i.call(t, "DELETE", "/workspace_api_tokens/"+id, i.admin(), nil).wantProblem(t, 404, "not_found")
	}
	if !i.active(t, got.Token) {
		t.Fatal("it does not work to begin with")
	}
	i.call(t, "DELETE", got.path(), got.Token, nil).wantProblem(t, 403, "insufficient_scope")

	revoke := func() (answer, error) { return i.attemptCall("DELETE", got.path(), i.admin(), "") }
	if diff := cmp.Diff([]int{204, 204, 204, 204}, statuses(atOnce(t, revoke, revoke, revoke, revoke))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if i.active(t, got.Token) {
		t.Error("it works after it was revoked")
	}
	i.call(t, "GET", "/me", got.Token, nil).wantProblem(t, 401, "invalid_token")
	first := read[workspaceToken](t, i.call(t, "GET", got.path(), i.admin(), nil), 200)
	i.call(t, "DELETE", got.path(), i.admin(), nil).want(t, http.StatusNoContent)
	again := read[workspaceToken](t, i.call(t, "GET", got.path(), i.admin(), nil), 200)
	first.LastUsedAt, again.LastUsedAt = nil, nil // which is written some time after the use
	if diff := cmp.Diff(first, again); diff != "" || again.RevokedAt == nil {
		t.Errorf("revoked again, it is (-before +after):\n%s", diff)
	}
	var recorded []storage.Party
	for _, event := range i.events(t) {
		if event.Action == "workspace_api_token.revoked" && event.Target.ID == got.ID {
			recorded = append(recorded, event.Actor)
		}
	}
	if diff := cmp.Diff([]storage.Party{{Kind: "workspace_api_token", ID: i.boot.WorkspaceAPIToken.ID, Name: "Bootstrap"}}, recorded); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}
