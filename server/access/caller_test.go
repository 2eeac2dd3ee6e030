package access

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

func newCatalogue(t *testing.T) storage.Catalogue {
	t.Helper()
	c, err := storage.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequire(t *testing.T) {
	admin := Caller{OrganizationID: 1, Scopes: storage.Scopes{"admin"}}
	reader := Caller{OrganizationID: 1, Scopes: storage.Scopes{"projects:read", "issues"}}
	platform := FromClient(storage.Client{ID: 1, Kind: storage.ResourceServer, Scopes: storage.Scopes{"admin"}}, Origin{})
	for _, tt := range []struct {
		name         string
		caller       Caller
		scope        string
		organization int64
		want         bool
	}{
		{"the operator", Operator(), "admin", 1, true},
		{"the operator, for the platform", Operator(), "admin", 0, true},
		{"an admin", admin, "admin", 1, true},
		{"an admin elsewhere", admin, "admin", 2, false},
		{"an admin, for the platform", admin, "admin", 0, false},
		{"an admin, another scope", admin, "projects:read", 1, false},
		{"a half", reader, "projects:read", 1, true},
		{"the other half", reader, "projects:write", 1, false},
		{"a half of a bare name", reader, "issues:write", 1, true},
		{"no admin", reader, "admin", 1, false},
		{"nobody", Caller{}, "admin", 1, false},
		{"nobody, for the platform", Caller{}, "admin", 0, false},
		{"nobody's admin, for the platform", Caller{Scopes: storage.Scopes{"admin"}}, "admin", 0, false},
		{"who calls himself operator", Caller{Party: Operator().Party}, "admin", 0, false},
		{"a client, which holds no scopes", platform, "admin", 0, false},
	} {
		err := tt.caller.Require(tt.scope, tt.organization)
		if tt.want != (err == nil) || !tt.want && !errors.Is(err, ErrDenied) {
			t.Errorf("%s: got error %v, allowed %t", tt.name, err, tt.want)
		}
	}
}

func TestRequireAtMost(t *testing.T) {
	for _, tt := range []struct {
		caller Caller
		scopes string
		want   bool
	}{
		{Operator(), "issues admin", true},
		{Caller{Scopes: storage.Scopes{"issues", "admin"}}, "issues:read admin", true},
		{Caller{Scopes: storage.Scopes{"issues", "admin"}}, "", true},
		{Caller{Scopes: storage.Scopes{"issues:read", "issues:write", "admin"}}, "issues", false},
		{Caller{Scopes: storage.Scopes{"admin"}}, "admin issues:read", false},
		{Caller{}, "issues:read", false},
	} {
		err := tt.caller.RequireAtMost(storage.ParseScopes(tt.scopes))
		if tt.want != (err == nil) || !tt.want && !errors.Is(err, ErrDenied) {
			t.Errorf("%s hands out %q: got error %v, allowed %t", tt.caller.Scopes, tt.scopes, err, tt.want)
		}
	}
}

// A caller may do what its credential permits at this moment, and is named by
// what people know it by.
func TestFromCredential(t *testing.T) {
	origin := Origin{RequestID: "request-1", Address: "198.51.100.1"}
	granted := storage.Scopes{"issues", "admin"}
	token := func(kind storage.TokenKind) storage.Token {
		return storage.Token{ID: 42, Kind: kind, OrganizationID: 1, Name: "CLI – laptop", Scopes: granted}
	}
	for _, tt := range []struct {
		credential storage.Credential
		party      storage.Party
		scopes     string
		user       int64
	}{
		{storage.Credential{Token: token(storage.AccessToken), Client: storage.Client{ID: 3, Kind: storage.Application, Name: "Importer", Scopes: storage.Scopes{"issues:read", "admin"}}}, storage.Party{Kind: "oauth_application", ID: 3, Name: "Importer"}, "issues:read admin", 0},
		{storage.Credential{Token: token(storage.WorkspaceAPIToken), Owner: storage.Member{UserID: 7, Name: "Avery", Role: storage.RoleAdmin}}, storage.Party{Kind: "workspace_api_token", ID: 42, Name: "CLI – laptop"}, "issues admin", 7},
		{storage.Credential{Token: token(storage.WorkspaceAPIToken), Owner: storage.Member{UserID: 7, Name: "Avery", Role: storage.RoleMember}}, storage.Party{Kind: "workspace_api_token", ID: 42, Name: "CLI – laptop"}, "issues", 7},
		{storage.Credential{Token: token(storage.Session), Owner: storage.Member{UserID: 7, Name: "Avery", Role: storage.RoleAdmin}}, storage.Party{Kind: "session", ID: 42, Name: "Avery"}, "issues admin", 7},
		{storage.Credential{Token: token(storage.ExtensionKey), Installation: storage.Installation{Permissions: granted}}, storage.Party{Kind: "extension_key", ID: 42, Name: "CLI – laptop"}, "issues", 0},
	} {
		want := Caller{
			Party: tt.party, OrganizationID: 1, Scopes: storage.ParseScopes(tt.scopes), UserID: tt.user, Origin: origin,
		}
		got := FromCredential(tt.credential, newCatalogue(t), origin)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Caller{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.credential.Token.Kind, diff)
		}
	}
}
