package audit

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// bureau is a store with an organization and an application, and failures to sum up.
type bureau struct {
	*Failures
	t     *testing.T
	store *gormstore.Store
	now   time.Time
	acme  int64
}

func newBureau(t *testing.T) *bureau {
	t.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite::memory:")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &bureau{t: t, store: store, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	organization := storage.Organization{Slug: "acme", CreatedAt: b.now}
	if err := store.CreateOrganization(t.Context(), &organization); err != nil {
		t.Fatal(err)
	}
	b.acme = organization.ID
	application := storage.Client{Kind: storage.Application, OrganizationID: b.acme, ClientID: "app_1", Name: "Importer", CreatedAt: b.now}
	if err := store.CreateClient(t.Context(), &application); err != nil {
		t.Fatal(err)
	}
	b.Failures = NewFailures(&Recorder{Store: store, Clock: func() time.Time { return b.now }}, store, slog.New(slog.DiscardHandler))
	return b
}

// written writes what is due and returns the events of an organization since the last
// call, or 0 for those of the platform.
func (b *bureau) written(organization, after int64) []storage.AuditEvent {
	b.t.Helper()
	if err := b.write(b.t.Context(), b.now.Add(-sumOver)); err != nil {
		b.t.Fatal(err)
	}
	events, err := b.store.AuditEvents(b.t.Context(), organization, after, 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	return events
}

func TestFailuresAreSummedUp(t *testing.T) {
	b := newBureau(t)
	for n := range 1000 {
		b.Client("app_1", "198.51.100.7")
		b.Client(fmt.Sprintf("guess%d", n), "198.51.100.7")
		b.now = b.now.Add(10 * time.Millisecond)
	}
	b.Client("app_1", "203.0.113.9")
	if got := b.written(b.acme, 0); len(got) != 0 {
		t.Fatalf("within the minute: %+v", got)
	}
	b.now = b.now.Add(time.Minute)
	mine := b.written(b.acme, 0)
	if len(mine) != 2 {
		t.Fatalf("%d events, want one of each network: %+v", len(mine), mine)
	}
	e := mine[0]
	if e.Action != "authentication.failed" || e.Details["count"] != 1000.0 || e.Details["network"] != "198.51.100.7" || e.IPAddress != "198.51.100.7" ||
		e.Target != (storage.Party{Kind: "oauth_application", ID: 1, Name: "Importer"}) || e.Actor.Kind != "anonymous" || e.Details["first_at"] != "2026-03-01T12:00:00Z" {
		t.Errorf("the event: %+v", e)
	}
	platform := b.written(0, 0)
	if len(platform) != 1 || platform[0].Details["count"] != 1000.0 || platform[0].Target.Kind != "client" || platform[0].Target.Name != "" {
		t.Errorf("of clients that there are not: %+v", platform)
	}
	if again := b.written(b.acme, mine[1].ID); len(again) != 0 {
		t.Errorf("written again: %+v", again)
	}
}

// Whoever comes from everywhere and names everything gets a bounded number of events, in
// which every attempt is counted.
func TestFailuresAreBounded(t *testing.T) {
	b := newBureau(t)
	const places = 3 * mostSums
	for n := range places {
		b.SignIn(b.acme, storage.Party{Kind: "user", ID: int64(n % 100)}, access.Origin{Address: fmt.Sprintf("10.%d.%d.1", n/256, n%256)})
	}
	if len(b.sums) > mostSums+1 {
		t.Errorf("%d in memory", len(b.sums))
	}
	b.now = b.now.Add(time.Minute)
	events := append(b.written(b.acme, 0), b.written(0, 0)...)
	var sum float64
	for _, e := range events {
		sum += e.Details["count"].(float64)
	}
	if len(events) > 2*(mostWritten+1) || sum != places {
		t.Errorf("%d events that count %v of %d", len(events), sum, places)
	}
}

// What the database does not take is kept and counted on.
func TestFailuresAreKept(t *testing.T) {
	b := newBureau(t)
	b.Token(storage.Credential{}, access.Origin{Address: "198.51.100.7"})
	b.SignIn(4711, storage.Party{Kind: "user", ID: 1}, access.Origin{Address: "198.51.100.7"}) // no such organization
	if err := b.Flush(t.Context()); err == nil {
		t.Fatal("an event of nobody was written")
	}
	if len(b.sums) != 2 {
		t.Errorf("%d are kept, want both", len(b.sums))
	}
	b.Token(storage.Credential{Token: storage.Token{ID: 7, Kind: storage.WorkspaceAPIToken, OrganizationID: b.acme, Name: "CLI"}}, access.Origin{Address: "198.51.100.7"})
	for s := range b.sums {
		if s.organization == 4711 {
			delete(b.sums, s)
		}
	}
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine, others := b.written(b.acme, 0), b.written(0, 0)
	if len(mine) != 1 || mine[0].Target != (storage.Party{Kind: "workspace_api_token", ID: 7, Name: "CLI"}) || len(others) != 1 || others[0].Target.Kind != "token" {
		t.Errorf("%+v and %+v", mine, others)
	}
}
