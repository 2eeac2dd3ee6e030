package assertions_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever has tried keys that somebody else has renewed since is given the newer ones
// without another fetch.
func TestRemoteKeysThatAreNewerAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newP256(t), newP256(t)
		r := newRemote(set(t, named(t, first, "a")))
		source := r.keys.At(address, 1)
		old, err := source.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.publish(set(t, named(t, second, "b")), nil)
		time.Sleep(time.Minute)
		accepted(t, r.verify(t, second, "b", 2))
		for range 2 { // when it could be fetched again, too
			newer, err := source.Newer(t.Context(), old)
			if want := parsed(t, named(t, second, "b")); err != nil || string(newer.JSON()) != string(want.JSON()) {
				t.Errorf("got %s, error %v", newer.JSON(), err)
			}
			time.Sleep(time.Minute)
		}
		if got := r.fetched.Load(); got != 2 {
			t.Errorf("%d fetches", got)
		}
	})
}

// A host that failed a moment ago is not asked for a newer key either.
func TestRemoteKeysNotRenewedFromADeadHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newP256(t), newP256(t)
		r := newRemote(set(t, named(t, first, "a")))
		accepted(t, r.verify(t, first, "a", 1))
		r.publish(nil, errors.New("no route to host"))
		time.Sleep(10 * time.Minute)
		accepted(t, r.verify(t, first, "a", 2))
		r.publish(set(t, named(t, second, "b")), nil)
		time.Sleep(29 * time.Second)
		refusedAs(t, r.verify(t, second, "b", 2), true)
		time.Sleep(time.Second)
		accepted(t, r.verify(t, second, "b", 3))
	})
}
