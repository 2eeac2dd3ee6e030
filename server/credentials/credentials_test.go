package credentials

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseReference(t *testing.T) {
	for _, text := range []string{"workspace_api_token:42", "extension_key:7", "session:9", "client_secret:1"} {
		if r, ok := ParseReference(text); !ok || r.String() != text {
			t.Errorf("%q is read as %q, %v", text, r, ok)
		}
	}
	for _, text := range []string{
		"", ":", "42", ":42", "session", "session:", "session:0", "session:-1", "session:+1", "session:01",
		"session: 1", "session:1 ", "Session:1", "access_token:1", "session:1:2", "session:99999999999999999999",
	} {
		if r, ok := ParseReference(text); ok {
			t.Errorf("%q is read as %q", text, r)
		}
	}
}

// Whatever is in the two tables, and however many are on a page, the pages together
// are the list: everything once, each table in its order.
func TestPagesAreTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tables := map[Kind][]Credential{}
		for _, kind := range []Kind{Session, ClientSecret} {
			ages := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 12).Draw(t, string(kind))
			for n, age := range ages {
				tables[kind] = append(tables[kind], Credential{
					Reference: Reference{kind, int64(len(ages) - n)}, CreatedAt: time.Unix(int64(100*(len(ages)-n)+age*40), 0),
				})
			}
		}
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		want := len(tables[Session]) + len(tables[ClientSecret])

		var got []Credential
		for from := (Position{}); ; {
			page, next := merge(after(tables[Session], from.Token, limit), after(tables[ClientSecret], from.Secret, limit), from, limit)
			got = append(got, page...)
			if next == nil {
				break
			}
			if len(page) != limit {
				t.Fatalf("a page of %d, want %d", len(page), limit)
			}
			// What is added meanwhile is before the beginning.
			for kind, table := range tables {
				added := Credential{Reference: Reference{kind, int64(1000 + len(got))}, CreatedAt: time.Unix(1e6, 0)}
				tables[kind] = append([]Credential{added}, table...)
			}
			from = *next
		}

		if len(got) != want {
			t.Fatalf("%d in all, want %d", len(got), want)
		}
		last := map[Kind]int64{}
		for _, c := range got {
			if before := last[c.Reference.Kind]; before != 0 && c.Reference.ID >= before {
				t.Fatalf("%s after %d", c.Reference, before)
			}
			last[c.Reference.Kind] = c.Reference.ID
		}
	})
}

// after returns what a table has after a place, one more than fits on a page.
func after(table []Credential, before int64, limit int) []Credential {
	var found []Credential
	for _, c := range table {
		if (before == 0 || c.Reference.ID < before) && len(found) <= limit {
			found = append(found, c)
		}
	}
	return found
}

func TestNewestFirst(t *testing.T) {
	made := func(kind Kind, id int64, second int64) Credential {
		return Credential{Reference: Reference{kind, id}, CreatedAt: time.Unix(second, 0)}
	}
	page, next := merge(
		[]Credential{made(Session, 9, 50), made(Session, 4, 20)},
		[]Credential{made(ClientSecret, 3, 60), made(ClientSecret, 2, 50), made(ClientSecret, 1, 10)},
		Position{}, 4)
	var got []string
	for _, c := range page {
		got = append(got, c.Reference.String())
	}
	if diff := cmp.Diff([]string{"client_secret:3", "session:9", "client_secret:2", "session:4"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&Position{Token: 4, Secret: 2}, next); diff != "" {
		t.Errorf("position (-want +got):\n%s", diff)
	}
	if page, next = merge(nil, nil, Position{}, 4); len(page) != 0 || next != nil {
		t.Errorf("of nothing: %v %v", page, fmt.Sprint(next))
	}
}
