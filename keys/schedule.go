package keys

import (
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// State is where a key stands in its life.
type State string

// The states, in the order in which a key passes through them. A key of any
// state can be revoked.
const (
	StatePending State = "pending" // published, and signs from ActiveAt on
	StateSigning State = "signing"
	StateRetired State = "retired" // published until its last token has expired
	StateRevoked State = "revoked" // neither published nor trusted
)

// Key is a signing key as [Ring.List] shows it; Sealed is left out.
type Key struct {
	storage.SigningKey
	State State
}

const (
	// leeway is how much longer than needed a key stays published and trusted,
	// for verifiers whose clock is late.
	leeway = 5 * time.Minute
	// keepExpired is how long a key is kept after it was last needed, for whoever
	// looks back.
	keepExpired = 30 * 24 * time.Hour
)

// current returns the index of the key that signs at now: of those that are not
// revoked the one that began to last. -1: none may. A key that has retired does
// not come back when its successor is gone, for it may be published no more. The
// keys are in order of ActiveAt.
func current(keys []storage.SigningKey, now time.Time) int {
	for i, k := range slices.Backward(keys) {
		if !k.RevokedAt.IsZero() || k.ActiveAt.After(now) {
			continue
		}
		if !k.RetiredAt.IsZero() && !k.RetiredAt.After(now) {
			return -1
		}
		return i
	}
	return -1
}

// pending returns the index of the next key that will sign, or -1.
func pending(keys []storage.SigningKey, now time.Time) int {
	return slices.IndexFunc(keys, func(k storage.SigningKey) bool {
		return k.RevokedAt.IsZero() && k.ActiveAt.After(now)
	})
}

// newest returns the index of the unrevoked key that signs last, or -1.
func newest(keys []storage.SigningKey) int {
	for i, k := range slices.Backward(keys) {
		if k.RevokedAt.IsZero() {
			return i
		}
	}
	return -1
}

// stateOf returns the state of keys[i].
func stateOf(keys []storage.SigningKey, i int, now time.Time) State {
	switch {
	case !keys[i].RevokedAt.IsZero():
		return StateRevoked
	case keys[i].ActiveAt.After(now):
		return StatePending
	case i == current(keys, now):
		return StateSigning
	}
	return StateRetired
}

// published reports whether keys[i] belongs in the published set.
func published(keys []storage.SigningKey, i int, now time.Time) bool {
	switch stateOf(keys, i, now) {
	case StateRevoked:
		return false
	case StateRetired:
		retired := keys[i].RetiredAt
		return retired.IsZero() || now.Before(retired.Add(keys[i].TokenLifetime+leeway))
	case StatePending, StateSigning:
	}
	return true
}

// maySign reports whether keys[i] signs now or will.
func maySign(keys []storage.SigningKey, i int, now time.Time) bool {
	state := stateOf(keys, i, now)
	return state == StateSigning || state == StatePending
}

// forgettable reports whether nothing of keys[i] has been needed for long.
func forgettable(keys []storage.SigningKey, i int, now time.Time) bool {
	k := keys[i]
	end := k.RetiredAt
	switch stateOf(keys, i, now) {
	case StateRevoked:
		end = k.RevokedAt
	case StateRetired:
	case StatePending, StateSigning:
		return false
	}
	return !end.IsZero() && now.After(end.Add(k.TokenLifetime+leeway+keepExpired))
}
