package storage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ScopeAdmin permits the management API of this server and includes nothing else.
const ScopeAdmin = "admin"

// Scopes is a set of scope tokens (RFC 6749 section 3.3) in the order in which
// they were given, without duplicates. Scopes are case-sensitive.
//
// A bare name X includes X:read and X:write; X:write does not include X:read.
// ScopeAdmin has no halves.
type Scopes []string

// ParseScopes reads a list separated by spaces (U+0020 alone, RFC 6749 section
// 3.3). Duplicates are dropped.
func ParseScopes(text string) Scopes {
	return NewScopes(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })...)
}

// NewScopes makes a set of the given scopes. Duplicates are dropped.
func NewScopes(scopes ...string) Scopes {
	set := make(Scopes, 0, len(scopes))
	seen := make(map[string]bool, len(scopes))
	for _, s := range scopes {
		if !seen[s] {
			seen[s] = true
			set = append(set, s)
		}
	}
	return set
}

// String returns the scopes as one space-separated string.
func (s Scopes) String() string { return strings.Join(s, " ") }

// Covers reports whether the set permits want: by name, or by the bare name
// that includes it.
func (s Scopes) Covers(want string) bool {
	if slices.Contains(s, want) {
		return true
	}
	bare, access, found := strings.Cut(want, ":")
	return found && (access == "read" || access == "write") && bare != ScopeAdmin && slices.Contains(s, bare)
}

// CoversAll reports whether the set permits every one of want.
func (s Scopes) CoversAll(want Scopes) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !s.Covers(w) })
}

// Restrict returns what of s is also permitted by bound. A bare name of which
// only a half is permitted becomes that half.
func (s Scopes) Restrict(bound Scopes) Scopes {
	if bound.CoversAll(s) {
		return s
	}
	kept := make([]string, 0, len(s))
	for _, scope := range s {
		switch {
		case bound.Covers(scope):
			kept = append(kept, scope)
		case scope != ScopeAdmin && !strings.Contains(scope, ":"):
			for _, half := range []string{scope + ":read", scope + ":write"} {
				if bound.Covers(half) {
					kept = append(kept, half)
				}
			}
		}
	}
	return NewScopes(kept...)
}

// Smallest returns s without those that others in it cover.
func (s Scopes) Smallest() Scopes {
	return slices.DeleteFunc(slices.Clone(s), func(scope string) bool { return s.Without(scope).Covers(scope) })
}

// Without returns s less one scope.
func (s Scopes) Without(scope string) Scopes {
	if !slices.Contains(s, scope) {
		return s
	}
	return slices.DeleteFunc(slices.Clone(s), func(have string) bool { return have == scope })
}

// Catalogue is the set of scopes that can be granted.
type Catalogue struct{ names []string }

var resourceName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// NewCatalogue returns the product's resources and the extra ones, each also
// as X:read and X:write, and admin. A name must match [a-z][a-z0-9_-]{0,63}.
func NewCatalogue(extra ...string) (Catalogue, error) {
	names := []string{"issues", "projects", "comments", "workflows", "analytics"}
	for _, name := range extra {
		if !resourceName.MatchString(name) || name == ScopeAdmin {
			return Catalogue{}, fmt.Errorf("%q cannot name a scope: want lower-case letters, digits, '_' and '-', starting with a letter, and not %q", name, ScopeAdmin)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return Catalogue{names: append(names, ScopeAdmin)}, nil
}

// Names returns the bare names: what full access stands for.
func (c Catalogue) Names() Scopes { return Scopes(slices.Clone(c.names)) }

// All returns every scope that can be granted, the halves after each bare name.
func (c Catalogue) All() Scopes {
	all := Scopes{}
	for _, name := range c.names {
		all = append(all, name)
		if name != ScopeAdmin {
			all = append(all, name+":read", name+":write")
		}
	}
	return all
}

// Has reports whether the scope can be granted.
func (c Catalogue) Has(scope string) bool { return Scopes(c.names).Covers(scope) }

// Unknown returns those of scopes that cannot be granted.
func (c Catalogue) Unknown(scopes Scopes) Scopes {
	var unknown Scopes
	for _, s := range scopes {
		if !c.Has(s) {
			unknown = append(unknown, s)
		}
	}
	return unknown
}
