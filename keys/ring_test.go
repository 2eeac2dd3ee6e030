package keys_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// publishedIDs returns the key ids of the published set, in its order.
func publishedIDs(tb testing.TB, r *keys.Ring) []string {
	tb.Helper()
	published, err := r.PublicKeys(tb.Context())
	if err != nil {
		tb.Error(err)
		return nil
	}
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(published.JSON, &set); err != nil {
		tb.Error(err)
		return nil
	}
	var ids []string
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}

func states(tb testing.TB, r *keys.Ring) map[string]keys.State {
	tb.Helper()
	all := map[string]keys.State{}
	for _, k := range list(tb, r) {
		all[k.KeyID] = k.State
	}
	return all
}

func check[T any](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// signsWith says whose turn it is to sign.
func signsWith(tb testing.TB, r *keys.Ring, want string) {
	tb.Helper()
	if _, got := sign(tb, r); got != want {
		tb.Errorf("signed with %s, want %s", got, want)
	}
}

func verifies(tb testing.TB, r *keys.Ring, token string) {
	tb.Helper()
	if _, err := r.Verify(tb.Context(), token, accessToken); err != nil {
		tb.Errorf("verifying: %v", err)
	}
}

func refuses(tb testing.TB, r *keys.Ring, token string) {
	tb.Helper()
	if _, err := r.Verify(tb.Context(), token, accessToken); !errors.Is(err, keys.ErrInvalidToken) {
		tb.Errorf("verifying: got error %v, want ErrInvalidToken", err)
	}
}

func maintain(tb testing.TB, r *keys.Ring) {
	tb.Helper()
	if err := r.Maintain(tb.Context()); err != nil {
		tb.Error(err)
	}
}

func rotate(tb testing.TB, r *keys.Ring) (keyID string, activeAt time.Time) {
	tb.Helper()
	keyID, activeAt, err := r.Rotate(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return keyID, activeAt
}

func revoke(tb testing.TB, r *keys.Ring, keyID string) {
	tb.Helper()
	if err := r.Revoke(tb.Context(), keyID); err != nil {
		tb.Fatal(err)
	}
}

func TestLifeOfAKey(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	begin := i.clock.Now()
	oldToken, first := sign(t, r)
	check(t, "the first key alone", publishedIDs(t, r), []string{first})

	second, activeAt := rotate(t, r)
	check(t, "when the second key takes over", activeAt, begin.Add(announcement))
	check(t, "announced", publishedIDs(t, r), []string{first, second})
	check(t, "announced", states(t, r), map[string]keys.State{first: keys.StateSigning, second: keys.StatePending})

	i.clock.Set(activeAt.Add(-time.Microsecond))
	signsWith(t, r, first)
	i.clock.Set(activeAt) // nothing has been reloaded
	signsWith(t, r, second)
	check(t, "taken over, the key that signs first", publishedIDs(t, r), []string{second, first})
	check(t, "taken over", states(t, r), map[string]keys.State{first: keys.StateRetired, second: keys.StateSigning})

	lastToken := activeAt.Add(tokenLifetime)
	i.clock.Set(lastToken.Add(leeway - time.Microsecond))
	check(t, "until the last token has expired", publishedIDs(t, r), []string{second, first})
	verifies(t, r, oldToken)
	i.clock.Set(lastToken.Add(leeway))
	check(t, "afterwards", publishedIDs(t, r), []string{second})

	i.clock.Set(lastToken.Add(leeway + 30*24*time.Hour))
	maintain(t, r)
	check(t, "kept for a month", len(list(t, r)), 2)
	i.clock.Advance(time.Microsecond)
	maintain(t, r)
	check(t, "and no longer", states(t, r), map[string]keys.State{second: keys.StateSigning})
	refuses(t, r, oldToken)
}

func TestRotationWaitsForTheOneBefore(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	_, activeAt := rotate(t, r)
	if _, _, err := r.Rotate(t.Context()); !errors.Is(err, keys.ErrRotationPending) {
		t.Errorf("got error %v, want ErrRotationPending", err)
	}
	check(t, "keys", len(list(t, r)), 2)
	i.clock.Set(activeAt)
	rotate(t, r)
}

// As the command line does it, which has no need to load.
func TestRotateAnEmptyInstallation(t *testing.T) {
	i := newInstallation(t)
	keyID, activeAt := rotate(t, i.ring(t))
	check(t, "signs at once", activeAt, i.clock.Now())
	signsWith(t, i.loaded(t), keyID)
}

func TestSchedule(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	_, first := sign(t, r)
	i.clock.Advance(keys.DefaultRotateEvery - time.Microsecond)
	maintain(t, r)
	check(t, "before its time", len(list(t, r)), 1)
	i.clock.Advance(time.Microsecond)
	maintain(t, r)
	maintain(t, r)
	check(t, "at its time", len(list(t, r)), 2)
	signsWith(t, r, first)
	i.clock.Advance(announcement)
	if _, keyID := sign(t, r); keyID == first {
		t.Error("the first key signs still")
	}
}

func TestNoSchedule(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t, func(o *keys.RingOptions) { o.RotateEvery = 0 })
	i.clock.Advance(20 * 365 * 24 * time.Hour)
	maintain(t, r)
	check(t, "keys", len(list(t, r)), 1)
}

func TestRevokeTheKeyThatSigns(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	token, first := sign(t, r)
	revoke(t, r, first)

	_, second := sign(t, r)
	check(t, "states", states(t, r), map[string]keys.State{first: keys.StateRevoked, second: keys.StateSigning})
	check(t, "published", publishedIDs(t, r), []string{second})
	refuses(t, r, token)

	revoke(t, r, first)
	check(t, "revoked again", len(list(t, r)), 2)
	i.clock.Advance(tokenLifetime + leeway + 30*24*time.Hour + time.Microsecond)
	maintain(t, r)
	check(t, "after a month", states(t, r), map[string]keys.State{second: keys.StateSigning})
}

func TestRevokeTheKeyThatSignsWhileAnotherWaits(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	_, first := sign(t, r)
	waiting, activeAt := rotate(t, r)
	i.clock.Advance(time.Minute)
	revoke(t, r, first)

	_, between := sign(t, r)
	if between == waiting {
		t.Error("the key that waited signs before it has been published for long enough")
	}
	i.clock.Set(activeAt)
	signsWith(t, r, waiting)
	all := list(t, r)
	at := slices.IndexFunc(all, func(k keys.Key) bool { return k.KeyID == between })
	check(t, "when the key in between retires", all[at].RetiredAt, activeAt)
}

func TestRevokeAKeyThatWaits(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	_, first := sign(t, r)
	waiting, activeAt := rotate(t, r)
	revoke(t, r, waiting)

	check(t, "published", publishedIDs(t, r), []string{first})
	i.clock.Set(activeAt)
	signsWith(t, r, first)
	check(t, "the first key's retirement is called off", list(t, r)[0].RetiredAt, time.Time{})
	rotate(t, r)
}

func TestRevokeARetiredKey(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	token, first := sign(t, r)
	second, activeAt := rotate(t, r)
	i.clock.Set(activeAt)
	verifies(t, r, token)
	revoke(t, r, first)
	refuses(t, r, token)
	signsWith(t, r, second)
	check(t, "states", states(t, r), map[string]keys.State{first: keys.StateRevoked, second: keys.StateSigning})
}

func TestRevokeUnknown(t *testing.T) {
	r := newInstallation(t).loaded(t)
	for _, keyID := range []string{"", "unknown", "\x00", strings.Repeat("x", 10_000)} {
		if err := r.Revoke(t.Context(), keyID); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%.20q: got error %v, want ErrNotFound", keyID, err)
		}
	}
}

func TestAnotherAlgorithm(t *testing.T) {
	i := newInstallation(t)
	_, first := sign(t, i.loaded(t))
	oldRing := i.loaded(t)
	newRing := i.loaded(t, withAlgorithm(keys.EdDSA))
	i.loaded(t, withAlgorithm(keys.EdDSA)) // a second replica

	all := list(t, newRing)
	check(t, "keys", len(all), 2)
	check(t, "algorithm of the new key", all[1].Algorithm, "EdDSA")
	signsWith(t, newRing, first) // it is published before it signs
	i.clock.Set(all[1].ActiveAt)
	maintain(t, oldRing) // a replica that has not been restarted must not undo it
	maintain(t, newRing)
	signsWith(t, newRing, all[1].KeyID)
	signsWith(t, oldRing, all[1].KeyID)
	token, _ := sign(t, newRing)
	verifies(t, oldRing, token)
	check(t, "keys in the end", len(list(t, newRing)), 2)
}

// The setting changes while a key of the old algorithm waits: the change follows
// as soon as that one has taken over.
func TestAnotherAlgorithmWhileAKeyWaits(t *testing.T) {
	i := newInstallation(t)
	_, activeAt := rotate(t, i.loaded(t))
	r := i.loaded(t, withAlgorithm(keys.EdDSA))
	check(t, "keys at first", len(list(t, r)), 2)
	i.clock.Set(activeAt)
	maintain(t, r)
	all := list(t, r)
	check(t, "keys then", len(all), 3)
	check(t, "algorithm of the third", all[2].Algorithm, "EdDSA")
}

func TestTokenLifetimeIsRaised(t *testing.T) {
	i := newInstallation(t)
	i.loaded(t)
	lifetimes := func(d time.Duration) func(*keys.RingOptions) {
		return func(o *keys.RingOptions) { o.TokenLifetime = d }
	}
	r := i.loaded(t, lifetimes(2*tokenLifetime))
	check(t, "raised", list(t, r)[0].TokenLifetime, 2*tokenLifetime)
	i.loaded(t, lifetimes(tokenLifetime))
	check(t, "not lowered", list(t, r)[0].TokenLifetime, 2*tokenLifetime)

	_, activeAt := rotate(t, r)
	i.clock.Set(activeAt.Add(tokenLifetime + leeway))
	check(t, "published for the longer time", len(publishedIDs(t, r)), 2)
}

func TestSignRefuses(t *testing.T) {
	r := newInstallation(t).loaded(t)
	for name, test := range map[string]struct {
		typ    string
		claims any
	}{
		"no type":       {"", claims()},
		"a list":        {accessToken, []string{"sub"}},
		"nothing":       {accessToken, nil},
		"not JSON":      {accessToken, func() {}},
		"far too large": {accessToken, map[string]string{"scope": strings.Repeat("x", keys.MaxTokenBytes)}},
	} {
		if token, _, err := r.Sign(t.Context(), test.typ, test.claims); err == nil || token != "" {
			t.Errorf("%s: got %.40q, error %v", name, token, err)
		}
	}
}

func TestNewRingRefuses(t *testing.T) {
	good := newInstallation(t).options()
	for want, change := range map[string]func(*keys.RingOptions){
		`signing algorithm "HS256": want ES256, EdDSA or RS256`: func(o *keys.RingOptions) { o.Algorithm = "HS256" },
		"key ring: no store is given":                           func(o *keys.RingOptions) { o.Store = nil },
		"key ring: no sealer is given":                          func(o *keys.RingOptions) { o.Sealer = nil },
		"key ring: the lifetime of tokens must be positive":     func(o *keys.RingOptions) { o.TokenLifetime = 0 },
		"key ring: a duration is negative":                      func(o *keys.RingOptions) { o.RotateEvery = -1 },
	} {
		o := good
		change(&o)
		if _, err := keys.NewRing(o); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}
