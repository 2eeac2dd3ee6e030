package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type idempotentAnswerRow struct {
	Caller      string `gorm:"primaryKey"`
	KeyDigest   string `gorm:"primaryKey"`
	Fingerprint string
	Sealed      []byte
	CreatedAt   moment `gorm:"autoCreateTime:false"`
}

func (idempotentAnswerRow) TableName() string { return "idempotent_answers" }

func (r idempotentAnswerRow) domain() storage.IdempotentAnswer {
	return storage.IdempotentAnswer{
		Caller: r.Caller, KeyDigest: r.KeyDigest, Fingerprint: r.Fingerprint,
		Sealed: r.Sealed, CreatedAt: r.CreatedAt.time(),
	}
}

// CreateIdempotentAnswer implements [storage.RequestStore]. The primary key is what
// two transactions that use one key meet at.
func (s *Store) CreateIdempotentAnswer(ctx context.Context, a storage.IdempotentAnswer) error {
	row := idempotentAnswerRow{
		Caller: a.Caller, KeyDigest: a.KeyDigest, Fingerprint: a.Fingerprint,
		Sealed: []byte{}, CreatedAt: moment(a.CreatedAt),
	}
	return s.create(ctx, "creating an idempotent answer", &row, row.Caller, row.KeyDigest, row.Fingerprint)
}

// CompleteIdempotentAnswer implements [storage.RequestStore].
func (s *Store) CompleteIdempotentAnswer(ctx context.Context, a storage.IdempotentAnswer) error {
	const doing = "completing an idempotent answer"
	if err := findable(a.Caller, a.KeyDigest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing, "UPDATE idempotent_answers SET sealed = ? WHERE caller = ? AND key_digest = ?",
		notNull(a.Sealed), a.Caller, a.KeyDigest)
}

// TakeOverIdempotentAnswer implements [storage.RequestStore].
func (s *Store) TakeOverIdempotentAnswer(ctx context.Context, a storage.IdempotentAnswer, before time.Time) (bool, error) {
	const doing = "taking over an idempotent answer"
	if err := findable(a.Caller, a.KeyDigest, a.Fingerprint); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.change(ctx, doing, `UPDATE idempotent_answers SET created_at = ?
		WHERE caller = ? AND key_digest = ? AND fingerprint = ? AND created_at < ? AND length(sealed) = 0`,
		moment(a.CreatedAt), a.Caller, a.KeyDigest, a.Fingerprint, moment(before))
}

// IdempotentAnswerOf implements [storage.RequestStore].
func (s *Store) IdempotentAnswerOf(ctx context.Context, caller, keyDigest string) (storage.IdempotentAnswer, error) {
	var row idempotentAnswerRow
	err := s.first(ctx, "reading an idempotent answer", &row, "caller = ? AND key_digest = ?", caller, keyDigest)
	if err != nil {
		return storage.IdempotentAnswer{}, err
	}
	return row.domain(), nil
}

// SweepIdempotentAnswers implements [storage.RequestStore].
func (s *Store) SweepIdempotentAnswers(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping idempotent answers", `DELETE FROM idempotent_answers
		WHERE (caller, key_digest) IN (SELECT caller, key_digest FROM idempotent_answers
			WHERE created_at < ? ORDER BY created_at LIMIT ?`+s.dialect.skipLocked+")", before)
}

// SpendBudget implements [storage.RequestStore].
func (s *Store) SpendBudget(ctx context.Context, b storage.Budget, amount int64) (int64, error) {
	const doing = "spending a budget"
	if err := storable(b.Credential); err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	var spent int64
	err := s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`INSERT INTO budgets (credential, began_at, spent) VALUES (?, ?, ?)
			ON CONFLICT (credential, began_at) DO UPDATE SET spent = budgets.spent + excluded.spent
			RETURNING spent`, b.Credential, moment(b.Window), amount).Row().Scan(&spent)
	})
	return spent, err
}

// SweepBudgets implements [storage.RequestStore].
func (s *Store) SweepBudgets(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping budgets", `DELETE FROM budgets
		WHERE (credential, began_at) IN (SELECT credential, began_at FROM budgets
			WHERE began_at < ? ORDER BY began_at LIMIT ?`+s.dialect.skipLocked+")", before)
}
