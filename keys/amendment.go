package keys

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// amendment changes the set of keys inside a transaction that holds its lock.
// keys follows the changes.
type amendment struct {
	ring *Ring
	now  time.Time
	keys []storage.SigningKey // in order of ActiveAt
	said []event
}

// event is what is recorded in the transaction, and logged once that has been
// committed.
type event struct {
	Event
	message string
}

// amend runs f under the lock, logs what it did once that is committed, and
// makes this ring follow.
func (r *Ring) amend(ctx context.Context, doing string, f func(context.Context, *amendment) error) error {
	var a *amendment
	err := r.options.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := r.options.Store.Lock(ctx, storage.LockSigningKeys); err != nil {
			return err
		}
		keys, err := r.options.Store.SigningKeys(ctx)
		if err != nil {
			return err
		}
		a = &amendment{ring: r, now: r.now(), keys: keys}
		if err := f(ctx, a); err != nil {
			return err
		}
		return a.record(ctx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	for _, e := range a.said {
		attrs := []any{"kid", e.KeyID}
		for _, name := range slices.Sorted(maps.Keys(e.Details)) {
			attrs = append(attrs, name, e.Details[name])
		}
		r.options.Logger.InfoContext(ctx, e.message, attrs...)
	}
	// In a transaction of the caller's nothing has been committed yet, and the
	// ring must not act on what may never be. Therefore it reads outside of it.
	if err := r.refreshAnew(ctx); err != nil {
		r.options.Logger.WarnContext(ctx, "the signing keys have changed but cannot be read again yet", "error", err)
	}
	return nil
}

// refreshAnew reloads after now, outside of any transaction in ctx.
func (r *Ring) refreshAnew(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return r.reload(bounded)
}

// say tells what was done to a key, for the record and for the log.
func (a *amendment) say(action, message, keyID string, details map[string]any) {
	a.said = append(a.said, event{Event{Action: action, KeyID: keyID, Details: details}, message})
}

func (a *amendment) record(ctx context.Context) error {
	if a.ring.options.Record == nil {
		return nil
	}
	for _, e := range a.said {
		if err := a.ring.options.Record(ctx, e.Event); err != nil {
			return err
		}
	}
	return nil
}

func (a *amendment) index(keyID string) int {
	return slices.IndexFunc(a.keys, func(k storage.SigningKey) bool { return k.KeyID == keyID })
}

// create makes a key of the configured algorithm. retiredAt is zero unless its
// successor exists.
func (a *amendment) create(ctx context.Context, activeAt, retiredAt time.Time) (storage.SigningKey, error) {
	o := a.ring.options
	m, err := generateMaterial(o.Algorithm)
	if err != nil {
		return storage.SigningKey{}, err
	}
	sealed, err := m.seal(o.Sealer)
	if err != nil {
		return storage.SigningKey{}, err
	}
	k := storage.SigningKey{
		KeyID: m.keyID, Algorithm: string(m.algorithm), PublicJWK: m.document, Sealed: sealed,
		CreatedAt: a.now, ActiveAt: activeAt, RetiredAt: retiredAt, TokenLifetime: o.TokenLifetime,
	}
	if err := o.Store.CreateSigningKey(ctx, k); err != nil {
		return storage.SigningKey{}, err
	}
	a.keys = append(a.keys, k)
	slices.SortStableFunc(a.keys, func(x, y storage.SigningKey) int {
		return cmp.Or(x.ActiveAt.Compare(y.ActiveAt), x.CreatedAt.Compare(y.CreatedAt))
	})
	a.say("signing_key.created", "signing key created", k.KeyID, map[string]any{"algorithm": k.Algorithm, "active_at": k.ActiveAt})
	return k, nil
}

// createAtOnce makes a key that signs from now on, and until the pending one if
// there is one.
func (a *amendment) createAtOnce(ctx context.Context) error {
	var until time.Time
	if next := pending(a.keys, a.now); next >= 0 {
		until = a.keys[next].ActiveAt
	}
	_, err := a.create(ctx, a.now, until)
	return err
}

// update changes a stored key.
func (a *amendment) update(ctx context.Context, i int, change func(*storage.SigningKey)) error {
	change(&a.keys[i])
	return a.ring.options.Store.UpdateSigningKey(ctx, a.keys[i])
}

// rotate makes the successor of the key that signs.
func (a *amendment) rotate(ctx context.Context) (storage.SigningKey, error) {
	if pending(a.keys, a.now) >= 0 {
		return storage.SigningKey{}, ErrRotationPending
	}
	activeAt := a.now.Add(a.ring.announcement())
	if signing := current(a.keys, a.now); signing < 0 {
		activeAt = a.now
	} else if err := a.retire(ctx, signing, activeAt); err != nil {
		return storage.SigningKey{}, err
	}
	return a.create(ctx, activeAt, time.Time{})
}

// retire records when the key that signs will have a successor. A process whose
// master keys cannot open the one would seal the other so that nobody can.
func (a *amendment) retire(ctx context.Context, i int, at time.Time) error {
	k := a.keys[i]
	if _, err := a.ring.options.Sealer.Open(k.Sealed, sealingPurpose(k.KeyID)); err != nil {
		return faultError(k.KeyID, err)
	}
	return a.update(ctx, i, func(k *storage.SigningKey) { k.RetiredAt = at })
}

// maxMargin bounds the margin of an announcement.
const maxMargin = 10 * time.Second

// announcement is how long a key is published before it signs: as long as the
// set may be cached, and a tenth of that, up to [maxMargin], for the time that
// committing takes and for clocks that differ.
func (r *Ring) announcement() time.Duration {
	return r.options.PublishFor + min(r.options.PublishFor/10, maxMargin)
}
