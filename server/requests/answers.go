package requests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// KeepAnswers is for how long an answer is kept.
const KeepAnswers = 24 * time.Hour

// ErrKeyReused says that an idempotency key was used for another request.
var ErrKeyReused = access.Refuse("idempotency_key_reused", "the Idempotency-Key was used for another request")

// errUnreadable says that an answer was sealed under a master key that the server has no
// more.
var errUnreadable = access.Refuse("idempotency_key_unreadable",
	"the request was carried out, but none of the server's master keys opens its answer: use another Idempotency-Key")

// Answers makes sending a request again safe. All fields are required.
type Answers struct {
	Store interface {
		storage.Transactor
		storage.RequestStore
	}
	Sealer *keys.Sealer
	Clock  func() time.Time
}

// Request is one that may be sent again.
type Request struct {
	Caller string         // whose it is: a key means nothing to anybody else
	Key    storage.Secret // chosen by the caller
	// Content is what makes two requests the same: method, path and body.
	Content []byte
}

func (r Request) answer(now time.Time) storage.IdempotentAnswer {
	sum := sha256.Sum256(r.Content)
	return storage.IdempotentAnswer{
		Caller: r.Caller, KeyDigest: r.Key.Digest(), Fingerprint: hex.EncodeToString(sum[:]), CreatedAt: now,
	}
}

func (r Request) purpose() string { return "idempotent-answer:" + r.Caller }

// Once runs act, unless the request was answered within the last day, and returns
// the answer and whether it is the earlier one. What act does to the store and the
// keeping of its answer are one transaction: either both are there or neither is. Of
// two that come at once one acts and the other gets its answer. An error of act is
// returned and not kept. It returns [ErrKeyReused] if the key was used for another
// request, and an access.Refusal idempotency_key_unreadable if the answer was sealed
// under a master key that was taken away.
//
// The answer is sealed under a key that is derived from the caller's idempotency
// key, of which only the digest is stored.
func (a *Answers) Once(ctx context.Context, r Request, act func(context.Context) ([]byte, error)) (answer []byte, again bool, err error) {
	answer, err = a.earlier(ctx, r)
	if !errors.Is(err, storage.ErrNotFound) {
		return answer, err == nil, err
	}
	taken := false
	err = a.Store.Transaction(ctx, func(ctx context.Context) error {
		pending := r.answer(a.Clock())
		if err := a.Store.CreateIdempotentAnswer(ctx, pending); err != nil {
			taken = errors.Is(err, storage.ErrConflict)
			return err
		}
		if answer, err = act(ctx); err != nil {
			return err
		}
		if pending.Sealed, err = a.Sealer.SealUnder(r.Key, answer, r.purpose()); err != nil {
			return err
		}
		return a.Store.CompleteIdempotentAnswer(ctx, pending)
	})
	if taken {
		answer, err = a.earlier(ctx, r)
		return answer, err == nil, err
	}
	if err != nil {
		return nil, false, err
	}
	return answer, false, nil
}

// earlier returns the answer that was kept, storage.ErrNotFound if there is none.
func (a *Answers) earlier(ctx context.Context, r Request) ([]byte, error) {
	want := r.answer(a.Clock())
	kept, err := a.Store.IdempotentAnswerOf(ctx, want.Caller, want.KeyDigest)
	if err != nil {
		return nil, err
	}
	if kept.Fingerprint != want.Fingerprint {
		return nil, ErrKeyReused
	}
	answer, err := a.Sealer.OpenUnder(r.Key, kept.Sealed, r.purpose())
	if errors.Is(err, keys.ErrSealed) && !a.Sealer.SealedUnderAny(kept.Sealed) {
		return nil, errors.Join(errUnreadable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening an idempotent answer: %w", err)
	}
	return answer, nil
}

// Sweep removes what is no longer kept: answers of more than a day ago and budgets
// of minutes that have passed.
func Sweep(ctx context.Context, store storage.RequestStore, now time.Time) error {
	_, errAnswers := store.SweepIdempotentAnswers(ctx, now.Add(-KeepAnswers))
	_, errBudgets := store.SweepBudgets(ctx, now.Add(-2*Window))
	return errors.Join(errAnswers, errBudgets)
}
