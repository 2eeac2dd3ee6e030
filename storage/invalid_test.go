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
		{"🔑 'quoted' <b>", ""},
		{"שרה \u200d نور e\u0301", ""},
		{"", "label: want 1 to 100 characters"},
		{" \t\n\u00a0", "label: want 1 to 100 characters"},
		{strings.Repeat("é", 101), "label: want 1 to 100 characters"},
		{" \u200b\ufeff ", "label: want a character that can be seen"},
		{"a\x00b", "label: want no control characters and no line breaks, such as U+0000"},
		{"a\x1b[31mb", "label: want no control characters and no line breaks, such as U+001B"},
		{"a\nb", "label: want no control characters and no line breaks, such as U+000A"},
		{"a\r\nb", "label: want no control characters and no line breaks, such as U+000D"},
		{"a\u0085b", "label: want no control characters and no line breaks, such as U+0085"},
		{"a\u2028b", "label: want no control characters and no line breaks, such as U+2028"},
		{"a\u2029b", "label: want no control characters and no line breaks, such as U+2029"},
		{"a\x7f", "label: want no control characters and no line breaks, such as U+007F"},
		{"\xff", "label: not valid UTF-8"},
		{"a\xc0\xafb", "label: not valid UTF-8"},
		{"a\xed\xa0\x80b", "label: not valid UTF-8"},
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

// What turns the direction of text makes it read as something else.
func TestCheckNameDirection(t *testing.T) {
	for _, c := range "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		want := fmt.Sprintf("label: want no characters that control the direction of text, such as %U", c)
		if err := storage.CheckName("label", "a"+string(c)+"b"); err == nil || err.Error() != want {
			t.Errorf("%U: got error %v, want %s", c, err, want)
		}
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
