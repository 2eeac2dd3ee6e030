package storage

import (
	"context"
	"time"
)

// AssertionStore remembers the assertions that clients have authenticated with, so
// that each is used once (RFC 7523 section 3).
type AssertionStore interface {
	// SpendAssertion notes that the client has used its assertion with that jti, which
	// may be any sequence of bytes. ErrConflict if it was used before: of several at
	// once, on whatever replicas, one is told nil, and by then it is on disk. A call
	// that fails otherwise may have used it up. It is remembered until it is swept;
	// expiresAt, by when nobody may accept it any more, must lie before the year 10000.
	// Whether there is such a client is not looked at.
	SpendAssertion(ctx context.Context, clientID int64, jti string, expiresAt time.Time) error
	// SweepAssertions removes those that expired before the given time and returns how
	// many.
	SweepAssertions(ctx context.Context, before time.Time) (int64, error)
}
