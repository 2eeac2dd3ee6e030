package storage

import (
	"context"
	"time"
)

// PasswordReset is that somebody asked for another password for an address, whether or
// not there is such a person: the code that it takes, and the mail that brings it. An
// address has one at most.
type PasswordReset struct {
	Account    string // lower-case hex SHA-256 of the address in lower case
	CodeDigest string // lower-case hex SHA-256 of the code
	CreatedAt  time.Time
	ExpiresAt  time.Time
	Tries      int       // codes that were tried, right or wrong
	EndedAt    time.Time // zero: the code has not been used, and the password not been changed
	// Sealed is the mail; empty when it is not to be sent any more.
	Sealed []byte
	// Attempts is how often somebody has begun to send the mail. It also tells those apart
	// who did.
	Attempts      int
	NextAttemptAt time.Time // zero: the mail is not to be sent any more
	RecordedAt    time.Time // zero: it has not been written to the audit log
}

// PasswordResetStore keeps what was asked for until it is swept.
type PasswordResetStore interface {
	// ReplacePasswordReset stores r in the place of any that its account has.
	ReplacePasswordReset(ctx context.Context, r PasswordReset) error
	// TryPasswordReset counts a try and returns the account's, with that try. ErrNotFound
	// unless there is one that has not ended, expires after now and had fewer tries than
	// most. Of several at once no more than that many are told something else.
	TryPasswordReset(ctx context.Context, account string, most int, now time.Time) (PasswordReset, error)
	// SpendPasswordReset ends the account's if it has not ended and is that of the code,
	// and reports whether it did: of several at once, one is told true. Its mail is not
	// sent any more.
	SpendPasswordReset(ctx context.Context, account, codeDigest string, at time.Time) (bool, error)
	// EndPasswordReset ends the account's, whatever its code, if there is one.
	EndPasswordReset(ctx context.Context, account string, at time.Time) error
	// ClaimPasswordResets gives those, at most limit, whose mail is to be sent and not
	// after now, to the caller alone: it counts an attempt and puts the next one off until
	// lease, by when the caller must have reported.
	ClaimPasswordResets(ctx context.Context, now, lease time.Time, limit int) ([]PasswordReset, error)
	// RecordPasswordReset notes that r is written to the audit log, and reports whether
	// nobody had before.
	RecordPasswordReset(ctx context.Context, r PasswordReset, at time.Time) (bool, error)
	// PasswordResetSent notes when the mail of r is sent again; zero: not any more. It does
	// nothing if somebody has claimed r since, or something else has been asked for.
	PasswordResetSent(ctx context.Context, r PasswordReset, next time.Time) error
	// SweepPasswordResets removes those that expired before the given time and returns how
	// many.
	SweepPasswordResets(ctx context.Context, before time.Time) (int64, error)
}
