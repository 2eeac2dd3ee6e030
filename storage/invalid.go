package storage

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
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

// FieldsOf gathers what is wrong by field, of all the [*Invalid] that err is made of.
func FieldsOf(err error) map[string][]string {
	fields := map[string][]string{}
	var gather func(error)
	gather = func(err error) {
		switch e := err.(type) {
		case *Invalid:
			fields[e.Field] = append(fields[e.Field], e.Problem)
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				gather(inner)
			}
		case interface{ Unwrap() error }:
			gather(e.Unwrap())
		}
	}
	gather(err)
	return fields
}

// MaxNameLength is how many characters the name of anything may have.
const MaxNameLength = 100

// CheckName returns an [*Invalid] for field unless name is text of 1 to
// [MaxNameLength] characters, not counting spaces around it, on one line and of which
// something can be seen. Names are shown beside each other and in logs: one that breaks
// the line or turns the direction of what follows could pass for something else.
func CheckName(field, name string) error {
	name = strings.TrimSpace(name)
	if problem := unreadable(name); problem != "" {
		return Invalidf(field, "%s", problem)
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxNameLength {
		return Invalidf(field, "want 1 to %d characters", MaxNameLength)
	}
	if !strings.ContainsFunc(name, visible) {
		return Invalidf(field, "want a character that can be seen")
	}
	return nil
}

// unreadable says what keeps a text from being shown on a line as it is, "" if nothing
// does.
func unreadable(text string) string {
	if !utf8.ValidString(text) {
		return "not valid UTF-8"
	}
	for _, c := range text {
		switch {
		case unicode.IsControl(c), unicode.In(c, unicode.Zl, unicode.Zp):
			return fmt.Sprintf("want no control characters and no line breaks, such as %U", c)
		case unicode.Is(unicode.Bidi_Control, c):
			return fmt.Sprintf("want no characters that control the direction of text, such as %U", c)
		}
	}
	return ""
}

func visible(c rune) bool { return unicode.IsGraphic(c) && !unicode.IsSpace(c) }

// CheckScopes returns an [*Invalid] for field unless the catalogue has all scopes.
func (c Catalogue) CheckScopes(field string, scopes Scopes) error {
	if unknown := c.Unknown(scopes); len(unknown) > 0 {
		return Invalidf(field, "unknown: %s", unknown)
	}
	return nil
}
