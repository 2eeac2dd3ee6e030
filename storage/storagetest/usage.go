package storagetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

const day = 24 * time.Hour

// today is the day of noon.
var today = storage.DayOf(noon)

// used counts uses of a token, all of which named the scope.
func used(c storage.CredentialID, organizationID int64, at time.Time, scope string, server, n int64) storage.UseCount {
	return storage.UseCount{OrganizationID: organizationID, Credential: c, Day: at, Scope: scope, ResourceServerID: server, Count: n, Uses: n}
}

func testUseCounts(_ *testing.T, w *world) {
	o, other := w.organization().ID, w.organization().ID
	token, secret := storage.CredentialID{Kind: "workspace_api_token", ID: 7}, storage.CredentialID{Kind: "client_secret", ID: 7}
	w.ok(w.s.AddUses(w.ctx, nil))
	both := used(token, o, noon, "projects", 1, 5)
	both.Uses = 0 // each of them named another scope, too
	w.ok(w.s.AddUses(w.ctx, []storage.UseCount{
		used(token, o, noon, "issues", 1, 5), both, used(token, o, noon.Add(time.Hour), "issues", 1, 2), used(token, o, noon, "issues", 0, 1),
		used(token, o, noon.Add(-day), "", 1, 3), used(secret, o, noon, "issues", 1, 9), used(token, o, noon.Add(-3*day), "issues", 1, 8),
		used(token, o, noon, "Issues", 1, 1), used(token, o, noon, "a\x00\xff", 1, 1), used(token, other, noon, "issues", 1, 100),
	}))
	w.ok(w.s.AddUses(w.ctx, []storage.UseCount{used(token, o, noon, "issues", 1, 10)}))
	both.Day = today
	yesterday := used(token, o, today.Add(-day), "", 1, 3)
	want := []storage.UseCount{
		yesterday, used(token, o, today, "Issues", 1, 1), used(token, o, today, "a\uFFFD\uFFFD", 1, 1),
		used(token, o, today, "issues", 0, 1), used(token, o, today, "issues", 1, 17), both,
	}
	uses := func(c storage.CredentialID, since, until time.Time) []storage.UseCount {
		w.t.Helper()
		return must(w.s.UsesOf(w.ctx, o, c, since, until))(w)
	}
	equal(w, "of two days", uses(token, noon.Add(-2*day), noon), want)
	equal(w, "of the end of a day", uses(token, today.Add(-time.Nanosecond), today.Add(-time.Nanosecond)), []storage.UseCount{yesterday})
	equal(w, "of no day", uses(token, noon.Add(day), noon.Add(2*day)), []storage.UseCount{})
	equal(w, "of a secret", uses(secret, noon, noon), []storage.UseCount{used(secret, o, today, "issues", 1, 9)})
	equal(w, "of another", uses(storage.CredentialID{Kind: "session", ID: 7}, noon, noon), []storage.UseCount{})
	equal(w, "of nonsense", uses(storage.CredentialID{Kind: "a\x00", ID: 7}, noon, noon), []storage.UseCount{})
	many := make([]storage.UseCount, 1200)
	for n := range many {
		many[n] = used(storage.CredentialID{Kind: "session", ID: int64(n + 1)}, o, noon, "issues", 1, int64(n+1))
	}
	w.ok(w.s.AddUses(w.ctx, many))
	equal(w, "among many", uses(storage.CredentialID{Kind: "session", ID: 1200}, noon, noon)[0].Uses, int64(1200))
}

// testUseCountsAtOnce holds that what several count at the same time adds up.
func testUseCountsAtOnce(_ *testing.T, w *world) {
	o := w.organization().ID
	c := storage.CredentialID{Kind: "workspace_api_token", ID: 7}
	together(8, func(n int) {
		for range 25 {
			counts := []storage.UseCount{used(c, o, noon, "issues", 1, 1), used(c, o, noon, "", 1, 2), used(c, o, noon, "comments", 1, 3)}
			if n%2 == 0 {
				slices.Reverse(counts)
			}
			if err := w.s.AddUses(w.ctx, counts); err != nil {
				w.t.Errorf("replica %d: %v", n, err)
			}
		}
	})
	equal(w, "counted", must(w.s.UsesOf(w.ctx, o, c, noon, noon))(w), []storage.UseCount{
		used(c, o, today, "", 1, 400), used(c, o, today, "comments", 1, 600), used(c, o, today, "issues", 1, 200),
	})
}

func testUsedScopes(_ *testing.T, w *world) {
	o, other := w.organization().ID, w.organization().ID
	id := func(kind string, n int64) storage.CredentialID {
		return storage.CredentialID{Kind: storage.CredentialKind(kind), ID: n}
	}
	two := used(id("workspace_api_token", 10), o, noon, "projects:read", 2, 4)
	two.Uses = 1
	w.ok(w.s.AddUses(w.ctx, []storage.UseCount{
		used(id("workspace_api_token", 10), o, noon, "issues", 1, 3), used(id("workspace_api_token", 10), o, noon.Add(-day), "issues", 2, 2), two,
		used(id("workspace_api_token", 9), o, noon, "", 0, 5), used(id("workspace_api_token", 9), o, noon, "admin", 0, 6),
		used(id("oauth_application", 9), o, noon.Add(-59*day), "", 1, 1), used(id("client_secret", 1), o, noon.Add(-61*day), "issues", 1, 1),
		used(id("session", 1), other, noon, "admin", 0, 1),
	}))
	equal(w, "within 60 days", must(w.s.UsedScopes(w.ctx, o, noon.Add(-60*day)))(w), []storage.ScopeUse{
		{Credential: id("oauth_application", 9), Unnamed: 1, Uses: 1},
		{Credential: id("workspace_api_token", 9), Scopes: storage.Scopes{"admin"}, Unnamed: 5, Uses: 11},
		{Credential: id("workspace_api_token", 10), Scopes: storage.Scopes{"issues", "projects:read"}, Uses: 6},
	})
	equal(w, "tomorrow", must(w.s.UsedScopes(w.ctx, o, noon.Add(day)))(w), []storage.ScopeUse{})
	server, mine := w.resourceServer(0, "platform", "https://kiket.test/api"), w.resourceServer(o, "mine", "https://mine.test")
	server.Secrets, mine.Secrets = nil, nil
	servers := must(w.s.ResourceServersByID(w.ctx, []int64{server.ID, mine.ID, w.application(o).ID, 4711}))(w)
	slices.SortFunc(servers, func(a, b storage.Client) int { return int(a.ID - b.ID) })
	equal(w, "resource servers", servers, []storage.Client{server, mine})
	equal(w, "no resource servers", must(w.s.ResourceServersByID(w.ctx, nil))(w), []storage.Client{})
}

func network(organizationID, id int64, value string) storage.Trait {
	return storage.Trait{
		OrganizationID: organizationID, Credential: storage.CredentialID{Kind: "workspace_api_token", ID: id},
		Kind: storage.NetworkTrait, Value: value,
	}
}

func testTraits(_ *testing.T, w *world) {
	o := w.organization().ID
	note := func(at time.Time, traits ...storage.Trait) []storage.NewTrait {
		w.t.Helper()
		return must(w.s.NoteTraits(w.ctx, traits, at))(w)
	}
	one, two, other := network(o, 7, "192.0.2.0/24"), network(o, 7, "198.51.100.0/24"), network(o, 8, "192.0.2.0/24")
	scope := one
	scope.Kind, scope.Value = storage.ScopeTrait, "issues\x00"
	began := noon.UTC().Truncate(time.Microsecond)
	equal(w, "none", note(noon), []storage.NewTrait{})
	equal(w, "the first", note(noon, one, one), []storage.NewTrait{{Trait: one}})
	equal(w, "again", note(noon.Add(time.Minute), one), []storage.NewTrait{})
	equal(w, "earlier", note(noon.Add(-day), one), []storage.NewTrait{})
	legible := scope
	legible.Value = "issues\uFFFD"
	equal(w, "the first scope, and another token", note(noon.Add(time.Minute), scope, other), []storage.NewTrait{{Trait: legible}, {Trait: other}})
	equal(w, "the second", note(noon.Add(2*time.Hour), two, one, scope), []storage.NewTrait{{Trait: two, Before: 1, Since: began}})
	equal(w, "nothing new", note(noon.Add(9*time.Hour), one, two, other, scope), []storage.NewTrait{})
	many := make([]storage.Trait, 100)
	for n := range many {
		many[n] = network(o, 7, fmt.Sprintf("203.0.%d.0/24", n))
	}
	found := note(noon.Add(10*time.Hour), many...)
	equal(w, "those that are kept of many", len(found), storage.MostTraits-2)
	equal(w, "the last of them", found[len(found)-1].Before, storage.MostTraits-1)
	equal(w, "no more", note(noon.Add(10*time.Hour), network(o, 7, "203.1.0.0/24")), []storage.NewTrait{})
	equal(w, "of another kind", len(note(noon.Add(10*time.Hour), storage.Trait{OrganizationID: o, Credential: one.Credential, Kind: storage.ScopeTrait, Value: "b"})), 1)
}

// testTraitsAtOnce holds that of several to whom the same is new one is told.
func testTraitsAtOnce(_ *testing.T, w *world) {
	o := w.organization().ID
	var mu sync.Mutex
	told := map[string]int{}
	together(6, func(n int) {
		for round := range 20 {
			traits := []storage.Trait{network(o, 7, fmt.Sprint(round)), network(o, 8, fmt.Sprint(round))}
			if n%2 == 0 {
				slices.Reverse(traits)
			}
			found, err := w.s.NoteTraits(w.ctx, traits, noon.Add(time.Duration(n%3)*time.Second))
			if err != nil {
				w.t.Errorf("replica %d: %v", n, err)
			}
			mu.Lock()
			for _, f := range found {
				told[f.Credential.String()+" "+f.Value]++
			}
			mu.Unlock()
		}
	})
	equal(w, "told of", len(told), 40)
	for what, n := range told {
		equal(w, what, n, 1)
	}
}

func testSweepUsage(_ *testing.T, w *world) {
	o := w.organization().ID
	c := storage.CredentialID{Kind: "workspace_api_token", ID: 7}
	equal(w, "counted since never", must(w.s.CountedSince(w.ctx))(w), time.Time{})
	old, kept := network(o, 7, "old"), network(o, 7, "kept")
	w.ok(w.s.AddUses(w.ctx, []storage.UseCount{used(c, o, noon.Add(-2*day), "", 0, 1), used(c, o, noon.Add(-day), "", 0, 2), used(c, o, noon, "", 0, 3)}))
	must(w.s.NoteTraits(w.ctx, []storage.Trait{old, kept}, noon.Add(-2*day)))(w)
	must(w.s.NoteTraits(w.ctx, []storage.Trait{kept}, noon))(w)
	equal(w, "counted since", must(w.s.CountedSince(w.ctx))(w), today.Add(-2*day))
	equal(w, "swept", must(w.s.SweepUsage(w.ctx, today.Add(-day)))(w), int64(2))
	equal(w, "counted since, later", must(w.s.CountedSince(w.ctx))(w), today.Add(-day))
	equal(w, "swept again", must(w.s.SweepUsage(w.ctx, today.Add(-day)))(w), int64(0))
	equal(w, "left", must(w.s.UsesOf(w.ctx, o, c, noon.Add(-9*day), noon))(w), []storage.UseCount{
		used(c, o, today.Add(-day), "", 0, 2), used(c, o, today, "", 0, 3),
	})
	equal(w, "new again", must(w.s.NoteTraits(w.ctx, []storage.Trait{old, kept}, noon))(w), []storage.NewTrait{
		{Trait: old, Before: 1, Since: noon.Add(-2 * day).UTC().Truncate(time.Microsecond)},
	})
}
