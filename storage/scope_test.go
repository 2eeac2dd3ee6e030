package storage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kiket.dev/auth/storage"
)

func TestParseScopes(t *testing.T) {
	for _, tt := range []struct {
		give string
		want storage.Scopes
	}{
		{"", nil},
		{"   ", nil},
		{"issues", storage.Scopes{"issues"}},
		{"  issues:read   projects ", storage.Scopes{"issues:read", "projects"}},
		{"b a b a", storage.Scopes{"b", "a"}},
		{"issues Issues ISSUES", storage.Scopes{"issues", "Issues", "ISSUES"}},
		// Only U+0020 separates.
		{"issues\tprojects\nadmin", storage.Scopes{"issues\tprojects\nadmin"}},
		{"issues\u00a0projects,admin+x", storage.Scopes{"issues\u00a0projects,admin+x"}},
		{"\xff \x00", storage.Scopes{"\xff", "\x00"}},
	} {
		got := storage.ParseScopes(tt.give)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.give, diff)
		}
		if again := storage.ParseScopes(got.String()); !slices.Equal(again, got) {
			t.Errorf("%q is written as %q, which is read as %q", tt.give, got, again)
		}
	}
}

// A request may list as many scopes as fit into its body; reading them must not
// cost more than the rest of it.
func TestParseManyScopes(t *testing.T) {
	var text strings.Builder
	for n := range 16_000 {
		fmt.Fprintf(&text, "%x ", n)
	}
	fastest := time.Hour
	for range 5 {
		start := time.Now()
		if got := len(storage.ParseScopes(text.String())); got != 16_000 {
			t.Fatalf("%d scopes", got)
		}
		fastest = min(fastest, time.Since(start))
	}
	if fastest > 100*time.Millisecond {
		t.Errorf("takes %s", fastest)
	}
}

func TestScopesCovers(t *testing.T) {
	for _, tt := range []struct {
		have, want string // want is covered, or, after "!", is not
	}{
		{"issues", "issues issues:read issues:write"},
		{"issues:read", "issues:read !issues !issues:write"},
		{"issues:write", "issues:write !issues !issues:read"},
		{"issues:read issues:write", "issues:read issues:write !issues"},
		{"issues projects:read", "issues:write projects:read !projects !projects:write !comments"},
		{"issues", "!Issues !ISSUES:read !issues:READ !issues: !issues:delete !issues:admin !issues:read:read !issue !issues2 !:read !*"},
		{"admin", "admin !admin:read !admin:write !issues !issues:read"},
		{"*", "!issues !issues:read"},
		{"issues.*", "!issues.read !issues:read"},
		{"", "!issues !admin"},
	} {
		have := storage.ParseScopes(tt.have)
		covered := true
		for _, want := range strings.Fields(tt.want) {
			want, refused := strings.CutPrefix(want, "!")
			if got := have.Covers(want); got == refused {
				t.Errorf("%q covers %q: %t", tt.have, want, got)
			}
			covered = covered && !refused
		}
		all := storage.ParseScopes(strings.ReplaceAll(tt.want, "!", ""))
		if got := have.CoversAll(all); got != covered {
			t.Errorf("%q covers all of %q: %t", tt.have, all, got)
		}
		if !have.CoversAll(nil) || !have.CoversAll(have) {
			t.Errorf("%q does not cover nothing, or itself", tt.have)
		}
		if have.Covers("") {
			t.Errorf("%q covers a scope without a name", tt.have)
		}
	}
}

func TestScopesRestrict(t *testing.T) {
	for _, tt := range []struct{ scopes, bound, want string }{
		{"issues projects", "issues projects", "issues projects"},
		{"issues:read", "issues", "issues:read"},
		{"issues", "issues:read", "issues:read"},
		{"issues", "issues:write projects", "issues:write"},
		{"issues", "issues:write issues:read", "issues:read issues:write"},
		{"issues issues:read", "issues:read", "issues:read"},
		{"issues:read issues:write", "issues:write", "issues:write"},
		{"comments issues", "projects", ""},
		{"issues", "", ""},
		{"", "issues admin", ""},
		{"admin issues", "issues", "issues"},
		{"admin", "admin", "admin"},
		{"admin", "admin:read admin:write", ""},
		{"admin:read", "admin", ""},
		{"projects issues comments", "comments projects", "projects comments"},
	} {
		scopes, bound := storage.ParseScopes(tt.scopes), storage.ParseScopes(tt.bound)
		if got := scopes.Restrict(bound).String(); got != tt.want {
			t.Errorf("%q restricted to %q is %q, want %q", tt.scopes, tt.bound, got, tt.want)
		}
	}
}

func TestScopesSmallest(t *testing.T) {
	for give, want := range map[string]string{
		"": "", "admin": "admin", "issues:read issues": "issues", "issues issues:write projects:read": "issues projects:read",
		"issues:read issues:write": "issues:read issues:write", "admin issues admin": "admin issues",
	} {
		if got := storage.ParseScopes(give).Smallest().String(); got != want {
			t.Errorf("%q: got %q, want %q", give, got, want)
		}
	}
}

func TestScopesWithout(t *testing.T) {
	for _, tt := range []struct{ scopes, scope, want string }{
		{"issues admin projects", "admin", "issues projects"},
		{"admin", "admin", ""},
		{"", "admin", ""},
		{"issues", "admin", "issues"},
		{"issues:read", "issues", "issues:read"},
		{"issues Admin", "admin", "issues Admin"},
	} {
		scopes := storage.ParseScopes(tt.scopes)
		if got := scopes.Without(tt.scope).String(); got != tt.want {
			t.Errorf("%q without %q is %q, want %q", tt.scopes, tt.scope, got, tt.want)
		}
		if got := scopes.String(); got != tt.scopes {
			t.Errorf("%q was changed to %q", tt.scopes, got)
		}
	}
}

// universe is what the properties draw scopes from: all that mean something, and
// what looks like it.
var universe = []string{
	"issues", "issues:read", "issues:write", "projects", "projects:read", "projects:write",
	"admin", "admin:read", "admin:write", "Issues", "issues:", "issues:READ", "issues:read:read", "issues:delete", ":read", "read",
}

// permits says, again and differently, what a single scope permits.
func permits(have, want string) bool {
	bare := have != storage.ScopeAdmin && !strings.Contains(have, ":")
	return have == want || bare && (want == have+":read" || want == have+":write")
}

func drawScopes(t *rapid.T, label string) storage.Scopes {
	return storage.NewScopes(rapid.SliceOf(rapid.SampledFrom(universe)).Draw(t, label)...)
}

func TestScopesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scopes, bound := drawScopes(t, "scopes"), drawScopes(t, "bound")
		before := slices.Clone(scopes)
		restricted := scopes.Restrict(bound)
		for _, want := range universe {
			mine := slices.ContainsFunc(scopes, func(have string) bool { return permits(have, want) })
			if got := scopes.Covers(want); got != mine {
				t.Fatalf("%q covers %q: %t", scopes, want, got)
			}
			if got, both := restricted.Covers(want), mine && bound.Covers(want); got != both {
				t.Errorf("%q restricted to %q is %q and covers %q: %t, want %t", scopes, bound, restricted, want, got, both)
			}
		}
		if !scopes.CoversAll(restricted) || !bound.CoversAll(restricted) {
			t.Errorf("%q restricted to %q is %q, which is more than one of them", scopes, bound, restricted)
		}
		if again := restricted.Restrict(bound); !slices.Equal(again, restricted) {
			t.Errorf("%q restricted to %q once more is %q", restricted, bound, again)
		}
		if distinct := storage.NewScopes(restricted...); !slices.Equal(distinct, restricted) {
			t.Errorf("%q holds something twice", restricted)
		}
		if !slices.Equal(scopes, before) {
			t.Errorf("%q was changed to %q", before, scopes)
		}
	})
}

func newCatalogue(tb testing.TB, extra ...string) storage.Catalogue {
	tb.Helper()
	c, err := storage.NewCatalogue(extra...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestCatalogue(t *testing.T) {
	c := newCatalogue(t, "reports", "issues", "reports")
	if got, want := c.Names().String(), "issues projects comments workflows analytics reports admin"; got != want {
		t.Errorf("the names are %s, want %s", got, want)
	}
	want := "issues issues:read issues:write projects projects:read projects:write comments comments:read comments:write " +
		"workflows workflows:read workflows:write analytics analytics:read analytics:write reports reports:read reports:write admin"
	if got := c.All().String(); got != want {
		t.Errorf("all are %s, want %s", got, want)
	}
	for _, scope := range c.All() {
		if !c.Has(scope) {
			t.Errorf("does not have %q", scope)
		}
	}
	scopes := storage.ParseScopes("issues x projects:read admin:read admin Issues issues: issues:read:read :read")
	if got, want := c.Unknown(scopes).String(), "x admin:read Issues issues: issues:read:read :read"; got != want {
		t.Errorf("unknown are %s, want %s", got, want)
	}
	if got := c.Unknown(c.All()); len(got) > 0 {
		t.Errorf("unknown of its own: %s", got)
	}
	c.Names()[0], c.All()[0] = "mine", "mine"
	if !c.Has("issues") || c.Has("mine") {
		t.Error("whoever asks for the names can change them")
	}
	if (storage.Catalogue{}).Has("") || newCatalogue(t).Has("reports") {
		t.Error("has what was never added")
	}
}

func TestCatalogueNames(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, name := range []string{"a", "a-b_c9", long} {
		if c := newCatalogue(t, name); !c.Has(name) || !c.Has(name+":read") || !c.Has(name+":write") {
			t.Errorf("%q is added and not there", name)
		}
	}
	for _, name := range []string{
		"", "admin", "Reports", "9a", "-a", "_a", "a b", "a:read", "a:", ":", "a\n", "\na", "a.b", "a*", "é", long + "a", `a"`, "a\\",
	} {
		if _, err := storage.NewCatalogue("reports", name); err == nil {
			t.Errorf("%q can name a scope", name)
		}
	}
}

// FuzzScopes looks for a text that is read as one set of scopes and written as
// another, or with which restricting permits more.
func FuzzScopes(f *testing.F) {
	f.Add("issues projects:read", "issues:read", "issues:read")
	f.Add("admin", "admin:read admin:write", "admin:read")
	f.Add("  a\tb  \xff a:read:read : ", ": :read", "")
	c := newCatalogue(f, "reports")
	f.Fuzz(func(t *testing.T, text, boundText, want string) {
		scopes, bound := storage.ParseScopes(text), storage.ParseScopes(boundText)
		parts := slices.DeleteFunc(strings.Split(text, " "), func(s string) bool { return s == "" })
		slices.Sort(parts)
		if got := slices.Sorted(slices.Values(scopes)); !slices.Equal(got, slices.Compact(parts)) {
			t.Errorf("%q is read as %q", text, scopes)
		}
		if again := storage.ParseScopes(scopes.String()); !slices.Equal(again, scopes) {
			t.Errorf("%q is written as %q and read as %q", text, scopes.String(), again)
		}
		restricted := scopes.Restrict(bound)
		if !scopes.CoversAll(restricted) || !bound.CoversAll(restricted) {
			t.Errorf("%q restricted to %q is %q, which is more than one of them", scopes, bound, restricted)
		}
		if got, both := restricted.Covers(want), scopes.Covers(want) && bound.Covers(want); got != both {
			t.Errorf("%q restricted to %q is %q and covers %q: %t, want %t", scopes, bound, restricted, want, got, both)
		}
		known := slices.Contains(c.All(), want)
		if c.Has(want) != known || c.Names().Covers(want) != known {
			t.Errorf("%q is in the catalogue: %t, known: %t, in full access: %t", want, known, c.Has(want), c.Names().Covers(want))
		}
		if got := c.Unknown(scopes); len(got) > 0 && c.Names().CoversAll(got) {
			t.Errorf("unknown, and part of full access: %q", got)
		}
	})
}
