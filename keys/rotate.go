package keys

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/storage"
)

// List returns all keys in the order in which they sign, those too that have
// been revoked. It reads the store and needs no [Ring.Load].
func (r *Ring) List(ctx context.Context) ([]Key, error) {
	stored, err := r.options.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the signing keys: %w", err)
	}
	now := r.now()
	keys := make([]Key, len(stored))
	for i, k := range stored {
		k.Sealed = nil
		keys[i] = Key{SigningKey: k, State: stateOf(stored, i, now)}
	}
	return keys, nil
}

// Check reports whether the store can be read and every key in it be opened with
// the master keys. It changes nothing and needs no [Ring.Load].
func (r *Ring) Check(ctx context.Context) error {
	stored, err := r.options.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("checking the signing keys: %w", err)
	}
	return newSnapshot(stored, r.options.Sealer, nil).fault()
}

// Rotate publishes a new key of the configured algorithm now and returns its id
// and when it takes over: after RingOptions.PublishFor and a little more. Without
// any key that signs it does so at once. It needs no [Ring.Load].
//
// [ErrRotationPending] says that such a key waits already, [ErrSealed] that the
// key that signs is sealed under a master key that is not given here.
func (r *Ring) Rotate(ctx context.Context) (keyID string, activeAt time.Time, err error) {
	err = r.amend(ctx, "rotating the signing key", func(ctx context.Context, a *amendment) error {
		k, err := a.rotate(ctx)
		keyID, activeAt = k.KeyID, k.ActiveAt
		return err
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return keyID, activeAt, nil
}

// Revoke ends the trust in a key: it is no longer published and signs no more,
// here from when Revoke returns and on other replicas within seconds. If it was
// the key that signs, a new one does at once; verifiers that know only what they
// have cached learn of it when they see its id. A key that waited to sign is
// given up, and the one that signs goes on. Revoking again changes nothing.
// [storage.ErrNotFound] says that there is no such key. It needs neither
// [Ring.Load] nor the master key that sealed the key.
//
// That the key's tokens are inactive, everywhere and at once, is for the store to
// see to, which looks at the key with every token.
func (r *Ring) Revoke(ctx context.Context, keyID string) error {
	err := r.amend(ctx, "revoking a signing key", func(ctx context.Context, a *amendment) error {
		return a.revoke(ctx, keyID)
	})
	if err != nil {
		return err
	}
	r.forget(keyID)
	return nil
}

func (a *amendment) revoke(ctx context.Context, keyID string) error {
	i := a.index(keyID)
	if i < 0 {
		return fmt.Errorf("%s: %w", keyID, storage.ErrNotFound)
	}
	was := stateOf(a.keys, i, a.now)
	if was == StateRevoked {
		return nil
	}
	if _, err := a.ring.options.Store.RevokeSigningKey(ctx, keyID, a.now); err != nil {
		return err
	}
	a.keys[i].RevokedAt = a.now
	a.say("signing_key.revoked", "signing key revoked", keyID, map[string]any{"state": string(was)})

	signing := current(a.keys, a.now)
	if signing < 0 {
		return a.createAtOnce(ctx)
	}
	if was == StatePending && pending(a.keys, a.now) < 0 {
		return a.update(ctx, signing, func(k *storage.SigningKey) { k.RetiredAt = time.Time{} })
	}
	return nil
}

// forget makes sure that a revoked key is not used here even if the store could
// not be read since.
func (r *Ring) forget(keyID string) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if s := r.known.Load(); s != nil && s.materials[keyID] != nil {
		r.known.Store(s.without(keyID, r.now()))
	}
}
