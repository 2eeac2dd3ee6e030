package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// world is a recorder on a store in memory, with what it has told.
type world struct {
	*Recorder
	t     testing.TB
	store *failing
	now   time.Time
	told  []alerts.FirstUse
	o     storage.Organization
	token storage.Credential
}

// failing is a store that can be made to fail half-way.
type failing struct {
	*gormstore.Store
	writes int
	err    error
}

func (f *failing) AddUses(ctx context.Context, counts []storage.UseCount) error {
	f.writes++
	if f.err != nil {
		return f.err
	}
	return f.Store.AddUses(ctx, counts)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite:" + filepath.Join(t.TempDir(), "usage.db"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{t: t, store: &failing{Store: s}, now: noon}
	_, err = s.Migrate(t.Context())
	w.ok(err)
	w.o = storage.Organization{Slug: "acme", CreatedAt: noon}
	w.ok(s.CreateOrganization(t.Context(), &w.o))
	w.token = w.newToken()
	w.Recorder = w.replica()
	return w
}

func (w *world) newToken() storage.Credential {
	w.t.Helper()
	u := storage.User{Email: fmt.Sprint(time.Now().UnixNano()), CreatedAt: noon}
	w.ok(w.store.CreateUser(w.t.Context(), &u))
	token := storage.Token{Kind: storage.WorkspaceAPIToken, OrganizationID: w.o.ID, Reference: u.Email, UserID: u.ID, CreatedAt: noon, Name: "CI"}
	w.ok(w.store.CreateToken(w.t.Context(), &token))
	return storage.Credential{Token: token}
}

// replica is another recorder on the same store.
func (w *world) replica() *Recorder {
	return NewRecorder(w.store, func(f alerts.FirstUse) { w.told = append(w.told, f) }, func() time.Time { return w.now }, slog.New(slog.DiscardHandler))
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) flush(r *Recorder) { w.t.Helper(); w.ok(r.Flush(w.t.Context())) }

// counted is what the store has counted of the credential, as day/scope/server count uses.
func (w *world) counted(c storage.CredentialID) []string {
	w.t.Helper()
	counts, err := w.store.UsesOf(w.t.Context(), w.o.ID, c, w.now.Add(-Keep), w.now)
	w.ok(err)
	var lines []string
	for _, c := range counts {
		lines = append(lines, fmt.Sprintf("%s/%s/%d %d %d", c.Day.Format("02"), c.Scope, c.ResourceServerID, c.Count, c.Uses))
	}
	return lines
}

func (w *world) want(what string, got []string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (w *world) id() storage.CredentialID { return w.token.Token.UsedCredentials()[0] }

func at(address string, scopes ...string) Use {
	return Use{Address: address, UserAgent: "curl/8", Scopes: scopes}
}

func TestCounts(t *testing.T) {
	w := newWorld(t)
	api := storage.Client{ID: 5, Name: "api"}
	for range 3 {
		w.Record(w.token, Use{Server: api, Scopes: storage.Scopes{"issues", "projects"}})
	}
	w.Record(w.token, Use{Server: api, Scopes: storage.Scopes{"projects"}})
	w.Record(w.token, Use{Server: api})
	w.Record(w.token, at("192.0.2.1", "admin"))
	w.now = noon.Add(13 * time.Hour)
	w.Record(w.token, at("192.0.2.1", "admin"))
	w.flush(w.Recorder)
	w.want("counts", w.counted(w.id()), "01//5 1 1", "01/admin/0 1 1", "01/issues/5 3 3", "01/projects/5 4 1", "02/admin/0 1 1")

	c := storage.Client{ID: 7, Kind: storage.Application, OrganizationID: w.o.ID, Name: "App"}
	w.RecordClient(c, 9, at("192.0.2.1")) // authenticates, what for is not known
	w.RecordFetch(c, 9, at("192.0.2.1", "issues"))
	w.RecordFetch(c, 0, at("192.0.2.1", "issues"))
	w.Record(storage.Credential{Token: storage.Token{Kind: storage.AccessToken, OrganizationID: w.o.ID, ClientID: 7, ClientSecretID: 9}, Client: c}, Use{Server: api})
	w.RecordClient(storage.Client{ID: 5, Kind: storage.ResourceServer}, 4, at("192.0.2.1"))
	w.flush(w.Recorder)
	w.want("of an application", w.counted(storage.CredentialID{Kind: storage.ApplicationCredential, ID: 7}), "02//5 1 1", "02/issues/0 2 2")
	w.want("of its secret", w.counted(storage.CredentialID{Kind: storage.ClientSecretCredential, ID: 9}), "02//5 1 1", "02/issues/0 1 1")
}

// What two replicas count adds up, and what could not be written is kept and counted once.
func TestCountsAddUp(t *testing.T) {
	w := newWorld(t)
	other := w.replica()
	for range 10 {
		w.Record(w.token, at("192.0.2.1", "issues"))
		other.Record(w.token, at("192.0.2.1", "issues"))
	}
	w.store.err = errors.New("no")
	if err := w.Flush(t.Context()); err == nil {
		t.Error("a failed write is none")
	}
	if err := w.write(t.Context(), w.due()); err == nil {
		t.Error("a failed write is none")
	}
	w.Record(w.token, at("192.0.2.1", "issues"))
	w.store.err = nil
	if w.token.Token.LastUsedAt = w.lastUsed(); !w.token.Token.LastUsedAt.IsZero() {
		t.Error("half of a failed write is there")
	}
	w.ok(w.write(t.Context(), w.due())) // at once, since nothing was written
	w.flush(other)
	w.flush(other)
	w.want("both", w.counted(w.id()), "01/issues/0 21 21")
}

func (w *world) lastUsed() time.Time {
	w.t.Helper()
	t, err := w.store.OpaqueTokenByID(w.t.Context(), w.o.ID, storage.WorkspaceAPIToken, w.token.Token.ID)
	w.ok(err)
	return t.LastUsedAt
}

// A thousand uses are one write, and the next is a minute later.
func TestOneWriteAMinute(t *testing.T) {
	w := newWorld(t)
	for second := range 180 {
		w.now = noon.Add(time.Duration(second) * time.Second)
		for range 10 {
			w.Record(w.token, at("192.0.2.1", "issues"))
		}
		if due := w.due(); len(due) > 0 {
			w.ok(w.write(t.Context(), due))
		}
	}
	if w.store.writes != 3 {
		t.Errorf("%d writes in three minutes", w.store.writes)
	}
	w.flush(w.Recorder)
	w.want("counted", w.counted(w.id()), "01/issues/0 1800 1800")
	if got := w.lastUsed(); !got.Equal(w.now) {
		t.Errorf("last used %s, want %s", got, w.now)
	}
}

// Whatever somebody names, memory is bounded, and uses are counted.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	for n := range 500 {
		w.Record(w.token, at(fmt.Sprintf("198.51.%d.1", n%250), fmt.Sprint("scope", n)))
	}
	g := w.pending[key{storage.WorkspaceAPIToken, w.token.Token.ID, 0}]
	if len(g.counts) > mostCounts+1 || len(g.networks) > mostNoted || len(g.scopes) > mostNoted {
		t.Errorf("%d counts, %d networks, %d scopes", len(g.counts), len(g.networks), len(g.scopes))
	}
	w.flush(w.Recorder)
	counts, err := w.store.UsedScopes(t.Context(), w.o.ID, noon)
	w.ok(err)
	if counts[0].Uses != 500 || counts[0].Unnamed != 500-mostCounts {
		t.Errorf("counted %+v", counts[0])
	}
	for n := range mostPending + 10 {
		w.Record(storage.Credential{Token: storage.Token{Kind: storage.Session, ID: int64(n + 1), OrganizationID: w.o.ID}}, Use{})
	}
	if len(w.pending) != mostPending || w.dropped != 10 {
		t.Errorf("%d are pending, %d dropped", len(w.pending), w.dropped)
	}
}

// What is new is told after it is written, once among replicas.
func TestFirsts(t *testing.T) {
	w := newWorld(t)
	other := w.replica()
	told := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, f := range w.told {
			if f.Subject.Name != "CI" {
				t.Errorf("told of %+v", f.Subject)
			}
			got = append(got, fmt.Sprintf("%s %s %d %s", f.New.Kind, f.New.Value, f.New.Before, f.Seen.Address))
		}
		slices.Sort(got)
		w.want(what, got, want...)
		w.told = nil
	}
	for _, address := range []string{"192.0.2.1", "192.0.2.200", "::ffff:192.0.2.7", "nonsense", ""} {
		w.Record(w.token, at(address, "issues"))
	}
	told("before it is written")
	w.flush(w.Recorder)
	told("the first", "network 192.0.2.0/24 0 192.0.2.1", "scope issues 0 192.0.2.1")
	w.now = noon.Add(time.Minute)
	for _, r := range []*Recorder{w.Recorder, other} {
		r.Record(w.token, at("192.0.2.9", "issues"))
		r.Record(w.token, at("2001:db8:1:2::3", "issues"))
		r.Record(w.token, at("2001:db8:1:ffff::3", "issues"))
		r.Record(w.token, at("10.1.2.3", "issues"))
		r.Record(w.token, at("127.0.0.1", "issues", "projects"))
		w.flush(r)
	}
	told("the next", "network 2001:db8:1::/48 1 2001:db8:1:2::3", "network private 2 10.1.2.3", "scope projects 1 127.0.0.1")
	w.Record(storage.Credential{Token: storage.Token{Kind: storage.Session, ID: 1, OrganizationID: w.o.ID}}, at("192.0.2.1", "admin"))
	w.flush(w.Recorder)
	told("of a session")
}

// A use costs the request that is being answered a fraction of a microsecond, however
// many are recorded at once.
func BenchmarkRecord(b *testing.B) {
	for name, scopes := range map[string]storage.Scopes{"no scope": nil, "three scopes": {"issues:read", "projects", "comments:write"}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			tokens := make([]storage.Credential, 1000)
			for n := range tokens {
				tokens[n] = w.token
				tokens[n].Token.ID = int64(n + 1)
			}
			use := Use{Address: "192.0.2.7", UserAgent: "kiket-cli/1.2 (linux; amd64)", Server: storage.Client{ID: 5, Name: "api"}, Scopes: scopes}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					w.Record(tokens[n%len(tokens)], use)
				}
			})
		})
	}
}

// BenchmarkFlush writes the uses of a thousand credentials.
func BenchmarkFlush(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		w.now = w.now.Add(time.Minute)
		for n := range 1000 {
			c := w.token
			c.Token.ID = int64(n + 1)
			w.Record(c, at("192.0.2.7", "issues:read"))
		}
		w.flush(w.Recorder)
	}
}
