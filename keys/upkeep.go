package keys

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kiket.dev/auth/storage"
)

// followEvery is how soon a replica hears of what another has changed.
const followEvery = 2 * time.Second

// startDuties are what a process owes after its start and only then: while an
// installation is being restarted with another algorithm or another first master
// key, old and new processes would otherwise undo each other's work for ever.
type startDuties struct {
	mu        sync.Mutex
	begun     bool // Load has found the keys in order
	algorithm bool // see to it that a key of the configured algorithm comes to sign
	seals     bool // seal under the first master key what is sealed under another
}

func (d *startDuties) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun, d.algorithm, d.seals = true, true, true
}

func (d *startDuties) hasBegun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

func (d *startDuties) owed() (algorithm, seals bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.algorithm, d.seals
}

// settle notes that nothing is left to do, but for what only time will allow.
func (d *startDuties) settle(keys []storage.SigningKey, configured Algorithm) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := newest(keys)
	d.algorithm = d.algorithm && (i < 0 || keys[i].Algorithm != string(configured))
	d.seals = false
}

// Load reads all keys. If there are none it creates the first, which signs at
// once; of several processes that start together one does. It begins a rotation
// if the newest key is not of the configured algorithm, seals under the first
// master key what is not, and records the lifetime of tokens where it is longer
// than before.
//
// [storage.ErrUnavailable] says that it is worth trying again, which [Ring.Run]
// does. [ErrSealed] says that a key that is not revoked cannot be opened; the
// error names it and the setting to change.
func (r *Ring) Load(ctx context.Context) error {
	r.reading.Lock()
	next, err := r.read(ctx)
	r.reading.Unlock()
	if err != nil {
		return err
	}
	if err := next.fault(); err != nil {
		return fmt.Errorf("loading the signing keys: %w", err)
	}
	r.start.begin()
	return r.Maintain(ctx)
}

// Run follows the store until ctx ends, and does what [Ring.Maintain] says, every
// two seconds. A ring that is not loaded it loads as soon as the store answers. It
// returns nil, and logs when it loses the store and when it finds it again.
func (r *Ring) Run(ctx context.Context) error {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	lost := false
	for {
		err := r.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !lost:
			r.options.Logger.WarnContext(ctx, "the signing keys cannot be followed", "error", err)
		case err == nil && lost:
			r.options.Logger.InfoContext(ctx, "the signing keys are followed again")
		}
		lost = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (r *Ring) round(ctx context.Context) error {
	if !r.start.hasBegun() {
		return r.Load(ctx)
	}
	return r.Maintain(ctx)
}

// Maintain is one round of [Ring.Run]: it reads the keys and, if something is to
// be done about them, does it under the lock of the installation, so that several
// replicas do it once: replaces a key that has signed for RingOptions.RotateEvery,
// creates one if none may sign, deletes those that nobody has needed for a month.
func (r *Ring) Maintain(ctx context.Context) error {
	if err := r.reload(ctx); err != nil {
		return err
	}
	// One round may make the next necessary, but not many.
	for range 3 {
		if len(r.due(r.known.Load().keys, r.now())) == 0 {
			r.start.settle(r.known.Load().keys, r.options.Algorithm)
			return nil
		}
		if err := r.amend(ctx, "maintaining the signing keys", maintain); err != nil {
			return err
		}
	}
	return nil
}

// duty is something to be done about the keys.
type duty struct {
	keyID string
	do    func(context.Context, *amendment, int) error // is given the index of keyID, -1 if there is none
}

func maintain(ctx context.Context, a *amendment) error {
	for _, d := range a.ring.due(a.keys, a.now) {
		if err := d.do(ctx, a, a.index(d.keyID)); err != nil {
			return err
		}
	}
	return nil
}

// due returns what is to be done.
func (r *Ring) due(keys []storage.SigningKey, now time.Time) []duty {
	if current(keys, now) < 0 {
		return []duty{{do: func(ctx context.Context, a *amendment, _ int) error { return a.createAtOnce(ctx) }}}
	}
	_, seals := r.start.owed()
	var all []duty
	for i, k := range keys {
		switch {
		case forgettable(keys, i, now):
			all = append(all, duty{k.KeyID, remove})
		case maySign(keys, i, now) && k.TokenLifetime < r.options.TokenLifetime:
			all = append(all, duty{k.KeyID, raiseLifetime})
		case seals && r.resealable(k):
			all = append(all, duty{k.KeyID, reseal})
		}
	}
	if r.rotationDue(keys, now) {
		all = append(all, duty{do: func(ctx context.Context, a *amendment, _ int) error {
			_, err := a.rotate(ctx)
			return err
		}})
	}
	return all
}

func (r *Ring) rotationDue(keys []storage.SigningKey, now time.Time) bool {
	if pending(keys, now) >= 0 {
		return false
	}
	signing := keys[current(keys, now)]
	if every := r.options.RotateEvery; every > 0 && !now.Before(signing.ActiveAt.Add(every)) {
		return true
	}
	algorithm, _ := r.start.owed()
	return algorithm && signing.Algorithm != string(r.options.Algorithm)
}

func (r *Ring) resealable(k storage.SigningKey) bool {
	if !k.RevokedAt.IsZero() || r.options.Sealer.SealedUnderFirst(k.Sealed) {
		return false
	}
	_, err := r.options.Sealer.Open(k.Sealed, sealingPurpose(k.KeyID))
	return err == nil
}

func remove(ctx context.Context, a *amendment, i int) error {
	keyID := a.keys[i].KeyID
	a.say("signing_key.deleted", "signing key deleted, which nobody has needed for long", keyID, nil)
	a.keys = append(a.keys[:i:i], a.keys[i+1:]...)
	return a.ring.options.Store.DeleteSigningKey(ctx, keyID)
}

func raiseLifetime(ctx context.Context, a *amendment, i int) error {
	return a.update(ctx, i, func(k *storage.SigningKey) { k.TokenLifetime = a.ring.options.TokenLifetime })
}

func reseal(ctx context.Context, a *amendment, i int) error {
	k, s := a.keys[i], a.ring.options.Sealer
	private, err := s.Open(k.Sealed, sealingPurpose(k.KeyID))
	if err != nil {
		return faultError(k.KeyID, err)
	}
	sealed, err := s.Seal(private, sealingPurpose(k.KeyID))
	if err != nil {
		return err
	}
	a.say("signing_key.resealed", "signing key sealed under the first master key", k.KeyID, nil)
	return a.update(ctx, i, func(k *storage.SigningKey) { k.Sealed = sealed })
}
