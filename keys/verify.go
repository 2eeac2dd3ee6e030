package keys

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"kiket.dev/auth/storage"
)

// MaxTokenBytes is the length of the longest token that is signed or looked at.
const MaxTokenBytes = 8 << 10

// Verified is what a token says, and the key that vouches for it.
type Verified struct {
	KeyID  string
	Claims []byte // a JSON object, as it was signed
}

// Verify checks that a token was signed by a key of the ring as a token of type
// typ, which is compared as a media type (RFC 7515 section 4.1.9): in any case
// and with or without "application/". It does not look at the claims: that the
// token has not expired, and was issued here, is for the caller to check. A token
// has one spelling only: a token that verifies has no second one that does by
// another encoding of the same bytes.
//
// Whatever is wrong with the token, [ErrInvalidToken] is returned. If its key is
// unknown the keys are read once more, and if that fails the error is
// [storage.ErrUnavailable], for the token may be good.
func (r *Ring) Verify(ctx context.Context, token, typ string) (Verified, error) {
	head, ok := parseHeader(token)
	if !ok || !sameType(head.typ, typ) {
		return Verified{}, ErrInvalidToken
	}
	key, err := r.lookUp(ctx, head.kid)
	if err != nil {
		return Verified{}, err
	}
	claims, ok := key.verify(token, head)
	if !ok {
		return Verified{}, ErrInvalidToken
	}
	return Verified{KeyID: key.keyID, Claims: claims}, nil
}

// header is the whole protected header of a token of ours.
type header struct{ alg, kid, typ string }

// parseHeader checks the form of a token and reads its header. A header of ours
// has three members; one with others (crit, b64, jwk, jku, x5u and whatever will
// be thought of) was not made here.
func parseHeader(token string) (header, bool) {
	if len(token) > MaxTokenBytes || strings.Count(token, ".") != 2 {
		return header{}, false
	}
	encoded, _, _ := strings.Cut(token, ".")
	raw, ok := decode(encoded)
	if !ok {
		return header{}, false
	}
	// This decoder, unlike the standard library's, takes a member's name to the
	// letter and refuses to see it twice.
	var members map[string]string
	if err := json.Unmarshal(raw, &members); err != nil || len(members) != 3 {
		return header{}, false
	}
	h := header{alg: members["alg"], kid: members["kid"], typ: members["typ"]}
	return h, h.alg != "" && h.kid != "" && h.typ != ""
}

// decode is base64url (RFC 4648 section 5) without padding, line breaks or stray
// bits at the end, all of which would give one text several spellings.
func decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return raw, err == nil
}

// sameType compares two values of typ.
func sameType(a, b string) bool {
	const prefix = "application/"
	a, b = strings.ToLower(a), strings.ToLower(b)
	return strings.TrimPrefix(a, prefix) == strings.TrimPrefix(b, prefix)
}

// verify checks the signature and returns the payload.
func (m *material) verify(token string, head header) ([]byte, bool) {
	if head.alg != string(m.algorithm) {
		return nil, false
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if raw, ok := decode(signature); !ok || len(raw) != m.signatureBytes {
		return nil, false
	}
	if raw, ok := decode(payload); !ok || len(raw) == 0 {
		return nil, false
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{m.algorithm.jose()})
	if err != nil {
		return nil, false
	}
	claims, err := parsed.Verify(m.public)
	return claims, err == nil
}

// attempt remembers a reload.
type attempt struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// unknownInterval is the least time between two reloads for key ids that are
// unknown: anyone can make one up.
const unknownInterval = time.Second

// lookUp returns the key with that id, and asks the store if it is unknown.
func (r *Ring) lookUp(ctx context.Context, keyID string) (*material, error) {
	if m, known := r.knownKey(keyID); m != nil {
		return m, nil
	} else if known {
		return nil, ErrInvalidToken
	}
	if raw, ok := decode(keyID); !ok || len(raw) != sha256.Size { // no thumbprint, so no key of ours
		return nil, ErrInvalidToken
	}
	if err := r.reloadForUnknown(ctx); err != nil {
		return nil, fmt.Errorf("verifying a token of an unknown key: %w", err)
	}
	if m, _ := r.knownKey(keyID); m != nil {
		return m, nil
	}
	return nil, ErrInvalidToken
}

// knownKey returns what verifies for a key id, nil if it is not to be trusted,
// and whether the key is known.
func (r *Ring) knownKey(keyID string) (m *material, known bool) {
	s := r.known.Load()
	if s == nil {
		return nil, false
	}
	if m = s.materials[keyID]; m != nil {
		return m, true
	}
	return nil, slices.ContainsFunc(s.keys, func(k storage.SigningKey) bool { return k.KeyID == keyID })
}

// reloadForUnknown reloads unless that was tried a moment ago, and then returns
// what came of it.
func (r *Ring) reloadForUnknown(ctx context.Context) error {
	done := r.shared.DoChan("unknown", func() (any, error) {
		r.unknown.mu.Lock()
		defer r.unknown.mu.Unlock()
		if since := r.now().Sub(r.unknown.at); since >= 0 && since < unknownInterval {
			return nil, r.unknown.err
		}
		ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
		defer cancel()
		r.unknown.err = r.reload(ctx)
		r.unknown.at = r.now()
		return nil, r.unknown.err
	})
	select {
	case result := <-done:
		if result.Err != nil && !errors.Is(result.Err, storage.ErrUnavailable) {
			return fmt.Errorf("%w: %w", storage.ErrUnavailable, result.Err)
		}
		return result.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, context.Cause(ctx))
	}
}
