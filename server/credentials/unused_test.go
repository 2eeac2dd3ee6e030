package credentials

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

func TestWithout(t *testing.T) {
	for _, tt := range []struct{ granted, used, want string }{
		{"issues projects:read", "", "issues projects:read"},
		{"issues projects:read", "issues projects:read", ""},
		{"issues", "issues:read", "issues:write"},
		{"issues", "issues:write issues:read", ""},
		{"issues", "issues:read issues", ""},
		{"issues:read issues:write", "issues:write", "issues:read"},
		{"issues:read", "issues", ""},
		{"admin issues", "admin", "issues"},
		{"admin", "issues", "admin"},
		{"", "issues", ""},
	} {
		got := without(storage.ParseScopes(tt.granted), storage.ParseScopes(tt.used))
		if got == nil || got.String() != tt.want {
			t.Errorf("of %q with %q used: %q, want %q", tt.granted, tt.used, got, tt.want)
		}
	}
}

// What cannot be told is told as such.
func TestUnused(t *testing.T) {
	catalogue, err := storage.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	old := Credential{
		Reference: Reference{WorkspaceAPIToken, 1}, Scopes: storage.NewScopes("issues", "projects"), CreatedAt: since.Add(-time.Hour), LastUsedAt: since.Add(time.Hour),
	}
	id := storage.CredentialID{Kind: storage.CredentialKind(WorkspaceAPIToken), ID: 1}
	with := func(use storage.ScopeUse) usage {
		return usage{since: since, counted: true, by: map[storage.CredentialID]storage.ScopeUse{id: use}}
	}
	named := storage.ScopeUse{Credential: id, Scopes: storage.NewScopes("issues"), Uses: 3}
	young, idle, full := old, old, old
	young.CreatedAt = since
	idle.LastUsedAt = since.Add(-time.Minute)
	full.FullAccess, full.Scopes = true, nil
	uncounted := with(named)
	uncounted.counted = false
	for name, tt := range map[string]struct {
		u    usage
		c    Credential
		want storage.Scopes
	}{
		"used for a part":                  {with(named), old, storage.Scopes{"projects"}},
		"with full access":                 {with(named), full, storage.Scopes{"projects", "comments", "workflows", "analytics", "admin"}},
		"used for all":                     {with(storage.ScopeUse{Scopes: storage.NewScopes("issues", "projects"), Uses: 1}), old, storage.Scopes{}},
		"not used":                         {usage{since: since, counted: true}, idle, storage.Scopes{"issues", "projects"}},
		"used, and nothing was counted":    {usage{since: since, counted: true}, old, nil},
		"a use named no scope":             {with(storage.ScopeUse{Scopes: named.Scopes, Unnamed: 1, Uses: 3}), old, nil},
		"too young":                        {with(named), young, nil},
		"uses are not counted for so long": {uncounted, old, nil},
	} {
		if diff := cmp.Diff(tt.want, tt.u.unused(tt.c, catalogue)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
