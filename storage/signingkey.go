package storage

import (
	"context"
	"time"
)

// SigningKey is a key that signs tokens, as it is kept: its private part sealed
// under the master key.
type SigningKey struct {
	KeyID     string // kid, RFC 7638 thumbprint
	Algorithm string // JWS alg
	PublicJWK []byte // JSON, RFC 7517
	Sealed    []byte // private JWK, sealed
	CreatedAt time.Time
	// ActiveAt is when the key begins to sign. Until then it is only published.
	ActiveAt time.Time
	// RetiredAt is when a successor takes over; zero: none is planned. The key
	// stays published for TokenLifetime after it.
	RetiredAt time.Time
	// TokenLifetime is the longest life of a token that the key has signed.
	TokenLifetime time.Duration
	RevokedAt     time.Time // zero: not revoked
}

// SigningKeyStore keeps signing keys.
type SigningKeyStore interface {
	// CreateSigningKey stores k. ErrConflict if the key id is taken.
	CreateSigningKey(ctx context.Context, k SigningKey) error
	// SigningKeys returns all keys in order of ActiveAt, revoked ones too.
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// UpdateSigningKey replaces RetiredAt, TokenLifetime and Sealed of the key
	// with that id; ErrNotFound if there is none.
	UpdateSigningKey(ctx context.Context, k SigningKey) error
	// RevokeSigningKey revokes a key and reports whether this call did;
	// ErrNotFound if there is none.
	RevokeSigningKey(ctx context.Context, keyID string, at time.Time) (bool, error)
	// DeleteSigningKey removes a key; ErrNotFound if there is none. Tokens that
	// it signed are inactive from then on.
	DeleteSigningKey(ctx context.Context, keyID string) error
}
