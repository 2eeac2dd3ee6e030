package requests

import (
	"context"
	"crypto/hmac"
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

// abandonedAfter is how long after its key was noted a request that waits for others, and
// has no answer, is taken to have ended with its process. It is longer than any waits.
const abandonedAfter = time.Minute

// ErrKeyInUse says that the request with the key is being carried out, or that the process
// ended a moment ago before its answer was known.
var ErrKeyInUse = access.Refuse("idempotency_key_in_use",
	"the request with this Idempotency-Key is being carried out, or the server ended meanwhile: try again in a minute, or with another key")

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
	// Keyed, since the content may hold a password, which a plain digest would let whoever
	// reads the database guess.
	fingerprint := hmac.New(sha256.New, []byte(r.Key.Reveal()))
	_, _ = fingerprint.Write(r.Content)
	return storage.IdempotentAnswer{
		Caller: r.Caller, KeyDigest: r.Key.Digest(), Fingerprint: hex.EncodeToString(fingerprint.Sum(nil)), CreatedAt: now,
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
	var acted []byte
	answer, again, err = a.begin(ctx, r, func(ctx context.Context) error {
		if acted, err = act(ctx); err != nil {
			return err
		}
		return a.complete(ctx, r, acted)
	})
	if err != nil || again {
		return answer, again, err
	}
	return acted, false, nil
}

// OnceAfter is [Answers.Once] for what waits for others, for which no transaction may.
// begin is one transaction with the noting of the key; what it returns is called when that
// is committed. Until its answer is known, the request is refused with [ErrKeyInUse] if it
// is sent again; a minute after it was, it is carried out again, since the process that
// did is gone. So it must be harmless to repeat.
func (a *Answers) OnceAfter(ctx context.Context, r Request, begin func(context.Context) (func(context.Context) ([]byte, error), error)) (answer []byte, again bool, err error) {
	var after func(context.Context) ([]byte, error)
	answer, again, err = a.begin(ctx, r, func(ctx context.Context) error {
		after, err = begin(ctx)
		return err
	})
	if err != nil || again {
		return answer, again, err
	}
	if answer, err = after(ctx); err != nil {
		return nil, false, err
	}
	// It is done, whether or not anybody still waits for the answer.
	return answer, false, a.complete(context.WithoutCancel(ctx), r, answer)
}

// begin returns the earlier answer to the request, or notes its key and acts in one
// transaction.
func (a *Answers) begin(ctx context.Context, r Request, act func(context.Context) error) (earlier []byte, again bool, err error) {
	earlier, err = a.earlier(ctx, r)
	if errors.Is(err, ErrKeyInUse) {
		return nil, false, a.takeOver(ctx, r, act)
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return earlier, err == nil, err
	}
	return a.first(ctx, r, act)
}

// first notes the key and acts in one transaction, unless somebody has noted it since.
func (a *Answers) first(ctx context.Context, r Request, act func(context.Context) error) (earlier []byte, again bool, err error) {
	taken := false
	err = a.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := a.Store.CreateIdempotentAnswer(ctx, r.answer(a.Clock())); err != nil {
			taken = errors.Is(err, storage.ErrConflict)
			return err
		}
		return act(ctx)
	})
	if taken {
		earlier, err = a.earlier(ctx, r)
		return earlier, err == nil, err
	}
	return nil, false, err
}

// takeOver acts in the place of a process that is gone.
func (a *Answers) takeOver(ctx context.Context, r Request, act func(context.Context) error) error {
	now := a.Clock()
	return a.Store.Transaction(ctx, func(ctx context.Context) error {
		mine, err := a.Store.TakeOverIdempotentAnswer(ctx, r.answer(now), now.Add(-abandonedAfter))
		if err != nil {
			return err
		}
		if !mine {
			return ErrKeyInUse
		}
		return act(ctx)
	})
}

// complete keeps the answer.
func (a *Answers) complete(ctx context.Context, r Request, answer []byte) error {
	kept := r.answer(a.Clock())
	var err error
	if kept.Sealed, err = a.Sealer.SealUnder(r.Key, answer, r.purpose()); err != nil {
		return err
	}
	return a.Store.CompleteIdempotentAnswer(ctx, kept)
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
	if len(kept.Sealed) == 0 {
		return nil, ErrKeyInUse
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
