package assertions_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kiket.dev/auth/server/assertions"
)

const address = "https://client.example/keys?for=us"

// publisher is the host of a client: it serves keys, or fails, after a while.
type publisher struct {
	mu      sync.Mutex
	content []byte
	failure error
	takes   time.Duration
	fetched atomic.Int32
	now     atomic.Int32 // fetches that are going on
	most    atomic.Int32
}

func (p *publisher) publish(document []byte, failure error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.content, p.failure = document, failure
}

func (p *publisher) Fetch(ctx context.Context, _ string) ([]byte, error) {
	p.fetched.Add(1)
	p.most.Store(max(p.most.Load(), p.now.Add(1)))
	defer p.now.Add(-1)
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content, p.failure
}

// remote is keys of a publisher, on the clock of the bubble, as a request sees them.
type remote struct {
	*publisher
	keys *assertions.RemoteKeys
	log  bytes.Buffer
}

func newRemote(document []byte) *remote {
	r := &remote{publisher: &publisher{content: document}}
	r.keys = assertions.NewRemoteKeys(r.publisher, time.Now, slog.New(slog.NewTextHandler(&r.log, nil)))
	return r
}

// verify verifies an assertion that was made just now, and checks how many fetches
// there have been in all.
func (r *remote) verify(t *testing.T, key crypto.Signer, kid any, fetches int32) error {
	t.Helper()
	err := r.verifyWith(t.Context(), t, key, kid)
	if got := r.fetched.Load(); got != fetches {
		t.Errorf("%d fetches, want %d", got, fetches)
	}
	return err
}

func (r *remote) verifyWith(ctx context.Context, t *testing.T, key crypto.Signer, kid any) error {
	text := sign(t, "ES256", key, header(t, "ES256", map[string]any{"kid": kid}),
		claims(t, map[string]any{"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}))
	v := &assertions.Verifier{Clock: time.Now}
	_, err := v.Verify(ctx, expecting(r.keys.At(address, 1)), text)
	return err
}

func accepted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("refused: %v", err)
	}
}

func refusedAs(t *testing.T, err error, unavailable bool) {
	t.Helper()
	if !errors.Is(err, assertions.ErrInvalid) || errors.Is(err, assertions.ErrKeysUnavailable) != unavailable {
		t.Errorf("got error %v, of unavailable keys %t", err, unavailable)
	}
}

func TestRemoteKeysAreFreshForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newP256(t)
		r := newRemote(set(t, named(t, key, "a")))
		accepted(t, r.verify(t, key, "a", 1))
		time.Sleep(10*time.Minute - time.Second)
		accepted(t, r.verify(t, key, "a", 1))
		time.Sleep(time.Second)
		accepted(t, r.verify(t, key, "a", 2))
		// A key that is published no more is good until then.
		time.Sleep(9 * time.Minute)
		r.publish(set(t, named(t, newP256(t), "b")), nil)
		accepted(t, r.verify(t, key, "a", 2))
		time.Sleep(time.Minute)
		refusedAs(t, r.verify(t, key, "a", 3), false)
	})
}

func TestRemoteKeysFollowRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newP256(t), newP256(t)
		r := newRemote(set(t, named(t, first, "a")))
		accepted(t, r.verify(t, first, "a", 1))
		r.publish(set(t, named(t, first, "a"), named(t, second, "b")), nil)
		// What was fetched just now is not fetched again.
		refusedAs(t, r.verify(t, second, "b", 1), false)
		time.Sleep(time.Second)
		accepted(t, r.verify(t, second, "b", 2))
		accepted(t, r.verify(t, second, "b", 2))
		// Not for every key id that anybody makes up.
		time.Sleep(time.Minute - time.Second)
		refusedAs(t, r.verify(t, second, "c", 2), false)
		time.Sleep(time.Second)
		refusedAs(t, r.verify(t, second, "c", 3), false)
		// A wrong signature of a key that is known is no reason to ask.
		time.Sleep(time.Minute)
		refusedAs(t, r.verify(t, first, "b", 3), false)
		accepted(t, r.verify(t, first, "a", 3))
	})
}

func TestRemoteKeysWithoutNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newP256(t), newP256(t)
		r := newRemote(set(t, members(t, first, nil)))
		accepted(t, r.verify(t, first, nil, 1))
		accepted(t, r.verify(t, first, "a", 1))
		r.publish(set(t, members(t, second, nil)), nil)
		time.Sleep(time.Minute)
		accepted(t, r.verify(t, first, nil, 1))
		accepted(t, r.verify(t, second, nil, 2))
		refusedAs(t, r.verify(t, first, nil, 2), false)
		r.publish(set(t, members(t, first, nil)), nil)
		time.Sleep(time.Minute)
		accepted(t, r.verify(t, first, "b", 3))
	})
}

// The last keys are used while their host is down, for an hour; and it is left alone
// for half a minute after each attempt.
func TestRemoteKeysOfADeadHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newP256(t)
		r := newRemote(set(t, named(t, key, "a")))
		accepted(t, r.verify(t, key, "a", 1))
		r.publish(nil, errors.New("no route to host"))
		time.Sleep(10 * time.Minute)
		accepted(t, r.verify(t, key, "a", 2))
		time.Sleep(29 * time.Second)
		accepted(t, r.verify(t, key, "a", 2))
		time.Sleep(time.Second)
		accepted(t, r.verify(t, key, "a", 3))
		refusedAs(t, r.verify(t, key, "b", 3), true) // it may be a new key
		time.Sleep(49*time.Minute + 29*time.Second)
		accepted(t, r.verify(t, key, "a", 4))
		time.Sleep(time.Second)
		refusedAs(t, r.verify(t, key, "a", 4), true)
		time.Sleep(29 * time.Second)
		refusedAs(t, r.verify(t, key, "a", 5), true)
		r.publish(set(t, named(t, key, "a")), nil)
		refusedAs(t, r.verify(t, key, "a", 5), true)
		time.Sleep(30 * time.Second)
		accepted(t, r.verify(t, key, "a", 6))
		log := r.log.String()
		if strings.Count(log, "no route to host") != 4 || !strings.Contains(log, "jwks_uri=https://client.example/keys ") || strings.Contains(log, "for=us") {
			t.Errorf("logged:\n%s", log)
		}
	})
}

// A host that has never answered, or with something else.
func TestRemoteKeysThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newP256(t)
		r := newRemote(nil)
		fetches := int32(0)
		for _, document := range []string{"", "<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`} {
			r.publish([]byte(document), nil)
			fetches++
			refusedAs(t, r.verify(t, key, "a", fetches), true)
			refusedAs(t, r.verify(t, key, "a", fetches), true)
			time.Sleep(30 * time.Second)
		}
		// Of others, what can be used is.
		r.publish([]byte(`{"keys":[{"kty":"oct","k":"AA"},`+text(t, named(t, key, "a"))+`]}`), nil)
		accepted(t, r.verify(t, key, "a", fetches+1))
		// And when it cannot be read any more, what was read before.
		r.publish([]byte("<html>"), nil)
		time.Sleep(10 * time.Minute)
		accepted(t, r.verify(t, key, "a", fetches+2))
	})
}

// Requests at the same time share a fetch, and the end of the one that began it is
// not the end of the fetch.
func TestRemoteKeysFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newP256(t)
		r := newRemote(set(t, named(t, key, "a")))
		r.takes = 3 * time.Second
		first, cancel := context.WithCancelCause(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			err := r.verifyWith(first, t, key, "a")
			refusedAs(t, err, true)
			if !errors.Is(err, errGone) {
				t.Errorf("got error %v", err)
			}
		})
		synctest.Wait()
		for range 20 {
			all.Go(func() { accepted(t, r.verifyWith(t.Context(), t, key, "a")) })
		}
		time.Sleep(time.Second)
		cancel(errGone)
		all.Wait()
		if got := r.fetched.Load(); got != 1 {
			t.Errorf("%d fetches", got)
		}
		// The same for an unknown key.
		time.Sleep(time.Minute)
		second, cancelSecond := context.WithTimeoutCause(t.Context(), time.Second, errGone)
		defer cancelSecond()
		all.Go(func() { refusedAs(t, r.verifyWith(second, t, key, "b"), true) })
		for range 20 {
			all.Go(func() { refusedAs(t, r.verifyWith(t.Context(), t, key, "b"), false) })
		}
		all.Wait()
		if got := r.fetched.Load(); got != 2 {
			t.Errorf("%d fetches", got)
		}
		if got := r.most.Load(); got != 1 {
			t.Errorf("%d at the same time", got)
		}
	})
}

var errGone = errors.New("the client is gone")

// While one host takes its time, keys of others are had; and a fetcher that never
// ends is given up.
func TestRemoteKeysDoNotWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newP256(t)
		r := newRemote(set(t, named(t, key, "a")))
		r.takes = time.Hour
		started := time.Now()
		var slow sync.WaitGroup
		slow.Go(func() { refusedAs(t, r.verifyWith(t.Context(), t, key, "a"), true) })
		synctest.Wait()
		r.takes = 0
		if _, err := r.keys.At("https://other.example", 1).Current(t.Context()); err != nil || time.Since(started) != 0 {
			t.Errorf("another took %s, error %v", time.Since(started), err)
		}
		slow.Wait()
		if took := time.Since(started); took != 10*time.Second {
			t.Errorf("given up after %s", took)
		}
	})
}

// A clock that is set back neither keeps keys for longer nor the host from being
// asked.
func TestRemoteKeysClockSetBack(t *testing.T) {
	key, clock := newP256(t), now
	p := &publisher{content: set(t, named(t, key, "a"))}
	keys := assertions.NewRemoteKeys(p, func() time.Time { return clock }, slog.New(slog.DiscardHandler)).At(address, 1)
	current := func(fetches int32) error {
		t.Helper()
		_, err := keys.Current(t.Context())
		if got := p.fetched.Load(); got != fetches {
			t.Errorf("%d fetches, want %d", got, fetches)
		}
		return err
	}
	accepted(t, current(1))
	clock = clock.Add(-24 * time.Hour)
	accepted(t, current(2))
	accepted(t, current(2))
	p.publish(nil, errors.New("away"))
	clock = clock.Add(-time.Hour)
	accepted(t, current(3))
	accepted(t, current(3))
	clock = clock.Add(-time.Hour)
	accepted(t, current(4))
}

// The memory is bounded; what was used last is kept.
func TestRemoteKeysAreBounded(t *testing.T) {
	p := &publisher{content: set(t, named(t, newP256(t), "a"))}
	keys := assertions.NewRemoteKeys(p, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	current := func(n int) {
		t.Helper()
		if _, err := keys.At(fmt.Sprintf("https://%d.example", n), 1).Current(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 10_000 {
		current(n)
	}
	current(0)      // is known, and used
	current(10_000) // is one too many, so that 1 has to go
	fetches := p.fetched.Load()
	current(0)
	current(2)
	current(10_000)
	if got := p.fetched.Load(); got != fetches || fetches != 10_001 {
		t.Errorf("%d fetches for 10,001 addresses, then %d", fetches, got)
	}
	current(1)
	if got := p.fetched.Load(); got != fetches+1 {
		t.Errorf("what was used longest ago is remembered")
	}
}
