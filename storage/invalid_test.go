package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"kiket.dev/auth/storage"
)

func TestCheckName(t *testing.T) {
	for _, tt := range []struct {
		name, want string // the error; empty: none
	}{
		{"CLI – laptop", ""},
		{"  x\n", ""},
		{strings.Repeat("é", 100), ""},
		{" " + strings.Repeat("a", 100) + " ", ""},
		{"🔑 'quoted' <b>\u202e", ""},
		{"", "label: want 1 to 100 characters"},
		{" \t\n\u00a0", "label: want 1 to 100 characters"},
		{strings.Repeat("é", 101), "label: want 1 to 100 characters"},
		{"a\x00b", "label: not valid text"},
		{"\xff", "label: not valid text"},
		{"a\xc0\xafb", "label: not valid text"},
	} {
		err := storage.CheckName("label", tt.name)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%q: %v", tt.name, err)
		case tt.want != "" && (err == nil || err.Error() != tt.want || !errors.Is(err, storage.ErrInvalid)):
			t.Errorf("%q: got error %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestCheckScopes(t *testing.T) {
	c := newCatalogue(t, "reports")
	for _, scopes := range []storage.Scopes{nil, {}, {"issues"}, {"reports:read", "admin"}} {
		if err := c.CheckScopes("scopes", scopes); err != nil {
			t.Errorf("%q: %v", scopes, err)
		}
	}
	err := c.CheckScopes("scopes", storage.Scopes{"issues", "x", "", "admin:write"})
	if err == nil || err.Error() != "scopes: unknown: x  admin:write" {
		t.Errorf("got error %v", err)
	}
}

// Several mistakes are told together, and each can be found among them.
func TestInvalidJoined(t *testing.T) {
	err := fmt.Errorf("registering: %w", errors.Join(
		storage.Invalidf("name", "want %d", 1), nil, storage.Invalidf("scopes", "unknown: %s", storage.Scopes{"x"})))
	if !errors.Is(err, storage.ErrInvalid) || errors.Is(err, storage.ErrConflict) {
		t.Errorf("%v is ErrInvalid: %t", err, errors.Is(err, storage.ErrInvalid))
	}
	var first *storage.Invalid
	if !errors.As(err, &first) || first.Field != "name" || first.Problem != "want 1" {
		t.Errorf("found %+v", first)
	}
}
