package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// credentialRow is a credential in the list of all.
type credentialRow struct {
	ID          int64
	Reference   string
	Kind        string
	Name        string
	TokenPrefix string `json:"token_prefix"`
	Scopes      []string
	FullAccess  bool `json:"full_access"`
	Owner       *struct {
		ID   int64
		Name string
	}
	Application *struct {
		ID       int64
		Name     string
		ClientID string `json:"client_id"`
		Disabled bool
	}
	Extension *struct {
		ID        int64
		Key, Name string
		ProjectID int64 `json:"project_id"`
	}
	CreatedAt       time.Time  `json:"created_at"`
	ExpiresAt       *time.Time `json:"expires_at"`
	LastUsedAt      *time.Time `json:"last_used_at"`
	LastUsedAddress *string    `json:"last_used_address"`
}

// credentials returns all credentials of the first organization, page by page.
func (i *instance) credentials(t testing.TB, query string, limit int) (all []credentialRow) {
	t.Helper()
	for cursor := ""; ; {
		page := read[struct {
			Credentials []credentialRow
			NextCursor  *string `json:"next_cursor"`
		}](t, i.call(t, "GET", fmt.Sprintf("/credentials?limit=%d%s%s", limit, query, cursor), i.admin(), nil), 200)
		all = append(all, page.Credentials...)
		if page.NextCursor == nil {
			return all
		}
		if len(page.Credentials) != limit {
			t.Errorf("a page of %d, with another to come", len(page.Credentials))
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

func references(rows []credentialRow) []string {
	texts := make([]string, 0, len(rows))
	for _, row := range rows {
		texts = append(texts, row.Reference)
	}
	return texts
}

func TestCredentials(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for _, tt := range []struct {
			name string
			test func(*testing.T, *instance)
		}{
			{"list", listCredentials},
			{"filters", filterCredentials},
			{"pages", pageCredentials},
			{"wrong requests", wrongCredentials},
			{"revoke", revokeCredentials},
			{"revoke at once", revokeCredentialsAtOnce},
			{"another organization", foreignCredentials},
			{"scopes", listScopes},
		} {
			t.Run(tt.name, func(t *testing.T) { tt.test(t, i) })
		}
	})
}

func listCredentials(t *testing.T, i *instance) {
	session := i.session()
	extension := i.install(t, "com.example.listed", "issues:read")
	application := i.rotateSecret(t, i.registered(t, "Listed", "issues"), nil)
	i.patch(t, application, map[string]any{"disabled": true})
	i.call(t, "DELETE", application.secretPath(0), i.admin(), nil).want(t, http.StatusNoContent)
	ended := i.mint(t, i.admin(), "ended", "issues")
	i.call(t, "DELETE", ended.path(), i.admin(), nil).want(t, http.StatusNoContent)
	i.fetch(t, i.application("admin")) // whose access token is not in the list

	rows := i.credentials(t, "&kind=client_secret", 200)
	got := append(i.credentials(t, "&kind=workspace_api_token", 200), i.credentials(t, "&kind=session", 200)...)
	got = append(append(got, i.credentials(t, "&kind=extension_key", 200)...), rows[len(rows)-1])
	boot := i.boot.WorkspaceAPIToken
	want := []credentialRow{
		{ID: boot.ID, Reference: fmt.Sprintf("workspace_api_token:%d", boot.ID), Kind: "workspace_api_token", Name: "Bootstrap", TokenPrefix: boot.TokenPrefix, Scopes: []string{}, FullAccess: true},
		{ID: session.Token.ID, Reference: fmt.Sprintf("session:%d", session.Token.ID), Kind: "session", Name: i.boot.Admin.Name, TokenPrefix: session.Token.Prefix, Scopes: []string{}, FullAccess: true},
		{ID: extension.APIKey.ID, Reference: fmt.Sprintf("extension_key:%d", extension.APIKey.ID), Kind: "extension_key", Name: extension.Name, TokenPrefix: extension.APIKey.TokenPrefix, Scopes: []string{"issues:read"}},
		{ID: application.Secrets[1].ID, Reference: fmt.Sprintf("client_secret:%d", application.Secrets[1].ID), Kind: "client_secret", Name: "Listed", TokenPrefix: application.Secrets[1].Prefix, Scopes: []string{"issues"}},
	}
	for n := range want {
		want[n].CreatedAt, want[n].ExpiresAt, want[n].LastUsedAt, want[n].LastUsedAddress = got[n].CreatedAt, got[n].ExpiresAt, got[n].LastUsedAt, got[n].LastUsedAddress
		want[n].Owner, want[n].Application, want[n].Extension = got[n].Owner, got[n].Application, got[n].Extension
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, row := range got[:2] {
		if row.Owner == nil || row.Owner.ID != i.boot.Admin.ID || row.Owner.Name != i.boot.Admin.Name || row.Application != nil || row.Extension != nil {
			t.Errorf("%s belongs to %v", row.Reference, row.Owner)
		}
	}
	if e := got[2].Extension; got[2].Owner != nil || e == nil || e.ID != extension.ID || e.Key != extension.Key || e.ProjectID != extension.ProjectID {
		t.Errorf("the key belongs to %v", e)
	}
	if a := got[3].Application; got[3].Owner != nil || a == nil || a.ID != application.ID || a.ClientID != application.ClientID || !a.Disabled {
		t.Errorf("the secret belongs to %v", a)
	}
	eventually(t, func() error {
		used := i.credentials(t, "&full_access=true&kind=workspace_api_token", 200)[0]
		if used.LastUsedAt == nil || used.LastUsedAddress == nil || *used.LastUsedAddress != "127.0.0.1" {
			return fmt.Errorf("not used: %+v", used)
		}
		return nil
	})
}

func filterCredentials(t *testing.T, i *instance) {
	in := func(days int) time.Time { return time.Now().Add(time.Duration(days) * 24 * time.Hour) }
	mint := func(name string, expires time.Time) string {
		made := read[workspaceToken](t, i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": name, "scopes": []string{"issues"}, "expires_at": expires}), http.StatusCreated)
		return fmt.Sprintf("workspace_api_token:%d", made.ID)
	}
	soon, late := mint("soon", in(10)), mint("late", in(20))
	application := i.rotateSecret(t, i.registered(t, "Rotated", "issues"), map[string]any{"previous_expires_in": 12 * 86400})
	secret := fmt.Sprintf("client_secret:%d", application.Secrets[0].ID)
	if diff := cmp.Diff([]string{secret, soon}, onlyOf(references(i.credentials(t, "&expiring_within=14d", 3)), soon, late, secret)); diff != "" {
		t.Errorf("expiring within 14 days (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{secret}, onlyOf(references(i.credentials(t, "&expiring_within=3w&kind=client_secret", 3)), soon, late, secret)); diff != "" {
		t.Errorf("secrets that expire within 3 weeks (-want +got):\n%s", diff)
	}
	old := i.workspaceTokenMadeAt(t, time.Now().Add(-100*24*time.Hour))
	if diff := cmp.Diff([]string{old}, references(i.credentials(t, "&unused_for=90d", 3))); diff != "" {
		t.Errorf("unused for 90 days (-want +got):\n%s", diff)
	}
	if all := i.credentials(t, "&unused_for=2400h&full_access=true", 3); len(all) != 0 {
		t.Errorf("unused for 100 days, with full access: %v", references(all))
	}
	for _, row := range i.credentials(t, "&full_access=true", 3) {
		if !row.FullAccess || row.Kind == "client_secret" {
			t.Errorf("%s has not full access", row.Reference)
		}
	}
}

// workspaceTokenMadeAt stores a token that is older than the test.
func (i *instance) workspaceTokenMadeAt(t testing.TB, at time.Time) string {
	t.Helper()
	token := storage.Token{
		Kind: storage.WorkspaceAPIToken, OrganizationID: i.boot.Organization.ID, Reference: strconv.FormatInt(at.UnixNano(), 36), Prefix: "wksp_00000000",
		Name: "Old", Scopes: storage.NewScopes("issues"), Audience: audience, UserID: i.boot.Admin.ID, CreatedAt: at,
	}
	if err := i.verbs().Store.CreateToken(t.Context(), &token); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("workspace_api_token:%d", token.ID)
}

// onlyOf returns those of texts that are among some, in their order.
func onlyOf(texts []string, some ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return !slices.Contains(some, text) })
}

// The pages of the two tables are one list, whatever is added and removed meanwhile.
func pageCredentials(t *testing.T, i *instance) {
	for n := range 3 {
		i.mint(t, i.admin(), "paged", "issues")
		i.registered(t, fmt.Sprintf("Paged %d", n), "issues")
	}
	whole := references(i.credentials(t, "", 200))
	for _, limit := range []int{1, 2, 3, 5} {
		if diff := cmp.Diff(whole, references(i.credentials(t, "", limit))); diff != "" {
			t.Errorf("by %d (-whole +pages):\n%s", limit, diff)
		}
	}
	type page struct {
		Credentials []credentialRow
		NextCursor  string `json:"next_cursor"`
	}
	first := read[page](t, i.call(t, "GET", "/credentials?limit=3", i.admin(), nil), 200)
	i.mint(t, i.admin(), "added", "issues")
	i.registered(t, "Added", "issues")
	i.revoke(t, map[string]any{"ids": whole[1:2]})
	rest := i.credentials(t, "&cursor="+first.NextCursor, 200)
	if diff := cmp.Diff(whole, append(references(first.Credentials), references(rest)...)); diff != "" {
		t.Errorf("while rows come and go (-before +pages):\n%s", diff)
	}
}

func wrongCredentials(t *testing.T, i *instance) {
	for query, field := range map[string]string{
		"kind=access_token": "kind", "kind=Session": "kind", "unused_for=90": "unused_for", "unused_for=0d": "unused_for", "unused_for=-1d": "unused_for",
		"unused_for=999999w": "unused_for", "expiring_within=1y": "expiring_within", "expiring_within=1d2h": "expiring_within",
		"full_access=1": "full_access", "limit=201": "limit", "cursor=MQ": "cursor", "cursor=MC4x": "cursor",
	} {
		i.call(t, "GET", "/credentials?"+query, i.admin(), nil).wantInvalid(t, field)
	}
	i.call(t, "GET", "/credentials?kind=x&unused_for=x&expiring_within=x&full_access=x&limit=x&cursor=x", i.admin(), nil).
		wantInvalid(t, "kind", "unused_for", "expiring_within", "full_access", "limit", "cursor")
	many, err := json.Marshal(make([]int, 201))
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range []string{`[]`, `null`, `7`, `[1.5]`, `[null]`, `["42"]`, `["access_token:1"]`, `["session:01"]`, `[{"id":1}]`, `[99999999999999999999]`, string(many)} {
		i.call(t, "POST", "/credentials/revoke", i.admin(), `{"ids":`+ids+`}`).wantInvalid(t, "ids")
	}
	i.call(t, "POST", "/credentials/revoke", i.admin(), `{"ids":[1],"dry_run":"yes","all":true}`).wantInvalid(t, "dry_run", "all")
	member := i.person(t, "Plain", storage.RoleMember).session
	for path, body := range map[string]any{"/credentials": nil, "/scopes": nil, "/credentials/revoke": `{"ids":[1]}`} {
		method := map[bool]string{true: "GET", false: "POST"}[body == nil]
		i.call(t, method, path, member, body).wantProblem(t, 403, "insufficient_scope")
		i.call(t, method, path, "", body).wantProblem(t, 401, "unauthorized")
	}
}

func foreignCredentials(t *testing.T, i *instance) {
	globex := i.bootstrap("Globex").WorkspaceAPIToken
	application := i.registered(t, "Of the first", "issues")
	ids := []any{i.boot.WorkspaceAPIToken.ID, fmt.Sprintf("workspace_api_token:%d", i.boot.WorkspaceAPIToken.ID), fmt.Sprintf("client_secret:%d", application.Secrets[0].ID)}
	got := read[revocation](t, i.call(t, "POST", "/credentials/revoke", globex.Token, map[string]any{"ids": ids}), 200)
	if len(got.Revoked) != 0 || len(got.Already) != 0 || len(got.Unknown) != 3 || !i.active(t, i.admin()) || !i.opens(t, application.credentials()) {
		t.Errorf("another organization revoked %+v", got)
	}
	page := read[struct{ Credentials []credentialRow }](t, i.call(t, "GET", "/credentials", globex.Token, nil), 200)
	if diff := cmp.Diff([]string{fmt.Sprintf("workspace_api_token:%d", globex.ID)}, references(page.Credentials)); diff != "" {
		t.Errorf("another organization sees (-want +got):\n%s", diff)
	}
	// The credential that asks may be among those that it revokes.
	read[revocation](t, i.call(t, "POST", "/credentials/revoke", globex.Token, map[string]any{"ids": []any{globex.ID}}), 200)
	i.call(t, "GET", "/credentials", globex.Token, nil).wantProblem(t, 401, "invalid_token")
}

func listScopes(t *testing.T, i *instance) {
	a := i.call(t, "GET", "/scopes", i.admin(), nil).want(t, 200)
	scopes, _ := a["scopes"].([]any)
	if len(scopes) != 16 || a["next_cursor"] != nil {
		t.Fatalf("%d scopes in %v", len(scopes), a)
	}
	want := []any{
		map[string]any{"name": "issues", "description": "Read and change issues.", "includes": []any{"issues:read", "issues:write"}},
		map[string]any{"name": "issues:read", "description": "Read issues.", "includes": []any{}},
	}
	if diff := cmp.Diff(want, scopes[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
