package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type signingKeyRow struct {
	KeyID         string `gorm:"primaryKey"`
	Algorithm     string
	PublicJWK     []byte `gorm:"column:public_jwk"`
	Sealed        []byte
	CreatedAt     moment `gorm:"autoCreateTime:false"`
	ActiveAt      moment
	RetiredAt     moment
	TokenLifetime int64 // nanoseconds
	RevokedAt     moment
}

func (signingKeyRow) TableName() string { return "signing_keys" }

func (r signingKeyRow) domain() storage.SigningKey {
	return storage.SigningKey{
		KeyID: r.KeyID, Algorithm: r.Algorithm, PublicJWK: r.PublicJWK, Sealed: r.Sealed,
		CreatedAt: r.CreatedAt.time(), ActiveAt: r.ActiveAt.time(), RetiredAt: r.RetiredAt.time(),
		TokenLifetime: time.Duration(r.TokenLifetime), RevokedAt: r.RevokedAt.time(),
	}
}

// CreateSigningKey implements [storage.SigningKeyStore].
func (s *Store) CreateSigningKey(ctx context.Context, k storage.SigningKey) error {
	row := signingKeyRow{
		KeyID: k.KeyID, Algorithm: k.Algorithm, PublicJWK: notNull(k.PublicJWK), Sealed: notNull(k.Sealed),
		CreatedAt: moment(k.CreatedAt), ActiveAt: moment(k.ActiveAt), RetiredAt: moment(k.RetiredAt),
		TokenLifetime: int64(k.TokenLifetime), RevokedAt: moment(k.RevokedAt),
	}
	return s.create(ctx, "creating a signing key", &row, row.KeyID, row.Algorithm)
}

// SigningKeys implements [storage.SigningKeyStore].
func (s *Store) SigningKeys(ctx context.Context) ([]storage.SigningKey, error) {
	var rows []signingKeyRow
	err := s.read(ctx, "reading the signing keys", func(db *gorm.DB) error {
		return db.Order("active_at, created_at, key_id").Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	keys := make([]storage.SigningKey, len(rows))
	for i, r := range rows {
		keys[i] = r.domain()
	}
	return keys, nil
}

// UpdateSigningKey implements [storage.SigningKeyStore].
func (s *Store) UpdateSigningKey(ctx context.Context, k storage.SigningKey) error {
	const doing = "updating a signing key"
	if err := findable(k.KeyID); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing,
		"UPDATE signing_keys SET retired_at = ?, token_lifetime = ?, sealed = ? WHERE key_id = ?",
		moment(k.RetiredAt), int64(k.TokenLifetime), notNull(k.Sealed), k.KeyID)
}

// RevokeSigningKey implements [storage.SigningKeyStore].
func (s *Store) RevokeSigningKey(ctx context.Context, keyID string, at time.Time) (bool, error) {
	const doing = "revoking a signing key"
	if err := findable(keyID); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.changeOnce(ctx, doing,
		"UPDATE signing_keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL", []any{moment(at), keyID},
		"SELECT 1 FROM signing_keys WHERE key_id = ?", keyID)
}

// DeleteSigningKey implements [storage.SigningKeyStore].
func (s *Store) DeleteSigningKey(ctx context.Context, keyID string) error {
	const doing = "deleting a signing key"
	if err := findable(keyID); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing, "DELETE FROM signing_keys WHERE key_id = ?", keyID)
}
