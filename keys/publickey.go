package keys

import (
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/storage"
)

// PublicKey is the public part of a signing key by itself, for what has to be verified
// when the ring has long forgotten the key.
type PublicKey struct{ material *material }

// ParsePublicKey reads a public JWK as [Ring.PublicKey] returns it. Its kid must be its
// thumbprint (RFC 7638).
func ParsePublicKey(jwk []byte) (PublicKey, error) {
	var public jose.JSONWebKey
	if err := public.UnmarshalJSON(jwk); err != nil {
		return PublicKey{}, fmt.Errorf("reading a public key: %w", err)
	}
	m, err := readMaterial(storage.SigningKey{KeyID: public.KeyID, Algorithm: public.Algorithm, PublicJWK: jwk})
	if err != nil {
		return PublicKey{}, fmt.Errorf("reading a public key: %w", err)
	}
	return PublicKey{m}, nil
}

// PublicKey returns the public JWK of a key that the ring knows; false if it knows none
// with that id or does not trust it.
func (r *Ring) PublicKey(keyID string) ([]byte, bool) {
	m, _ := r.knownKey(keyID)
	if m == nil {
		return nil, false
	}
	return m.document, true
}

// KeyID returns the id.
func (k PublicKey) KeyID() string { return k.material.keyID }

// Verify is [Ring.Verify] with this key, whatever has become of it: it returns the
// claims, or [ErrInvalidToken].
func (k PublicKey) Verify(token, typ string) ([]byte, error) {
	head, ok := parseHeader(token)
	if !ok || !sameType(head.typ, typ) || head.kid != k.material.keyID {
		return nil, ErrInvalidToken
	}
	claims, ok := k.material.verify(token, head)
	if !ok {
		return nil, ErrInvalidToken
	}
	return claims, nil
}

// TokenKeyID returns the kid that a token of that type names, without looking at its
// signature; false if it is none that a ring could have signed.
func TokenKeyID(token, typ string) (string, bool) {
	head, ok := parseHeader(token)
	return head.kid, ok && sameType(head.typ, typ)
}
