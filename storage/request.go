package storage

import (
	"context"
	"time"
)

// IdempotentAnswer is the answer to a request that was sent with an idempotency
// key, kept so that sending it again does nothing again.
type IdempotentAnswer struct {
	Caller    string // whose key it is, such as workspace_api_token:42
	KeyDigest string // lower-case hex SHA-256 of the key
	// Fingerprint tells requests apart: lower-case hex SHA-256 of method, path and
	// body.
	Fingerprint string
	Sealed      []byte // the answer, under a key that the idempotency key is needed for
	CreatedAt   time.Time
}

// Budget is a number of requests that a credential may make in a window of time.
type Budget struct {
	Credential string    // such as workspace_api_token:42
	Window     time.Time // when the window began
}

// RequestStore keeps what is remembered of requests to the management API.
type RequestStore interface {
	// CreateIdempotentAnswer stores a without its answer. ErrConflict if the caller
	// has used the key; if another transaction is about to use it, the call waits for
	// that to end.
	CreateIdempotentAnswer(ctx context.Context, a IdempotentAnswer) error
	// CompleteIdempotentAnswer adds the answer to one that was created; ErrNotFound if
	// there is none.
	CompleteIdempotentAnswer(ctx context.Context, a IdempotentAnswer) error
	// TakeOverIdempotentAnswer sets the time of one that was created before the given
	// time, for the same request, and has no answer, to a.CreatedAt, and reports whether
	// this call did: of several at once, one is told true.
	TakeOverIdempotentAnswer(ctx context.Context, a IdempotentAnswer, before time.Time) (bool, error)
	// IdempotentAnswerOf returns ErrNotFound if the caller has not used the key.
	IdempotentAnswerOf(ctx context.Context, caller, keyDigest string) (IdempotentAnswer, error)
	// SweepIdempotentAnswers removes those created before the given time.
	SweepIdempotentAnswers(ctx context.Context, before time.Time) (int64, error)

	// SpendBudget takes amount from a budget that every replica shares and returns
	// how much has been taken in all, amount included.
	SpendBudget(ctx context.Context, b Budget, amount int64) (int64, error)
	// SweepBudgets removes those whose window began before the given time.
	SweepBudgets(ctx context.Context, before time.Time) (int64, error)
}
