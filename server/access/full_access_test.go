package access

import (
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/storage"
)

func TestNobodyHandsOutMoreThanTheyHave(t *testing.T) {
	everything := storage.NewScopes("issues", "projects", storage.ScopeAdmin)
	tests := map[string]struct {
		caller Caller
		scopes storage.Scopes // none: full access
		lacks  string         // "": nothing
	}{
		"the operator":               {Operator(), storage.NewScopes("issues"), ""},
		"the operator, all":          {Operator(), nil, ""},
		"a half of what is held":     {Caller{Scopes: storage.NewScopes("issues")}, storage.NewScopes("issues:read"), ""},
		"more than a half":           {Caller{Scopes: storage.NewScopes("issues:read")}, storage.NewScopes("issues"), "lacks issues"},
		"names all that are missing": {Caller{Scopes: storage.NewScopes("issues")}, storage.NewScopes("issues", "projects:read", "admin"), "lacks projects:read, admin"},
		"every scope is less":        {Caller{Scopes: everything}, nil, "lacks full access"},
		"full access":                {Caller{Scopes: everything, FullAccess: true}, nil, ""},
		"of one who was demoted":     {Caller{Scopes: everything.Without(storage.ScopeAdmin), FullAccess: true}, nil, "lacks full access"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.caller.RequireAtMost(tt.scopes)
			if len(tt.scopes) == 0 {
				err = tt.caller.RequireFullAccess()
			}
			switch {
			case tt.lacks == "" && err != nil:
				t.Error(err)
			case tt.lacks != "" && (!errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), tt.lacks)):
				t.Errorf("got %v, want one that says %q", err, tt.lacks)
			}
		})
	}
}
