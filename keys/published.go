package keys

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// Published is the document under which verifiers find the public keys.
type Published struct {
	JSON   []byte        // a JWK Set, RFC 7517 section 5
	ETag   string        // in quotes, as RFC 9110 section 8.8.3 has it
	MaxAge time.Duration // how long it may be cached
}

const (
	// publishPatience is how long a published set waits for the store.
	publishPatience = time.Second
	// staleMaxAge is how long a set may be cached that could not be compared with
	// the store and may lack a key that will sign soon.
	staleMaxAge = 10 * time.Second
)

// PublicKeys returns the keys that verifiers need: those that will sign, the one
// that signs, and those that have signed a token that may be alive. It reads the
// store first, so that a key is published by every replica from the moment that
// it exists. If the store does not answer within a second the keys that are known
// are returned, to be cached only briefly; [ErrNotLoaded] if there are none.
func (r *Ring) PublicKeys(ctx context.Context) (Published, error) {
	maxAge := r.options.PublishFor
	if err := r.refreshSoon(ctx); err != nil {
		if r.known.Load() == nil {
			return Published{}, fmt.Errorf("%w: %w", ErrNotLoaded, err)
		}
		maxAge = min(maxAge, staleMaxAge)
	}
	document := r.known.Load().document(r.now())
	if document == nil {
		return Published{}, ErrNotLoaded
	}
	sum := sha256.Sum256(document)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return Published{JSON: document, ETag: tag, MaxAge: maxAge}, nil
}

// Algorithms returns those of the keys that are published now, in order; of a ring
// that knows none yet, that of the key it would make.
func (r *Ring) Algorithms() []Algorithm {
	found := []Algorithm{}
	if s := r.known.Load(); s != nil {
		for i, k := range s.keys {
			if m := s.materials[k.KeyID]; m != nil && published(s.keys, i, r.now()) {
				found = append(found, m.algorithm)
			}
		}
	}
	if len(found) == 0 {
		found = append(found, r.options.Algorithm)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (r *Ring) refreshSoon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	return r.refresh(ctx)
}
