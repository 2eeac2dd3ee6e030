package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"kiket.dev/auth/storage"
)

// Defaults of [RingOptions].
const (
	DefaultPublishFor  = 5 * time.Minute
	DefaultRotateEvery = 90 * 24 * time.Hour
)

// RingOptions says what a ring stands on and how its keys live.
type RingOptions struct {
	// Store keeps the keys. Every process of an installation has the same.
	Store interface {
		storage.Transactor
		storage.SigningKeyStore
	}
	Sealer *Sealer
	// Algorithm is that of new keys; empty: [ES256].
	Algorithm Algorithm
	// TokenLifetime is the longest life of a token that is signed. A key stays
	// published that long after its last signature.
	TokenLifetime time.Duration
	// PublishFor is how long verifiers may cache the published set, and so how
	// long a new key is published before it signs. 0: [DefaultPublishFor].
	PublishFor time.Duration
	// RotateEvery is how long a key signs before [Ring.Run] replaces it; 0: until
	// [Ring.Rotate]. [DefaultRotateEvery] is what is recommended.
	RotateEvery time.Duration
	// Clock returns the time; nil: [time.Now].
	Clock func() time.Time
	// Record writes down what is done to keys, in the transaction in which it is done;
	// an error undoes it. nil: it is not written down.
	Record func(ctx context.Context, e Event) error
	// Logger is told of what happens to keys; nil: nobody is.
	Logger *slog.Logger
}

// Event is something that was done to a key.
type Event struct {
	Action  string // signing_key.created, .revoked, .resealed or .deleted
	KeyID   string
	Details map[string]any
}

// Ring signs tokens and verifies them. It is safe for concurrent use.
type Ring struct {
	options RingOptions
	known   atomic.Pointer[snapshot] // nil until the first read

	// reading lets one reload at a time read and replace the snapshot, so that an
	// older reading never replaces a newer one.
	reading sync.Mutex
	shared  singleflight.Group // reloads that may be shared
	unknown attempt            // the latest reload for an unknown key id
	start   startDuties
}

// NewRing returns a ring that knows no keys yet; [Ring.Load] reads them.
func NewRing(o RingOptions) (*Ring, error) {
	var err error
	if o.Algorithm, err = ParseAlgorithm(string(o.Algorithm)); err != nil {
		return nil, err
	}
	switch {
	case o.Store == nil:
		return nil, errors.New("key ring: no store is given")
	case o.Sealer == nil:
		return nil, errors.New("key ring: no sealer is given")
	case o.TokenLifetime <= 0:
		return nil, errors.New("key ring: the lifetime of tokens must be positive")
	case o.PublishFor < 0 || o.RotateEvery < 0:
		return nil, errors.New("key ring: a duration is negative")
	}
	if o.PublishFor == 0 {
		o.PublishFor = DefaultPublishFor
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Ring{options: o}, nil
}

// now is the time as it is stored.
func (r *Ring) now() time.Time { return r.options.Clock().UTC().Truncate(time.Microsecond) }

// Sign signs claims, which must encode to a JSON object, with the key whose turn
// it is, and returns the token in compact form (RFC 7515 section 7.1) and the
// id of that key. The typ header is as given ("at+jwt", RFC 9068 section 2.1);
// it must be one of a few, since what signs is kept for each.
//
// It returns [ErrNotLoaded] if the keys have never been read and
// [ErrNoSigningKey] if none may sign, both of them [storage.ErrUnavailable]. It
// asks no store.
func (r *Ring) Sign(_ context.Context, typ string, claims any) (token, keyID string, err error) {
	s := r.known.Load()
	if s == nil {
		return "", "", ErrNotLoaded
	}
	key, err := s.signing(r.now())
	if err != nil {
		return "", "", err
	}
	token, err = key.sign(typ, claims)
	if err != nil {
		return "", "", fmt.Errorf("signing a token with key %s: %w", key.keyID, err)
	}
	return token, key.keyID, nil
}

func (m *material) sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding its claims: %w", err)
	}
	if typ == "" || len(payload) == 0 || payload[0] != '{' {
		return "", errors.New("it needs a type, and claims that are an object")
	}
	signer, err := m.signer(typ)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return "", err
	}
	if len(token) > MaxTokenBytes {
		return "", fmt.Errorf("it would be longer than %d bytes", MaxTokenBytes)
	}
	return token, nil
}

// read returns what the store has.
func (r *Ring) read(ctx context.Context) (*snapshot, error) {
	stored, err := r.options.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the signing keys: %w", err)
	}
	return newSnapshot(stored, r.options.Sealer, r.known.Load()), nil
}

// reload replaces the snapshot by what the store has now.
func (r *Ring) reload(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	next, err := r.read(ctx)
	if err != nil {
		return err
	}
	r.adopt(ctx, next)
	return nil
}

// adopt replaces the snapshot and says which keys have become known that cannot
// be used.
func (r *Ring) adopt(ctx context.Context, next *snapshot) {
	previous := r.known.Swap(next)
	for keyID, fault := range next.faults {
		if previous == nil || previous.faults[keyID] == nil {
			r.options.Logger.ErrorContext(ctx, "a signing key cannot be used", "kid", keyID, "error", faultError(keyID, fault))
		}
	}
}

// reloadTimeout bounds a shared reload, which belongs to none of its callers.
const reloadTimeout = 10 * time.Second

// refresh waits for a reload, which concurrent callers share, until ctx ends.
// The reload itself goes on: it must neither end with one of its callers nor
// take part in a transaction of theirs.
func (r *Ring) refresh(ctx context.Context) error {
	done := r.shared.DoChan("reload", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		return nil, r.reload(ctx)
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the signing keys: %w: %w", storage.ErrUnavailable, context.Cause(ctx))
	}
}

// Loaded reports whether the ring knows its keys and can sign with one of them
// now.
func (r *Ring) Loaded() bool {
	s := r.known.Load()
	if s == nil {
		return false
	}
	_, err := s.signing(r.now())
	return err == nil
}
