package storage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

var (
	noon  = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	kinds = []storage.TokenKind{storage.AccessToken, storage.WorkspaceAPIToken, storage.ExtensionKey, storage.Session}
)

// working returns a credential of the kind that works at noon, with everything
// that it depends on, and with what only other kinds depend on not in place.
func working(kind storage.TokenKind) storage.Credential {
	c := storage.Credential{Token: storage.Token{
		ID: 42, Kind: kind, OrganizationID: 1, Reference: "reference", Scopes: storage.Scopes{"issues", "projects:read", "admin"},
		CreatedAt: noon.Add(-time.Hour), ExpiresAt: noon.Add(time.Hour),
	}}
	switch kind {
	case storage.AccessToken:
		c.Token.ClientID = 5
		c.Client = storage.Client{ID: 5, ClientID: "app_5", Scopes: c.Token.Scopes}
	case storage.WorkspaceAPIToken, storage.Session:
		c.Token.UserID = 7
		c.Owner = storage.Member{UserID: 7, Role: storage.RoleAdmin}
	case storage.ExtensionKey:
		c.Token.InstallationID, c.Token.ProjectID = 3, 2
		c.Installation = storage.Installation{ID: 3, Permissions: c.Token.Scopes}
	}
	if kind != storage.AccessToken {
		c.KeyRevoked = true
		c.Client.DisabledAt = noon
	}
	if kind != storage.ExtensionKey {
		c.Installation.UninstalledAt = noon
	}
	return c
}

func TestCredentialActive(t *testing.T) {
	all := func(storage.TokenKind) bool { return true }
	only := func(of ...storage.TokenKind) func(storage.TokenKind) bool {
		return func(kind storage.TokenKind) bool { return slices.Contains(of, kind) }
	}
	owned := only(storage.WorkspaceAPIToken, storage.Session)
	for _, tt := range []struct {
		name   string
		change func(*storage.Credential)
		ends   func(storage.TokenKind) bool // which kinds stop working with it
	}{
		{"as it is", func(*storage.Credential) {}, only()},
		{"never expires", func(c *storage.Credential) { c.Token.ExpiresAt = time.Time{} }, only()},
		{"expires a moment later", func(c *storage.Credential) { c.Token.ExpiresAt = noon.Add(1) }, only()},
		{"expires now", func(c *storage.Credential) { c.Token.ExpiresAt = noon }, all},
		{"expires now, elsewhere", func(c *storage.Credential) { c.Token.ExpiresAt = noon.In(time.FixedZone("", 3600)) }, all},
		{"expired", func(c *storage.Credential) { c.Token.ExpiresAt = noon.Add(-time.Second) }, all},
		{"revoked", func(c *storage.Credential) { c.Token.RevokedAt = noon.Add(-time.Second) }, all},
		{"revoked by a clock that is ahead", func(c *storage.Credential) { c.Token.RevokedAt = noon.Add(time.Minute) }, all},
		{"revoked and never expires", func(c *storage.Credential) { c.Token.RevokedAt, c.Token.ExpiresAt = noon, time.Time{} }, all},
		{"client disabled", func(c *storage.Credential) { c.Client.DisabledAt = noon }, only(storage.AccessToken)},
		{"client gone", func(c *storage.Credential) { c.Client = storage.Client{} }, only(storage.AccessToken)},
		{"client's tokens revoked", func(c *storage.Credential) { c.Client.TokensRevokedThrough = c.Token.ID }, only(storage.AccessToken)},
		{"earlier tokens of the client revoked", func(c *storage.Credential) { c.Client.TokensRevokedThrough = c.Token.ID - 1 }, only()},
		{"ended with its client secret", func(c *storage.Credential) { c.SecretRevoked = true }, only(storage.AccessToken)},
		{"idle for too long", func(c *storage.Credential) {
			c.Token.CreatedAt, c.Token.LastUsedAt, c.Token.IdleTimeout = noon.Add(-time.Hour), noon.Add(-time.Minute), time.Minute
		}, owned},
		{"used lately", func(c *storage.Credential) {
			c.Token.CreatedAt, c.Token.LastUsedAt, c.Token.IdleTimeout = noon.Add(-time.Hour), noon.Add(-time.Minute), time.Minute+time.Second
		}, only()},
		{"never used since it was made", func(c *storage.Credential) { c.Token.CreatedAt, c.Token.IdleTimeout = noon.Add(-time.Hour), time.Hour }, owned},
		{"signing key revoked", func(c *storage.Credential) { c.KeyRevoked = true }, only(storage.AccessToken)},
		{"owner gone", func(c *storage.Credential) { c.Owner = storage.Member{} }, owned},
		{"owner demoted", func(c *storage.Credential) { c.Owner.Role = storage.RoleMember }, only()},
		{"uninstalled", func(c *storage.Credential) { c.Installation.UninstalledAt = noon }, only(storage.ExtensionKey)},
		{"installation gone", func(c *storage.Credential) { c.Installation = storage.Installation{} }, only(storage.ExtensionKey)},
		{"of no kind", func(c *storage.Credential) { c.Token.Kind = "" }, all},
		{"of an unknown kind", func(c *storage.Credential) { c.Token.Kind = "refresh_token" }, all},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, kind := range kinds {
				c := working(kind)
				tt.change(&c)
				if got, want := c.Active(noon), !tt.ends(kind); got != want {
					t.Errorf("%s is active: %t", kind, got)
				}
			}
		})
	}
	if (storage.Credential{}).Active(noon) {
		t.Error("the zero credential is active")
	}
}

func TestCredentialScopes(t *testing.T) {
	catalogue := newCatalogue(t, "reports")
	everything := "issues projects comments workflows analytics reports admin"
	for _, tt := range []struct {
		name   string
		change func(*storage.Credential)
		want   map[storage.TokenKind]string
	}{
		{"as granted", func(*storage.Credential) {}, map[storage.TokenKind]string{
			storage.AccessToken:       "issues projects:read admin",
			storage.WorkspaceAPIToken: "issues projects:read admin",
			storage.ExtensionKey:      "issues projects:read",
			storage.Session:           "issues projects:read admin",
		}},
		{"full access", func(c *storage.Credential) { c.Token.Scopes, c.Token.FullAccess = nil, true }, map[storage.TokenKind]string{
			storage.AccessToken:       "issues projects:read admin",
			storage.WorkspaceAPIToken: everything,
			storage.ExtensionKey:      "issues projects:read",
			storage.Session:           everything,
		}},
		{"no scopes are not full access", func(c *storage.Credential) { c.Token.Scopes = nil }, map[storage.TokenKind]string{
			storage.AccessToken: "", storage.WorkspaceAPIToken: "", storage.Session: "",
			storage.ExtensionKey: "issues projects:read", // which its extension has, whatever it was made with
		}},
		{"less in the registration and in the manifest", func(c *storage.Credential) {
			c.Client.Scopes, c.Installation.Permissions = storage.Scopes{"issues:write"}, storage.Scopes{"issues:read", "projects"}
		}, map[storage.TokenKind]string{
			storage.AccessToken:       "issues:write",
			storage.WorkspaceAPIToken: "issues projects:read admin",
			storage.ExtensionKey:      "issues:read projects",
			storage.Session:           "issues projects:read admin",
		}},
		{"more in the registration and in the manifest", func(c *storage.Credential) {
			c.Client.Scopes, c.Installation.Permissions = catalogue.Names(), catalogue.Names()
		}, map[storage.TokenKind]string{
			storage.AccessToken:       "issues projects:read admin",
			storage.WorkspaceAPIToken: "issues projects:read admin",
			storage.ExtensionKey:      "issues projects comments workflows analytics reports",
			storage.Session:           "issues projects:read admin",
		}},
		{"owner demoted", func(c *storage.Credential) { c.Owner.Role = storage.RoleMember }, map[storage.TokenKind]string{
			storage.AccessToken:       "issues projects:read admin",
			storage.WorkspaceAPIToken: "issues projects:read",
			storage.ExtensionKey:      "issues projects:read",
			storage.Session:           "issues projects:read",
		}},
		{"owner gone", func(c *storage.Credential) { c.Owner, c.Token.FullAccess = storage.Member{}, true }, map[storage.TokenKind]string{
			storage.AccessToken:       "issues projects:read admin",
			storage.WorkspaceAPIToken: "issues projects comments workflows analytics reports",
			storage.ExtensionKey:      "issues projects:read",
			storage.Session:           "issues projects comments workflows analytics reports",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := map[storage.TokenKind]string{}
			for _, kind := range kinds {
				c := working(kind)
				tt.change(&c)
				got[kind] = c.Scopes(catalogue).String()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialNames(t *testing.T) {
	type names struct{ ClientID, Subject string }
	want := map[storage.TokenKind]names{
		storage.AccessToken:       {"app_5", "app_5"},
		storage.WorkspaceAPIToken: {"workspace_api_token:42", "user:7"},
		storage.ExtensionKey:      {"extension_key:42", "extension:3"},
		storage.Session:           {"session:42", "user:7"},
	}
	got := map[storage.TokenKind]names{}
	for _, kind := range kinds {
		c := working(kind)
		got[kind] = names{c.PublicClientID(), c.Subject()}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTokenReferenceOf(t *testing.T) {
	for _, kind := range kinds {
		token := working(kind).Token
		want := storage.TokenReference{Kind: kind, Value: "reference"}
		if kind == storage.AccessToken {
			want.ExpiresAt = token.ExpiresAt
		}
		if diff := cmp.Diff(want, storage.TokenReferenceOf(token)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

func TestClient(t *testing.T) {
	c := storage.Client{Scopes: storage.Scopes{"issues"}, AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic}}
	disabled := storage.Client{DisabledAt: noon}
	if !c.Enabled() || disabled.Enabled() {
		t.Errorf("enabled: %t, and when disabled %t", c.Enabled(), disabled.Enabled())
	}
	if !c.Allows(storage.Scopes{"issues:read", "issues"}) || c.Allows(storage.Scopes{"issues", "projects"}) || disabled.Allows(storage.Scopes{"issues"}) {
		t.Error("the client allows other scopes than those it is registered for")
	}
	if !c.Uses(storage.AuthSecretBasic) || c.Uses(storage.AuthSecretPost) || c.Uses("") || disabled.Uses(storage.AuthSecretBasic) {
		t.Error("the client uses other methods than those it is registered for")
	}
}

func TestClientSecretOpen(t *testing.T) {
	for _, tt := range []struct {
		name    string
		expires time.Time
		want    bool
	}{
		{"never", time.Time{}, true},
		{"later", noon.Add(1), true},
		{"now", noon, false},
		{"earlier", noon.Add(-1), false},
	} {
		if got := (storage.ClientSecret{ExpiresAt: tt.expires}).Open(noon); got != tt.want {
			t.Errorf("expires %s: open %t", tt.name, got)
		}
	}
}
