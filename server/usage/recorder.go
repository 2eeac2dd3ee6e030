// Package usage remembers when, where and for what credentials were used, without
// writing on the path of a request.
//
// A request calls [Recorder.Record], which only touches memory. [Recorder.Run] writes
// what has gathered every few seconds, each credential at most once a minute, so that a
// thousand uses a second cost a handful of writes: the last use goes forward only, and
// counts are added to what is there, whoever else adds to them. What is in memory is
// written at shutdown by [Recorder.Flush]. A process that is killed loses what it had
// gathered; one that is cut off from the database while it commits may count that twice.
package usage

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

const (
	flushEvery = 2 * time.Second
	// writeEvery is the grain of what is remembered: one write a credential in that time.
	writeEvery = time.Minute
	// mostPending bounds the memory for credentials whose uses are not written yet.
	mostPending = 100_000
	// writeBatch is of how many credentials the uses are written in one transaction.
	writeBatch = 256

	// Keep is how long counts of uses, and what was seen of them, are kept.
	Keep = 400 * 24 * time.Hour
)

// Recorder gathers uses. Make one with [NewRecorder].
type Recorder struct {
	store  Store
	first  func(alerts.FirstUse)
	clock  func() time.Time
	logger *slog.Logger

	mu      sync.Mutex
	pending map[key]*gathered
	written map[key]time.Time
	dropped int64
}

// Store is where uses are written.
type Store interface {
	storage.Transactor
	storage.TokenStore
	storage.UsageStore
}

type key struct {
	kind   storage.TokenKind
	id     int64
	secret int64
}

// NewRecorder returns a recorder that writes to the store, and tells first of uses that
// are new in some respect once that is written down.
func NewRecorder(store Store, first func(alerts.FirstUse), clock func() time.Time, logger *slog.Logger) *Recorder {
	return &Recorder{
		store: store, first: first, clock: clock, logger: logger,
		pending: map[key]*gathered{}, written: map[key]time.Time{},
	}
}

// Use says from where, at what and for what something was used.
type Use struct {
	Address   string // as far as it is known; what is no address is left out
	UserAgent string
	// Server is the resource server that asked, zero: this server itself.
	Server storage.Client
	// Scopes are those that the use named, none if it did not.
	Scopes storage.Scopes
}

// Record remembers that the credential is used now.
func (r *Recorder) Record(c storage.Credential, u Use) {
	k := key{c.Token.Kind, c.Token.ID, c.Token.ClientSecretID}
	if c.Token.Kind == storage.AccessToken {
		k.id = c.Token.ClientID
	}
	r.add(k, u, true, func() owner {
		return owner{c.Token.OrganizationID, alerts.SubjectOf(c), c.Token.UsedCredentials()}
	})
}

// RecordFetch remembers that the application fetched an access token now, having
// authenticated with the secret of that id (0: another way).
func (r *Recorder) RecordFetch(c storage.Client, secretID int64, u Use) {
	r.add(key{storage.AccessToken, c.ID, secretID}, u, true, func() owner { return ownerOf(c, secretID) })
}

// RecordClient remembers that the client authenticated now, with the secret of that id
// (0: another way). That is its last use, but is not counted: what for is not known yet.
func (r *Recorder) RecordClient(c storage.Client, secretID int64, u Use) {
	r.add(key{storage.AccessToken, c.ID, secretID}, u, false, func() owner { return ownerOf(c, secretID) })
}

func ownerOf(c storage.Client, secretID int64) owner {
	t := storage.Token{Kind: storage.AccessToken, ClientID: c.ID, ClientSecretID: secretID}
	return owner{c.OrganizationID, c.Party(), t.UsedCredentials()}
}

// add gathers a use. Whose it is is asked once for many, and who uses something from
// where they did a moment ago is looked at once.
func (r *Recorder) add(k key, u Use, counted bool, whose func() owner) {
	at := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.pending[k]
	if g == nil || !g.last.is(u) {
		r.mu.Unlock() // what somebody says of themselves may be long
		seen := sightingOf(u)
		r.mu.Lock()
		if g = r.gathered(k, whose); g == nil {
			r.dropped++
			return
		}
		g.last = seen
	}
	if g.at.Before(at) {
		g.at = at
	}
	if !counted {
		return
	}
	if !g.count(storage.DayOf(at), u) {
		r.dropped++
	}
	g.note(u.Scopes)
}

// gathered returns what is gathered of a credential, nil if there is no room.
func (r *Recorder) gathered(k key, whose func() owner) *gathered {
	g := r.pending[k]
	if g == nil && len(r.pending) < mostPending {
		g = &gathered{key: k, owner: whose()}
		r.pending[k] = g
	}
	return g
}

// Run writes what has gathered every few seconds until ctx ends. A failed write
// is tried again with the next.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.write(ctx, r.due()); err != nil && ctx.Err() == nil {
				r.logger.WarnContext(ctx, "uses of credentials not written, will try again", "error", err)
			}
		}
	}
}

// Flush writes everything that is pending, whenever it was written last.
func (r *Recorder) Flush(ctx context.Context) error {
	r.mu.Lock()
	all := make([]*gathered, 0, len(r.pending))
	for k, g := range r.pending {
		all = append(all, g)
		delete(r.pending, k)
	}
	r.mu.Unlock()
	return r.write(ctx, all)
}

// due takes those out of what is pending whose credential was not written within the
// last minute, and forgets writes older than that.
func (r *Recorder) due() []*gathered {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, at := range r.written {
		if now.Sub(at) >= writeEvery {
			delete(r.written, k)
		}
	}
	var due []*gathered
	for k, g := range r.pending {
		if _, recent := r.written[k]; recent {
			continue
		}
		due = append(due, g)
		r.written[k] = now
		delete(r.pending, k)
	}
	if r.dropped > 0 {
		r.logger.Warn("uses of credentials dropped: too many at once", "dropped", r.dropped)
		r.dropped = 0
	}
	return due
}

// write writes in transactions, each of which counts all or nothing. After one that
// failed no other is tried.
func (r *Recorder) write(ctx context.Context, all []*gathered) error {
	var failed error
	for batch := range slices.Chunk(all, writeBatch) {
		if failed == nil {
			failed = r.writeBatch(ctx, batch)
		}
		if failed != nil {
			r.putBack(batch)
		}
	}
	return failed
}

func (r *Recorder) writeBatch(ctx context.Context, batch []*gathered) error {
	var uses []storage.TokenUse
	var counts []storage.UseCount
	var traits []storage.Trait
	for _, g := range batch {
		uses, counts, traits = append(uses, g.use()), append(counts, g.useCounts()...), append(traits, g.traits()...)
	}
	var found []storage.NewTrait
	err := r.store.Transaction(ctx, func(ctx context.Context) error {
		if err := r.store.RecordUses(ctx, uses); err != nil {
			return err
		}
		if err := r.store.AddUses(ctx, counts); err != nil {
			return err
		}
		var err error
		found, err = r.store.NoteTraits(ctx, traits, r.clock())
		return err
	})
	if err != nil {
		return fmt.Errorf("writing uses of %d credentials: %w", len(batch), err)
	}
	for _, f := range found {
		for _, g := range batch {
			if seen, ok := g.seenWith(f.Trait); ok {
				r.first(alerts.FirstUse{Subject: g.owner.subject, New: f, Seen: seen})
				break
			}
		}
	}
	return nil
}

func (r *Recorder) putBack(batch []*gathered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range batch {
		delete(r.written, g.key)
		if later := r.pending[g.key]; later != nil {
			g.merge(later)
		}
		r.pending[g.key] = g
	}
}
