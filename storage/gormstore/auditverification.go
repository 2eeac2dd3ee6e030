package gormstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type auditVerificationRow struct {
	Chain        int64 `gorm:"primaryKey;autoIncrement:false"`
	Sequence     int64
	Hash         blob
	VerifiedAt   moment
	FullAt       moment
	Findings     string // JSON
	MoreFindings int64
	ClaimedUntil moment
}

func (auditVerificationRow) TableName() string { return "audit_verifications" }

// auditFindingRow is a finding as it lies in the column.
type auditFindingRow struct {
	Kind     string `json:"kind"`
	Sequence int64  `json:"sequence"`
	EventID  int64  `json:"event_id"`
	Detail   string `json:"detail"`
}

func (r auditVerificationRow) domain() (storage.AuditVerification, error) {
	v := storage.AuditVerification{
		OrganizationID: r.Chain, Sequence: r.Sequence, Hash: r.Hash, At: r.VerifiedAt.time(), FullAt: r.FullAt.time(),
		More: r.MoreFindings, ClaimedUntil: r.ClaimedUntil.time(),
	}
	if r.Findings == "" {
		return v, nil
	}
	var found []auditFindingRow
	if err := json.Unmarshal([]byte(r.Findings), &found); err != nil {
		return v, fmt.Errorf("findings in the audit events of organization %d: %w", r.Chain, err)
	}
	v.Findings = all(found, func(f auditFindingRow) storage.AuditFinding { return storage.AuditFinding(f) })
	return v, nil
}

func encodeFindings(findings []storage.AuditFinding) (string, error) {
	if len(findings) == 0 {
		return "", nil
	}
	text, err := json.Marshal(all(findings, func(f storage.AuditFinding) auditFindingRow {
		f.Detail = legible(f.Detail)
		return auditFindingRow(f)
	}))
	return string(text), err
}

// AuditVerifications implements [storage.AuditVerificationStore].
func (s *Store) AuditVerifications(ctx context.Context) ([]storage.AuditVerification, error) {
	var rows []auditVerificationRow
	err := s.read(ctx, "reading the verifications of audit events", func(db *gorm.DB) error { return db.Order("chain").Find(&rows).Error })
	if err != nil {
		return nil, err
	}
	verifications := make([]storage.AuditVerification, len(rows))
	for i, r := range rows {
		if verifications[i], err = r.domain(); err != nil {
			return nil, err
		}
	}
	return verifications, nil
}

// AuditVerificationOf implements [storage.AuditVerificationStore].
func (s *Store) AuditVerificationOf(ctx context.Context, organizationID int64) (storage.AuditVerification, error) {
	var row auditVerificationRow
	err := s.first(ctx, "reading the verification of audit events", &row, "chain = ?", organizationID)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.AuditVerification{OrganizationID: organizationID}, nil
	}
	if err != nil {
		return storage.AuditVerification{}, err
	}
	return row.domain()
}

// ClaimAuditVerification implements [storage.AuditVerificationStore]. One statement makes
// the row or claims it, so that of several replicas one goes to work.
func (s *Store) ClaimAuditVerification(ctx context.Context, organizationID int64, due, now, until time.Time) (storage.AuditVerification, bool, error) {
	const doing = "claiming a verification of audit events"
	claimed, err := s.change(ctx, doing, `INSERT INTO audit_verifications (chain, sequence, hash, verified_at, full_at, findings, more_findings, claimed_until)
		VALUES (?, 0, NULL, NULL, NULL, '', 0, ?)
		ON CONFLICT (chain) DO UPDATE SET claimed_until = excluded.claimed_until
		WHERE (audit_verifications.verified_at IS NULL OR audit_verifications.verified_at <= ?)
			AND (audit_verifications.claimed_until IS NULL OR audit_verifications.claimed_until <= ?)`,
		organizationID, moment(until), moment(due), moment(now))
	if err != nil {
		return storage.AuditVerification{}, false, err
	}
	var row auditVerificationRow
	if err := s.first(ctx, doing, &row, "chain = ?", organizationID); err != nil {
		return storage.AuditVerification{}, false, err
	}
	v, err := row.domain()
	return v, claimed, err
}

// HoldAuditVerification implements [storage.AuditVerificationStore].
func (s *Store) HoldAuditVerification(ctx context.Context, v storage.AuditVerification, until time.Time) (bool, error) {
	return s.change(ctx, "holding a verification of audit events",
		"UPDATE audit_verifications SET claimed_until = ? WHERE chain = ? AND claimed_until = ?",
		moment(until), v.OrganizationID, moment(v.ClaimedUntil))
}

// FinishAuditVerification implements [storage.AuditVerificationStore].
func (s *Store) FinishAuditVerification(ctx context.Context, v storage.AuditVerification) (bool, error) {
	const doing = "finishing a verification of audit events"
	findings, err := encodeFindings(v.Findings)
	if err == nil {
		err = storable(findings)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.change(ctx, doing, `UPDATE audit_verifications
		SET sequence = ?, hash = ?, verified_at = ?, full_at = ?, findings = ?, more_findings = ?, claimed_until = NULL
		WHERE chain = ? AND claimed_until = ?`,
		v.Sequence, blob(v.Hash), moment(v.At), moment(v.FullAt), findings, v.More, v.OrganizationID, moment(v.ClaimedUntil))
}
