package storage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWordsOfScopes(t *testing.T) {
	catalogue, err := NewCatalogue("time-tracking")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		description string
		includes    Scopes
	}{
		"issues":              {"Read and change issues.", Scopes{"issues:read", "issues:write"}},
		"issues:read":         {"Read issues.", Scopes{}},
		"issues:write":        {"Change issues; reading is not included.", Scopes{}},
		"time-tracking:write": {"Change time-tracking; reading is not included.", Scopes{}},
		"admin":               {"Manage the organization with the management API; no other scope is included.", Scopes{}},
		"admin:read":          {"", Scopes{}},
		"issues:delete":       {"", Scopes{}},
		"pages":               {"", Scopes{}},
	}
	for scope, want := range tests {
		if got := catalogue.Describe(scope); got != want.description {
			t.Errorf("%s: %q, want %q", scope, got, want.description)
		}
		if diff := cmp.Diff(want.includes, catalogue.Includes(scope)); diff != "" {
			t.Errorf("%s includes (-want +got):\n%s", scope, diff)
		}
	}
	for _, scope := range catalogue.All() {
		if catalogue.Describe(scope) == "" {
			t.Errorf("%s has no words", scope)
		}
	}
}
