package integration

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// inventory is an organization in which there is something to find.
type inventory struct {
	*instance
	never, idle, narrow, unnamed, gone, young string // references of workspace tokens
	secret, key                               string
}

// aged stores a workspace token that was made and used so long ago.
func (i *instance) aged(t testing.TB, owner int64, made, used time.Duration, scopes ...string) storage.Token {
	t.Helper()
	now := time.Now()
	token := storage.Token{
		Kind: storage.WorkspaceAPIToken, OrganizationID: i.boot.Organization.ID, UserID: owner, Name: "Aged", Reference: fmt.Sprint(owner, made, used, scopes),
		Prefix: "wksp_00000000", Scopes: storage.NewScopes(scopes...), FullAccess: len(scopes) == 0, Audience: audience, CreatedAt: now.Add(-made),
	}
	if used > 0 {
		token.LastUsedAt = now.Add(-used)
	}
	if err := i.verbs().Store.CreateToken(t.Context(), &token); err != nil {
		t.Fatal(err)
	}
	return token
}

func (i *instance) counted(t testing.TB, c storage.CredentialID, ago time.Duration, scopes ...string) {
	t.Helper()
	for _, scope := range scopes {
		err := i.verbs().Store.AddUses(t.Context(), []storage.UseCount{{
			OrganizationID: i.boot.Organization.ID, Credential: c, Day: time.Now().Add(-ago), Scope: scope, Count: 1, Uses: 1,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newInventory(t *testing.T, e engine) *inventory {
	i := &inventory{instance: start(t, e)}
	admin, demoted := i.boot.Admin.ID, i.person(t, "Demoted", storage.RoleMember)
	name := func(token storage.Token, ago time.Duration, scopes ...string) string {
		t.Helper()
		i.counted(t, token.UsedCredentials()[0], ago, scopes...)
		return token.UsedCredentials()[0].String()
	}
	i.never = name(i.aged(t, admin, 100*day, 0, "issues"), 0)
	i.idle = name(i.aged(t, admin, 100*day, 70*day), 70*day, "issues") // full access
	i.narrow = name(i.aged(t, admin, 100*day, day, "issues", "projects:read"), day, "issues:read", "projects:read")
	i.unnamed = name(i.aged(t, admin, 100*day, day, "issues", "projects"), day, "issues", "")
	i.gone = name(i.aged(t, demoted.id, 100*day, day, "issues"), day, "issues")
	i.young = name(i.aged(t, admin, 50*day, day, "issues", "projects"), day, "issues")
	i.secret = fmt.Sprintf("client_secret:%d", i.registered(t, "Unused", "issues").Secrets[0].ID)
	i.key = fmt.Sprintf("extension_key:%d", i.install(t, "com.example.unused", "issues").APIKey.ID)
	return i
}

func (i *inventory) all() []string {
	return []string{i.never, i.idle, i.narrow, i.unnamed, i.gone, i.young, i.secret, i.key}
}

// What can be done without is found by filters, with each other and page by page.
func TestInventory(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := newInventory(t, e)
		for query, want := range map[string][]string{
			"&never_used=true":                                       {i.never, i.secret, i.key},
			"&never_used=false":                                      i.all(),
			"&never_used=true&unused_for=90d":                        {i.never},
			"&never_used=true&kind=client_secret":                    {i.secret},
			"&owner_gone=true":                                       {i.gone},
			"&owner_gone=true&never_used=true":                       {},
			"&owner_gone=true&kind=session":                          {},
			"&over_privileged=true":                                  {i.never, i.idle, i.narrow},
			"&over_privileged=true&unused_for=65d":                   {i.never, i.idle},
			"&over_privileged=true&full_access=true":                 {i.idle},
			"&over_privileged=true&kind=client_secret":               {},
			"&over_privileged=true&never_used=true&owner_gone=false": {i.never},
			"&unused_for=65d":                                        {i.never, i.idle},
		} {
			for _, limit := range []int{1, 2, 100} {
				got := onlyOf(references(i.credentials(t, query, limit)), i.all()...)
				if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
					t.Errorf("%s by %d (-want +got):\n%s", query, limit, diff)
				}
			}
		}
		unused := map[string][]string{}
		for _, row := range read[struct {
			Credentials []struct {
				Reference    string
				UnusedScopes []string `json:"unused_scopes"`
			}
		}](t, i.call(t, "GET", "/credentials?limit=200", i.admin(), nil), 200).Credentials {
			unused[row.Reference] = row.UnusedScopes
		}
		for reference, want := range map[string][]string{
			i.never: {"issues"}, i.idle: {"issues", "projects", "comments", "workflows", "analytics", "admin"}, i.narrow: {"issues:write"},
			i.unnamed: nil, i.gone: {}, i.young: nil, i.secret: nil, i.key: nil,
		} {
			if diff := cmp.Diff(want, unused[reference]); diff != "" {
				t.Errorf("unused scopes of %s (-want +got):\n%s", reference, diff)
			}
		}
		for _, name := range []string{"never_used", "owner_gone", "over_privileged", "exceeds_max_lifetime"} {
			for _, wrong := range []string{"1", "True", "yes", "null"} {
				i.call(t, "GET", "/credentials?"+name+"="+wrong, i.admin(), nil).wantInvalid(t, name)
			}
		}
		globex := i.bootstrap("Globex").WorkspaceAPIToken
		for _, query := range []string{"never_used=true", "owner_gone=true", "over_privileged=true"} {
			found := i.call(t, "GET", "/credentials?"+query, globex.Token, nil).want(t, 200)["credentials"].([]any)
			for _, each := range found {
				if each.(map[string]any)["reference"] != fmt.Sprintf("workspace_api_token:%d", globex.ID) {
					t.Errorf("another organization sees %v", each)
				}
			}
		}
	})
}

// As long as uses are not counted for long enough nothing is said of what is unused.
func TestUnusedScopesOfYoungServer(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		token := i.aged(t, i.boot.Admin.ID, 100*day, 0, "issues")
		i.counted(t, storage.CredentialID{Kind: storage.ApplicationCredential, ID: 1}, 59*day, "issues")
		if got := i.credentials(t, "&over_privileged=true", 10); len(got) != 0 {
			t.Errorf("over-privileged: %v", references(got))
		}
		i.counted(t, storage.CredentialID{Kind: storage.ApplicationCredential, ID: 1}, 61*day, "issues")
		if got := references(i.credentials(t, "&over_privileged=true", 10)); len(got) != 1 || got[0] != token.UsedCredentials()[0].String() {
			t.Errorf("over-privileged after 60 days: %v", got)
		}
	})
}

// wholeRevocation is what became of credentials, with what a dry run adds.
type wholeRevocation struct {
	revocation
	Own  []string
	More bool
}

// A dry run by a filter says what would end; the ids that it answers with end it.
func TestRevokeWhatAFilterNames(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := newInventory(t, e)
		revoke := func(by string, body any) wholeRevocation {
			t.Helper()
			return read[wholeRevocation](t, i.call(t, "POST", "/credentials/revoke", by, body), 200)
		}
		since := len(i.events(t))
		dry := revoke(i.admin(), map[string]any{"filter": map[string]any{"never_used": true, "unused_for": "90d", "kind": "workspace_api_token"}, "dry_run": true})
		if diff := cmp.Diff([]string{i.never}, dry.Revoked); diff != "" || dry.More || len(dry.Own)+len(dry.Already)+len(dry.Unknown) != 0 {
			t.Errorf("dry run %+v (-want +got):\n%s", dry, diff)
		}
		if none := revoke(i.admin(), `{"filter":{"owner_gone":true,"never_used":true},"dry_run":true}`); len(none.Revoked) != 0 {
			t.Errorf("a filter that names nothing: %+v", none)
		}
		if events := i.events(t)[since:]; len(events) != 0 {
			t.Errorf("a dry run has written %v", events)
		}
		if done := revoke(i.admin(), map[string]any{"ids": dry.Revoked}); len(done.Revoked) != 1 {
			t.Errorf("revoked %+v", done)
		}
		if left := onlyOf(references(i.credentials(t, "", 100)), i.never); len(left) != 0 {
			t.Error("it is still listed")
		}

		// Whoever would cut off the branch that they sit on is told.
		own := fmt.Sprintf("workspace_api_token:%d", i.boot.WorkspaceAPIToken.ID)
		full := revoke(i.admin(), `{"filter":{"full_access":true,"kind":"workspace_api_token"},"dry_run":true}`)
		if diff := cmp.Diff([]string{own}, full.Own); diff != "" || len(full.Revoked) != 2 {
			t.Errorf("with full access %+v (-want +got):\n%s", full, diff)
		}
		application := i.registered(t, "Admin application", "admin")
		secret := fmt.Sprintf("client_secret:%d", application.Secrets[0].ID)
		if got := revoke(i.fetch(t, application.credentials()), map[string]any{"ids": []string{secret, own}, "dry_run": true}); len(got.Own) != 1 || got.Own[0] != secret {
			t.Errorf("an application's own: %+v", got)
		}

		for body, fields := range map[string][]string{
			`{"filter":{"never_used":true}}`:                                              {"filter"},
			`{"filter":{},"dry_run":true}`:                                                {"filter"},
			`{"filter":{"never_used":false},"dry_run":true}`:                              {"filter"},
			`{"filter":[],"dry_run":true}`:                                                {"filter"},
			`{"filter":{"never_used":true},"ids":[1],"dry_run":true}`:                     {"ids"},
			`{"filter":{"never_used":"true","unused":1,"unused_for":"x"},"dry_run":true}`: {"never_used", "unused", "unused_for"},
			`{"filter":{"kind":"access_token","expiring_within":"1y"},"dry_run":true}`:    {"kind", "expiring_within"},
			`{"dry_run":true}`: {"ids"},
		} {
			i.call(t, "POST", "/credentials/revoke", i.admin(), body).wantInvalid(t, fields...)
		}
		member := i.person(t, "Plain", storage.RoleMember).session
		i.call(t, "POST", "/credentials/revoke", member, `{"filter":{"never_used":true},"dry_run":true}`).wantProblem(t, http.StatusForbidden, "insufficient_scope")
	})
}

func sorted(texts []string) []string {
	texts = append([]string{}, texts...)
	slices.Sort(texts)
	return texts
}
