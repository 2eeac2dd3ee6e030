// Package usage remembers when credentials were last used, without writing on
// the path of a request.
//
// A request calls [Recorder.Record], which only touches memory. [Recorder.Run]
// writes what has gathered every few seconds, each credential at most once a
// minute and forward only, so that a thousand uses a second cost a handful of
// writes. What is in memory is written at shutdown by [Recorder.Flush].
package usage

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

const (
	flushEvery = 2 * time.Second
	// writeEvery is the grain of last-used: one write a credential in that time.
	writeEvery = time.Minute
	// mostPending bounds the memory for uses that are not written yet.
	mostPending = 100_000
)

// Recorder gathers uses. Make one with [NewRecorder].
type Recorder struct {
	store  storage.TokenStore
	clock  func() time.Time
	logger *slog.Logger

	mu      sync.Mutex
	pending map[key]storage.TokenUse
	written map[key]time.Time
	dropped int64
}

type key struct {
	kind   storage.TokenKind
	id     int64
	secret int64
}

// NewRecorder returns a recorder that writes to the store.
func NewRecorder(store storage.TokenStore, clock func() time.Time, logger *slog.Logger) *Recorder {
	return &Recorder{
		store: store, clock: clock, logger: logger,
		pending: map[key]storage.TokenUse{}, written: map[key]time.Time{},
	}
}

// Record remembers that the credential was used now, by whom the address and
// user agent say.
func (r *Recorder) Record(c storage.Credential, address, userAgent string) {
	use := storage.TokenUse{
		Kind: c.Token.Kind, ID: c.Token.ID, ClientSecretID: c.Token.ClientSecretID,
		At: r.clock(), Address: canonical(address), UserAgent: access.UserAgent(userAgent),
	}
	if c.Token.Kind == storage.AccessToken {
		use.ID = c.Token.ClientID
	}
	r.add(use)
}

// RecordClient remembers that the client authenticated now, with the secret of
// that id (0: another way).
func (r *Recorder) RecordClient(c storage.Client, secretID int64, address, userAgent string) {
	r.add(storage.TokenUse{
		Kind: storage.AccessToken, ID: c.ID, ClientSecretID: secretID,
		At: r.clock(), Address: canonical(address), UserAgent: access.UserAgent(userAgent),
	})
}

// canonical returns an address in its one spelling, or "" for what is none.
func canonical(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

func (r *Recorder) add(use storage.TokenUse) {
	k := key{use.Kind, use.ID, use.ClientSecretID}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.pending[k]; !known && len(r.pending) >= mostPending {
		r.dropped++
		return
	}
	r.pending[k] = use
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
				r.logger.WarnContext(ctx, "last-used times not written, will try again", "error", err)
			}
		}
	}
}

// Flush writes everything that is pending, whenever it was written last.
func (r *Recorder) Flush(ctx context.Context) error {
	r.mu.Lock()
	uses := make([]storage.TokenUse, 0, len(r.pending))
	for k, use := range r.pending {
		uses = append(uses, use)
		delete(r.pending, k)
	}
	r.mu.Unlock()
	return r.write(ctx, uses)
}

// due takes those out of the pending uses whose credential was not written
// within the last minute, and forgets writes older than that.
func (r *Recorder) due() []storage.TokenUse {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, at := range r.written {
		if now.Sub(at) >= writeEvery {
			delete(r.written, k)
		}
	}
	var uses []storage.TokenUse
	for k, use := range r.pending {
		if _, recent := r.written[k]; recent {
			continue
		}
		uses = append(uses, use)
		r.written[k] = now
		delete(r.pending, k)
	}
	if r.dropped > 0 {
		r.logger.Warn("last-used times dropped: too many credentials at once", "dropped", r.dropped)
		r.dropped = 0
	}
	return uses
}

func (r *Recorder) write(ctx context.Context, uses []storage.TokenUse) error {
	if len(uses) == 0 {
		return nil
	}
	err := r.store.RecordUses(ctx, uses)
	if err != nil {
		r.putBack(uses)
	}
	return err
}

func (r *Recorder) putBack(uses []storage.TokenUse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, use := range uses {
		k := key{use.Kind, use.ID, use.ClientSecretID}
		delete(r.written, k)
		if later, ok := r.pending[k]; !ok || later.At.Before(use.At) {
			r.pending[k] = use
		}
	}
}
