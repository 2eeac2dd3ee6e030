package storage

import (
	"fmt"
	"strings"
)

// Includes returns the scopes that a bare name includes, none for any other scope.
func (c Catalogue) Includes(scope string) Scopes {
	if scope == ScopeAdmin || strings.Contains(scope, ":") || !c.Has(scope) {
		return Scopes{}
	}
	return Scopes{scope + ":read", scope + ":write"}
}

// Describe returns a sentence that says what the scope permits, "" if it cannot be
// granted.
func (c Catalogue) Describe(scope string) string {
	bare, access, _ := strings.Cut(scope, ":")
	switch {
	case !c.Has(scope):
		return ""
	case scope == ScopeAdmin:
		return "Manage the organization with the management API; no other scope is included."
	case access == "read":
		return fmt.Sprintf("Read %s.", bare)
	case access == "write":
		return fmt.Sprintf("Change %s; reading is not included.", bare)
	}
	return fmt.Sprintf("Read and change %s.", bare)
}
