package gormstore

import (
	"context"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type clientSecretRow struct {
	ID            int64
	ClientID      int64
	Digest        string
	Prefix        string
	CreatedAt     moment `gorm:"autoCreateTime:false"`
	ExpiresAt     moment
	LastUsedAt    moment
	ClosedAt      moment
	TokensRevoked bool

	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedServerID  reference
}

func (clientSecretRow) TableName() string { return "client_secrets" }

func secretRow(clientID int64, s storage.ClientSecret) clientSecretRow {
	return clientSecretRow{
		ClientID: clientID, Digest: s.Digest, Prefix: s.Prefix,
		CreatedAt: moment(s.CreatedAt), ExpiresAt: moment(s.ExpiresAt), LastUsedAt: moment(s.LastUsedAt),
		ClosedAt: moment(s.ClosedAt), TokensRevoked: s.TokensRevoked,
		LastUsedAddress: legible(s.LastUsedAddress), LastUsedUserAgent: legible(s.LastUsedUserAgent), LastUsedServerID: reference(s.LastUsedServerID),
	}
}

// AddClientSecret implements [storage.ClientStore].
func (s *Store) AddClientSecret(ctx context.Context, organizationID, clientID int64, secret *storage.ClientSecret) error {
	const doing = "adding a client secret"
	row := secretRow(clientID, *secret)
	err := s.Transaction(ctx, func(ctx context.Context) error {
		if err := s.holdClient(ctx, doing, organizationID, clientID); err != nil {
			return err
		}
		return s.create(ctx, doing, &row, row.Digest, row.Prefix)
	})
	if err != nil {
		return err
	}
	secret.ID = row.ID
	return nil
}

// ExpireClientSecrets implements [storage.ClientStore].
func (s *Store) ExpireClientSecrets(ctx context.Context, organizationID, clientID, keep int64, at time.Time) error {
	const doing = "expiring client secrets"
	return s.Transaction(ctx, func(ctx context.Context) error {
		if err := s.holdClient(ctx, doing, organizationID, clientID); err != nil {
			return err
		}
		return s.write(ctx, doing, func(db *gorm.DB) error {
			return db.Exec(`UPDATE client_secrets SET expires_at = ?
				WHERE client_id = ? AND id <> ? AND closed_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
				moment(at), clientID, keep, moment(at)).Error
		})
	})
}

// holdClient keeps everybody else from changing the client or its set of secrets
// until the transaction in ctx ends, so that of two rotations the later finds the
// secret that the earlier added. ErrNotFound if the organization has no such client.
func (s *Store) holdClient(ctx context.Context, doing string, organizationID, clientID int64) error {
	where, args := owned(organizationID)
	return s.mustChange(ctx, doing, "UPDATE clients SET name = name WHERE "+where+" AND id = ?", append(args, clientID)...)
}

// CloseClientSecret implements [storage.ClientStore]. The access tokens that were
// fetched with a closed secret can still be ended: then it is closed again to that
// end, which is no closing.
func (s *Store) CloseClientSecret(ctx context.Context, organizationID, clientID, secretID int64, at time.Time, revokeTokens bool) (bool, error) {
	const doing = "closing a client secret"
	owns, args := owned(organizationID)
	where := "id = ? AND client_id = (SELECT id FROM clients WHERE id = ? AND " + owns + ")"
	args = append([]any{secretID, clientID}, args...)
	closed, err := s.changeOnce(ctx, doing,
		"UPDATE client_secrets SET closed_at = ?, tokens_revoked = ? WHERE "+where+" AND closed_at IS NULL",
		append([]any{moment(at), revokeTokens}, args...),
		"SELECT 1 FROM client_secrets WHERE "+where, args...)
	if err != nil || closed || !revokeTokens {
		return closed, err
	}
	return false, s.mustChange(ctx, doing, "UPDATE client_secrets SET tokens_revoked = TRUE WHERE "+where, args...)
}
