package gormstore

import (
	"context"
	"time"

	"kiket.dev/auth/storage"
)

// resets are those on forgotten passwords.
func (w *planned) resets() plannedCalls {
	s, account, code := w.s, "account", "code"
	r := storage.PasswordReset{
		Account: account, CodeDigest: code, CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour), NextAttemptAt: w.now.Add(-time.Minute),
	}
	return plannedCalls{
		"ClaimPasswordResets": func(ctx context.Context) error {
			if err := s.ReplacePasswordReset(ctx, r); err != nil {
				return err
			}
			return found(s.ClaimPasswordResets(ctx, w.now, w.now, 8))
		},
		"TryPasswordReset": func(ctx context.Context) error {
			if err := s.ReplacePasswordReset(ctx, r); err != nil {
				return err
			}
			return found(s.TryPasswordReset(ctx, account, 5, w.now))
		},
		"RecordPasswordReset": func(ctx context.Context) error { return found(s.RecordPasswordReset(ctx, r, w.now)) },
		"PasswordResetSent":   func(ctx context.Context) error { return s.PasswordResetSent(ctx, r, w.now) },
		"SpendPasswordReset":  func(ctx context.Context) error { return found(s.SpendPasswordReset(ctx, account, code, w.now)) },
		"EndPasswordReset":    func(ctx context.Context) error { return s.EndPasswordReset(ctx, account, w.now) },
		"SweepPasswordResets": func(ctx context.Context) error { return found(s.SweepPasswordResets(ctx, w.now)) },
	}
}
