package keys_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
	"kiket.dev/auth/storage/postgrestest"
)

// outage is a real store that can be cut off.
type outage struct {
	*gormstore.Store
	down            atomic.Bool
	downAfterCommit atomic.Bool
	reads           atomic.Int32
}

func (o *outage) SigningKeys(ctx context.Context) ([]storage.SigningKey, error) {
	o.reads.Add(1)
	if o.down.Load() {
		return nil, storage.ErrUnavailable
	}
	return o.Store.SigningKeys(ctx)
}

func (o *outage) Transaction(ctx context.Context, f func(context.Context) error) error {
	if o.down.Load() {
		return storage.ErrUnavailable
	}
	err := o.Store.Transaction(ctx, f)
	if o.downAfterCommit.Load() {
		o.down.Store(true)
	}
	return err
}

func (i *installation) cuttable() (*outage, func(*keys.RingOptions)) {
	o := &outage{Store: i.store}
	return o, func(options *keys.RingOptions) { options.Store = o }
}

// together calls f on every one of n goroutines at the same time.
func together(n int, f func(int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			f(i)
		})
	}
	done.Wait()
}

// What several replicas do at the same time is tried on both engines: SQLite has
// one writer in any case, PostgreSQL only the lock.
func TestReplicasTogether(t *testing.T) {
	tests := map[string]func(*testing.T, *installation){
		"start":    replicasThatStartTogetherMakeOneKey,
		"rotate":   replicasThatRotateTogether,
		"schedule": replicasThatKeepTheScheduleTogether,
	}
	cluster := postgrestest.Start(t, postgrestest.Options{})
	for name, test := range tests {
		t.Run("sqlite/"+name, func(t *testing.T) { test(t, newInstallation(t)) })
		t.Run("postgres/"+name, func(t *testing.T) {
			i := newInstallation(t)
			i.store = openStore(t, cluster.NewDatabase(t))
			test(t, i)
		})
	}
}

func replicasThatStartTogetherMakeOneKey(t *testing.T, i *installation) {
	var rings [8]*keys.Ring
	for n := range rings {
		rings[n] = i.ring(t)
	}
	together(len(rings), func(n int) {
		if err := rings[n].Load(t.Context()); err != nil {
			t.Error(err)
		}
	})
	all := list(t, rings[0])
	check(t, "keys", len(all), 1)
	for _, r := range rings {
		signsWith(t, r, all[0].KeyID)
	}
}

func replicasThatRotateTogether(t *testing.T, i *installation) {
	var rings [6]*keys.Ring
	for n := range rings {
		rings[n] = i.loaded(t)
	}
	var won atomic.Int32
	together(len(rings), func(n int) {
		switch _, _, err := rings[n].Rotate(t.Context()); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, keys.ErrRotationPending):
			t.Error(err)
		}
	})
	check(t, "rotations", won.Load(), 1)
	check(t, "keys", len(list(t, rings[0])), 2)
}

func replicasThatKeepTheScheduleTogether(t *testing.T, i *installation) {
	var rings [6]*keys.Ring
	for n := range rings {
		rings[n] = i.loaded(t)
	}
	i.clock.Advance(keys.DefaultRotateEvery)
	together(len(rings), func(n int) { maintain(t, rings[n]) })
	check(t, "keys", len(list(t, rings[0])), 2)
}

func TestReplicasFollow(t *testing.T) {
	i := newInstallation(t)
	one, other := i.loaded(t), i.loaded(t)
	_, first := sign(t, one)
	signsWith(t, other, first)

	second, activeAt := rotate(t, one)
	check(t, "published by the other at once", publishedIDs(t, other), []string{first, second})
	maintain(t, other)
	i.clock.Set(activeAt)
	signsWith(t, other, second)

	revoke(t, one, second)
	_, third := sign(t, one)
	maintain(t, other)
	signsWith(t, other, third)
	check(t, "published by the other", publishedIDs(t, other), publishedIDs(t, one))
}

// A token can arrive before the replica has heard of its key.
func TestTokenOfAKeyNotHeardOf(t *testing.T) {
	i := newInstallation(t)
	one := i.loaded(t)
	store, cut := i.cuttable()
	other := i.loaded(t, cut)
	_, first := sign(t, one)
	revoke(t, one, first)
	token, _ := sign(t, one)

	store.down.Store(true)
	if _, err := other.Verify(t.Context(), token, accessToken); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("while the store is away: got error %v, want ErrUnavailable", err)
	}
	store.down.Store(false)
	if _, err := other.Verify(t.Context(), token, accessToken); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("within a second of that: got error %v, want ErrUnavailable", err)
	}
	i.clock.Advance(time.Second)
	verifies(t, other, token)
}

func TestUnknownKeysDoNotLoadTheStore(t *testing.T) {
	i := newInstallation(t)
	store, cut := i.cuttable()
	r := i.loaded(t, cut)
	private := newECDSA(t)
	_, public := jwk(t, private)
	before := store.reads.Load()
	for range 3 {
		together(20, func(int) {
			refuses(t, r, es256(t, private, headerOf(t, public.KeyID, nil), payload))
		})
	}
	check(t, "reads in the first second", store.reads.Load()-before, 1)
	i.clock.Advance(time.Second)
	refuses(t, r, es256(t, private, headerOf(t, public.KeyID, nil), payload))
	check(t, "reads in the second", store.reads.Load()-before, 2)
	refuses(t, r, es256(t, private, headerOf(t, "no-thumbprint", nil), payload))

	_, keyID := sign(t, r)
	token, _ := sign(t, r)
	revoke(t, r, keyID)
	i.clock.Advance(time.Second)
	before = store.reads.Load()
	refuses(t, r, token)
	check(t, "reads for a revoked key", store.reads.Load()-before, 0)
}

func TestNotLoaded(t *testing.T) {
	i := newInstallation(t)
	token, _ := sign(t, i.loaded(t))
	store, cut := i.cuttable()
	store.down.Store(true)
	r := i.ring(t, cut)
	check(t, "loaded", r.Loaded(), false)
	failures := map[string]error{"Load": r.Load(t.Context()), "Maintain": r.Maintain(t.Context()), "Check": r.Check(t.Context())}
	_, _, failures["Sign"] = r.Sign(t.Context(), accessToken, claims())
	_, failures["Verify"] = r.Verify(t.Context(), token, accessToken)
	_, failures["PublicKeys"] = r.PublicKeys(t.Context())
	_, failures["List"] = r.List(t.Context())
	_, _, failures["Rotate"] = r.Rotate(t.Context())
	failures["Revoke"] = r.Revoke(t.Context(), "x")
	for name, err := range failures {
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: got error %v, want ErrUnavailable", name, err)
		}
	}
}

// What a replica knows it goes on using when the store is away.
func TestOutage(t *testing.T) {
	i := newInstallation(t)
	store, cut := i.cuttable()
	r := i.loaded(t, cut)
	fresh, err := r.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(t, "may be cached", fresh.MaxAge, publishFor)
	store.down.Store(true)
	token, _ := sign(t, r)
	verifies(t, r, token)
	stale, err := r.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(t, "published", string(stale.JSON), string(fresh.JSON))
	check(t, "tag", stale.ETag, fresh.ETag)
	if stale.MaxAge > 10*time.Second {
		t.Errorf("a set that may be out of date may be cached for %s", stale.MaxAge)
	}
}

// A revocation that has been carried out holds here even if the store cannot be
// read any more; a key that has retired does not come back.
func TestOutageRightAfterARevocation(t *testing.T) {
	i := newInstallation(t)
	store, cut := i.cuttable()
	r := i.loaded(t, cut)
	retired, first := sign(t, r)
	second, activeAt := rotate(t, r)
	i.clock.Set(activeAt)
	token, _ := sign(t, r)
	check(t, "can sign", r.Loaded(), true)

	store.downAfterCommit.Store(true)
	revoke(t, r, second)
	refuses(t, r, token)
	verifies(t, r, retired)
	check(t, "published", publishedIDs(t, r), []string{first})
	if _, _, err := r.Sign(t.Context(), accessToken, claims()); !errors.Is(err, keys.ErrNoSigningKey) {
		t.Errorf("signing: got error %v, want ErrNoSigningKey", err)
	}
	check(t, "can sign without the store", r.Loaded(), false)

	store.down.Store(false)
	store.downAfterCommit.Store(false)
	maintain(t, r)
	check(t, "can sign again", r.Loaded(), true)
	check(t, "keys", len(list(t, r)), 3)
}

// Nobody but the ring knows what is in the transaction of a caller: it neither
// waits for that nor signs with a key that may never be committed.
func TestRotationThatIsRolledBack(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	_, first := sign(t, r)
	failed := errors.New("the audit event cannot be written")
	err := i.store.Transaction(t.Context(), func(ctx context.Context) error {
		if err := r.Revoke(ctx, first); err != nil {
			t.Error(err)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("got error %v", err)
	}
	maintain(t, r)
	signsWith(t, r, first)
	check(t, "keys", len(list(t, r)), 1)
}

// Run is watched in a bubble of time of its own, in which two seconds pass as soon
// as nobody has anything to do.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newInstallation(t)
		store, cut := i.cuttable()
		store.down.Store(true)
		r := i.ring(t, cut)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		wait := func() { time.Sleep(3 * time.Second) }

		wait()
		if _, _, err := r.Sign(t.Context(), accessToken, claims()); !errors.Is(err, keys.ErrNotLoaded) {
			t.Errorf("before the store has answered: got error %v, want ErrNotLoaded", err)
		}
		store.down.Store(false)
		wait()
		_, first := sign(t, r)

		other := i.loaded(t)
		revoke(t, other, first)
		_, second := sign(t, other)
		wait()
		signsWith(t, r, second)

		for range 2 {
			store.down.Store(true)
			wait()
			wait()
			store.down.Store(false)
			wait()
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		log := i.log.String()
		check(t, "times lost", strings.Count(log, "cannot be followed"), 3)
		check(t, "times found again", strings.Count(log, "are followed again"), 3)
	})
}

// Signing, verifying and publishing go on while everything changes.
func TestEverythingAtOnce(t *testing.T) {
	i := newInstallation(t)
	rings := []*keys.Ring{i.loaded(t), i.loaded(t)}
	together(8, func(n int) {
		r := rings[n%2]
		for round := range 10 {
			switch {
			case n == 0 && round%3 == 0:
				if _, _, err := r.Rotate(t.Context()); err != nil && !errors.Is(err, keys.ErrRotationPending) {
					t.Error(err)
				}
				i.clock.Advance(announcement)
			case n == 1:
				maintain(t, r)
			case n == 2:
				publishedIDs(t, r)
			default:
				token, _ := sign(t, r)
				verifies(t, r, token)
			}
		}
	})
}
