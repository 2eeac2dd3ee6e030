package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type passwordResetRow struct {
	Account       string `gorm:"primaryKey"`
	CodeDigest    string
	CreatedAt     moment `gorm:"autoCreateTime:false"`
	ExpiresAt     moment
	Tries         int
	EndedAt       moment
	Sealed        []byte
	Attempts      int
	NextAttemptAt moment
	RecordedAt    moment
}

func (passwordResetRow) TableName() string { return "password_resets" }

func (r passwordResetRow) domain() storage.PasswordReset {
	return storage.PasswordReset{
		Account: r.Account, CodeDigest: r.CodeDigest, CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time(),
		Tries: r.Tries, EndedAt: r.EndedAt.time(), Sealed: r.Sealed, Attempts: r.Attempts,
		NextAttemptAt: r.NextAttemptAt.time(), RecordedAt: r.RecordedAt.time(),
	}
}

// ReplacePasswordReset implements [storage.PasswordResetStore].
func (s *Store) ReplacePasswordReset(ctx context.Context, r storage.PasswordReset) error {
	const doing = "storing a password reset"
	if err := storable(r.Account, r.CodeDigest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	_, err := s.change(ctx, doing, `INSERT INTO password_resets
			(account, code_digest, created_at, expires_at, tries, ended_at, sealed, attempts, next_attempt_at, recorded_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET code_digest = excluded.code_digest, created_at = excluded.created_at,
			expires_at = excluded.expires_at, tries = excluded.tries, ended_at = excluded.ended_at, sealed = excluded.sealed,
			attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at, recorded_at = excluded.recorded_at`,
		r.Account, r.CodeDigest, moment(r.CreatedAt), moment(r.ExpiresAt), r.Tries, moment(r.EndedAt),
		notNull(r.Sealed), r.Attempts, moment(r.NextAttemptAt), moment(r.RecordedAt))
	return err
}

// TryPasswordReset implements [storage.PasswordResetStore].
func (s *Store) TryPasswordReset(ctx context.Context, account string, most int, now time.Time) (storage.PasswordReset, error) {
	const doing = "trying a password reset"
	if err := findable(account); err != nil {
		return storage.PasswordReset{}, fmt.Errorf("%s: %w", doing, err)
	}
	var rows []passwordResetRow
	err := s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`UPDATE password_resets SET tries = tries + 1
			WHERE account = ? AND ended_at IS NULL AND expires_at > ? AND tries < ? RETURNING *`,
			account, moment(now), most).Scan(&rows).Error
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%s: %w", doing, storage.ErrNotFound)
	}
	if err != nil {
		return storage.PasswordReset{}, err
	}
	return rows[0].domain(), nil
}

// SpendPasswordReset implements [storage.PasswordResetStore].
func (s *Store) SpendPasswordReset(ctx context.Context, account, codeDigest string, at time.Time) (bool, error) {
	const doing = "spending a password reset"
	if err := findable(account, codeDigest); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.change(ctx, doing, endPasswordReset+" AND code_digest = ?", moment(at), []byte{}, account, codeDigest)
}

// EndPasswordReset implements [storage.PasswordResetStore].
func (s *Store) EndPasswordReset(ctx context.Context, account string, at time.Time) error {
	const doing = "ending a password reset"
	if err := findable(account); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	_, err := s.change(ctx, doing, endPasswordReset, moment(at), []byte{}, account)
	return err
}

const endPasswordReset = `UPDATE password_resets SET ended_at = ?, next_attempt_at = NULL, sealed = ?
	WHERE account = ? AND ended_at IS NULL`

// ClaimPasswordResets implements [storage.PasswordResetStore]. It looks first, so that
// asking often when there is nothing writes nothing.
func (s *Store) ClaimPasswordResets(ctx context.Context, now, lease time.Time, limit int) ([]storage.PasswordReset, error) {
	const doing, due = "claiming password resets", "next_attempt_at <= ?"
	var rows []passwordResetRow
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Select("account").Where(due, moment(now)).Limit(1).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	rows = nil
	err = s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`WITH mine AS (SELECT account FROM password_resets WHERE `+due+` ORDER BY next_attempt_at LIMIT ?`+s.dialect.skipLocked+`)
			UPDATE password_resets SET attempts = attempts + 1, next_attempt_at = ? WHERE account IN (SELECT account FROM mine) RETURNING *`,
			moment(now), max(limit, 0), moment(lease)).Scan(&rows).Error
	})
	return all(rows, passwordResetRow.domain), err
}

// RecordPasswordReset implements [storage.PasswordResetStore].
func (s *Store) RecordPasswordReset(ctx context.Context, r storage.PasswordReset, at time.Time) (bool, error) {
	const doing = "noting that a password reset is recorded"
	if err := findable(r.Account, r.CodeDigest); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.change(ctx, doing, `UPDATE password_resets SET recorded_at = ?
		WHERE account = ? AND code_digest = ? AND recorded_at IS NULL`, moment(at), r.Account, r.CodeDigest)
}

// PasswordResetSent implements [storage.PasswordResetStore].
func (s *Store) PasswordResetSent(ctx context.Context, r storage.PasswordReset, next time.Time) error {
	const doing = "noting what became of the mail of a password reset"
	if err := findable(r.Account, r.CodeDigest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	sealed := r.Sealed
	if next.IsZero() {
		sealed = nil
	}
	_, err := s.change(ctx, doing, `UPDATE password_resets SET next_attempt_at = ?, sealed = ?
		WHERE account = ? AND code_digest = ? AND attempts = ? AND next_attempt_at IS NOT NULL`,
		moment(next), notNull(sealed), r.Account, r.CodeDigest, r.Attempts)
	return err
}

// SweepPasswordResets implements [storage.PasswordResetStore].
func (s *Store) SweepPasswordResets(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping password resets", `DELETE FROM password_resets
		WHERE account IN (SELECT account FROM password_resets
			WHERE expires_at < ? ORDER BY expires_at LIMIT ?`+s.dialect.skipLocked+")", before)
}
