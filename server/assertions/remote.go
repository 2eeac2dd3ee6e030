package assertions

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Fetcher gets the document at an address that a client has registered. It bounds
// the time that this takes, and where it may lead.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// How long fetched keys and failures count.
const (
	// freshFor is how long keys are used without asking.
	freshFor = 10 * time.Minute
	// usableFor is how long they are used while they cannot be fetched again.
	usableFor = time.Hour
	// newEnough is how old keys must be for there to be newer ones.
	newEnough = time.Second
	// renewInterval is the least time between two fetches for assertions that the
	// keys do not verify: anyone can make one up.
	renewInterval = time.Minute
	// failureFor is how long an address that failed is not asked again.
	failureFor = 30 * time.Second
	// fetchTimeout bounds a fetch if the fetcher does not.
	fetchTimeout = 10 * time.Second
	// mostAddresses bounds the memory.
	mostAddresses = 10_000
)

// RemoteKeys fetches keys from where their owners publish them (jwks_uri of RFC 7591
// section 2), and remembers them for a while. Make it with [NewRemoteKeys].
type RemoteKeys struct {
	fetcher Fetcher
	clock   func() time.Time
	logger  *slog.Logger
	flights singleflight.Group
	shares  shares

	mu        sync.Mutex // not held while fetching
	documents map[string]*list.Element
	order     list.List // of *document, the one used last in front
	serial    uint64
}

// document is what is known of an address, to one owner.
type document struct {
	name      string    // of the source
	keys      Keys      // of the last fetch that succeeded
	fetchedAt time.Time // zero: none has
	triedAt   time.Time // zero: never
	renewedAt time.Time // the last fetch for an assertion that the keys did not verify
	failure   error     // of the last fetch; nil: it succeeded
}

// NewRemoteKeys returns what has fetched nothing yet.
func NewRemoteKeys(fetcher Fetcher, clock func() time.Time, logger *slog.Logger) *RemoteKeys {
	return &RemoteKeys{fetcher: fetcher, clock: clock, logger: logger, documents: map[string]*list.Element{}}
}

// At returns the keys at an address as a [Source].
//
// They are fetched again when they are ten minutes old, or when an assertion is
// signed with none of them, but for that at most once a minute. If that fails, the
// last ones are used until they are an hour old, and the address is left alone for
// half a minute. Requests that need the same address at the same time share a fetch,
// and fetches for the same owner, who is whoever gave the address, wait for each other
// if there are many.
func (r *RemoteKeys) At(url string, owner int64) Source { return remoteSource{r, url, owner} }

type remoteSource struct {
	remote *RemoteKeys
	url    string
	owner  int64
}

// name tells a source from those of other owners, too, at the same address: what one of
// them makes of it is of no consequence to the others.
func (s remoteSource) name() string { return strconv.FormatInt(s.owner, 10) + " " + s.url }

// Current implements [Source].
func (s remoteSource) Current(ctx context.Context) (Keys, error) {
	d, err := s.remote.refresh(ctx, s, false, document.stale)
	if err != nil {
		return Keys{}, err
	}
	return d.usable(s.remote.clock())
}

// Newer implements [Source].
func (s remoteSource) Newer(ctx context.Context, than Keys) (Keys, error) {
	d, err := s.remote.refresh(ctx, s, true, func(d document, now time.Time) bool {
		failing := d.failure != nil && within(failureFor, d.triedAt, now)
		return d.keys.serial == than.serial && !failing &&
			!within(renewInterval, d.renewedAt, now) && !within(newEnough, d.triedAt, now)
	})
	switch {
	case err != nil:
		return Keys{}, err
	case d.keys.serial != than.serial:
		return d.usable(s.remote.clock())
	}
	return Keys{}, d.failure
}

// stale reports whether the keys have to be fetched.
func (d document) stale(now time.Time) bool {
	failing := d.failure != nil && within(failureFor, d.triedAt, now)
	return !within(freshFor, d.fetchedAt, now) && !failing
}

// usable returns the keys unless they are too old to be trusted.
func (d document) usable(now time.Time) (Keys, error) {
	if !d.fetchedAt.IsZero() && now.Sub(d.fetchedAt) < usableFor {
		return d.keys, nil
	}
	return Keys{}, d.failure
}

// within reports whether a time is past by less than d. One in the future, to which
// a clock that has been set back makes it, is not.
func within(d time.Duration, past, now time.Time) bool {
	since := now.Sub(past)
	return since >= 0 && since < d
}

// refresh returns what is known of an address, after fetching it if that is due; renew
// says that it is for an assertion that the keys did not verify. It
// fails only if ctx ends meanwhile; the fetch goes on for the others who wait for it.
func (r *RemoteKeys) refresh(ctx context.Context, s remoteSource, renew bool, due func(document, time.Time) bool) (document, error) {
	name := s.name()
	if d := r.look(name); !due(d, r.clock()) {
		return d, nil
	}
	done := r.flights.DoChan(name, func() (any, error) {
		// Another fetch may have ended since.
		if d := r.look(name); !due(d, r.clock()) {
			return d, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return r.fetch(ctx, s, renew), nil
	})
	select {
	case result := <-done:
		return result.Val.(document), nil
	case <-ctx.Done():
		return document{}, context.Cause(ctx)
	}
}

func (r *RemoteKeys) fetch(ctx context.Context, s remoteSource, renew bool) document {
	keys, err := r.ask(ctx, s)
	if err != nil {
		address, _, _ := strings.Cut(s.url, "?") // what follows may be meant for the two of them alone
		r.logger.WarnContext(ctx, "the keys of a client cannot be fetched", "jwks_uri", address, "error", err)
	}
	return r.record(s.name(), renew, keys, err)
}

// ask gets the keys when fewer than [mostOfOwner] others of the owner are being fetched.
func (r *RemoteKeys) ask(ctx context.Context, s remoteSource) (Keys, error) {
	release, err := r.shares.take(ctx, s.owner)
	if err != nil {
		return Keys{}, err
	}
	defer release()
	raw, err := r.fetcher.Fetch(ctx, s.url)
	if err != nil {
		return Keys{}, err
	}
	keys, err := ParseFetchedKeys(raw)
	if err != nil {
		return Keys{}, fmt.Errorf("reading the keys: %w", err)
	}
	return keys, nil
}

// look returns what is known of an address.
func (r *RemoteKeys) look(name string) document {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, known := r.documents[name]
	if !known {
		return document{name: name}
	}
	r.order.MoveToFront(element)
	return *element.Value.(*document)
}

// record remembers what came of a fetch, and returns what is known then.
func (r *RemoteKeys) record(name string, renew bool, keys Keys, failure error) document {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	element, known := r.documents[name]
	if !known {
		element = r.order.PushFront(&document{name: name})
		r.documents[name] = element
	}
	d := element.Value.(*document)
	d.triedAt, d.failure = now, failure
	if renew {
		d.renewedAt = now
	}
	if failure == nil {
		r.serial++
		keys.serial = r.serial
		d.keys, d.fetchedAt = keys, now
	}
	for r.order.Len() > mostAddresses {
		delete(r.documents, r.order.Remove(r.order.Back()).(*document).name)
	}
	return *d
}
