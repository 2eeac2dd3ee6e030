package storage

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrInvalid says that a value breaks a rule of its noun. Errors that match it
// are [*Invalid].
var ErrInvalid = errors.New("invalid")

// Invalid names the field whose value is wrong, and how. Several are joined
// with [errors.Join].
type Invalid struct {
	Field   string // as the outside spells it
	Problem string // continues "name: "; never repeats a secret
}

// Invalidf returns an *Invalid.
func Invalidf(field, format string, args ...any) error {
	return &Invalid{Field: field, Problem: fmt.Sprintf(format, args...)}
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Problem }

// Is makes every *Invalid match [ErrInvalid].
func (e *Invalid) Is(target error) bool { return target == ErrInvalid }

// MaxNameLength is how many characters the name of anything may have.
const MaxNameLength = 100

// CheckName returns an [*Invalid] for field unless name is text of 1 to
// [MaxNameLength] characters, not counting spaces around it.
func CheckName(field, name string) error {
	name = strings.TrimSpace(name)
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return Invalidf(field, "not valid text")
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxNameLength {
		return Invalidf(field, "want 1 to %d characters", MaxNameLength)
	}
	return nil
}

// CheckScopes returns an [*Invalid] for field unless the catalogue has all scopes.
func (c Catalogue) CheckScopes(field string, scopes Scopes) error {
	if unknown := c.Unknown(scopes); len(unknown) > 0 {
		return Invalidf(field, "unknown: %s", unknown)
	}
	return nil
}
