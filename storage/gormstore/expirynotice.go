package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// OrganizationsToNotify implements [storage.ExpiryNoticeStore]. The two tables are asked
// by their indexes of what expires.
func (s *Store) OrganizationsToNotify(ctx context.Context, q storage.ExpiryQuestion, after int64, limit int) ([]int64, error) {
	const untold = ` AND NOT EXISTS (SELECT 1 FROM expiry_notices n
		WHERE n.organization_id = %s.organization_id AND n.credential_kind = %s AND n.credential_id = %s.id AND n.stage = ?)`
	tokens := "SELECT t.organization_id FROM tokens t WHERE t.kind IN ('workspace_api_token', 'extension_key') AND t.revoked_at IS NULL" +
		" AND t.expires_at > ? AND t.expires_at <= ?" + fmt.Sprintf(untold, "t", "t.kind", "t")
	secrets := "SELECT c.organization_id FROM client_secrets s JOIN clients c ON c.id = s.client_id" +
		" WHERE s.closed_at IS NULL AND s.expires_at > ? AND s.expires_at <= ? AND c.kind = 'application'" +
		fmt.Sprintf(untold, "c", "'"+string(storage.ClientSecretCredential)+"'", "s")
	var ids []int64
	err := s.read(ctx, "looking for what expires", func(db *gorm.DB) error {
		return db.Raw(`SELECT o.id FROM organizations o WHERE o.id IN (`+tokens+` UNION ALL `+secrets+`)
			AND o.id > ? AND (o.expiry_digest_at IS NULL OR o.expiry_digest_at < ?) ORDER BY o.id LIMIT ?`,
			moment(q.After), moment(q.Until), q.Stage, moment(q.After), moment(q.Until), q.Stage,
			after, moment(q.DigestBefore), max(limit, 0)).Scan(&ids).Error
	})
	return ids, err
}

// NoteExpiry implements [storage.ExpiryNoticeStore].
func (s *Store) NoteExpiry(ctx context.Context, n storage.ExpiryNotice) (bool, error) {
	const doing = "noting that something expires"
	if err := storable(string(n.Credential.Kind)); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.change(ctx, doing, `INSERT INTO expiry_notices (organization_id, credential_kind, credential_id, stage, noted_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		n.OrganizationID, string(n.Credential.Kind), n.Credential.ID, n.Stage, moment(n.NotedAt))
}

// SweepExpiryNotices implements [storage.ExpiryNoticeStore].
func (s *Store) SweepExpiryNotices(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping expiry notices", `DELETE FROM expiry_notices
		WHERE (organization_id, credential_kind, credential_id, stage) IN
			(SELECT organization_id, credential_kind, credential_id, stage FROM expiry_notices
			WHERE noted_at < ? ORDER BY noted_at LIMIT ?`+s.dialect.skipLocked+")", before)
}
