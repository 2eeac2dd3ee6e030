package storagetest

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// newReset returns a password reset that has not been stored.
func (w *world) newReset() storage.PasswordReset {
	return storage.PasswordReset{
		Account: digest(w.number()), CodeDigest: digest(w.number()), CreatedAt: noon, ExpiresAt: hour, Sealed: []byte("sealed"), NextAttemptAt: noon,
	}
}

func (w *world) reset() storage.PasswordReset {
	w.t.Helper()
	r := w.newReset()
	w.ok(w.s.ReplacePasswordReset(w.ctx, r))
	return r
}

func (w *world) wantNoTry(what, account string, most int, now time.Time) {
	w.t.Helper()
	_, err := w.s.TryPasswordReset(w.ctx, account, most, now)
	w.wantErr(what, err, storage.ErrNotFound)
}

func testPasswordResets(_ *testing.T, w *world) {
	r, other := w.reset(), w.reset()
	w.wantNoTry("of nobody", digest(w.number()), 5, noon)
	w.wantNoTry("of another case", strings.ToUpper(r.Account), 5, noon)
	w.wantNoTry("expired", r.Account, 5, hour)
	for range 3 {
		r.Tries++
		equal(w, "tried", must(w.s.TryPasswordReset(w.ctx, r.Account, 3, hour.Add(-time.Microsecond)))(w), r)
	}
	w.wantNoTry("too often", r.Account, 3, noon)

	equal(w, "with another's code", must(w.s.SpendPasswordReset(w.ctx, r.Account, other.CodeDigest, noon))(w), false)
	equal(w, "of another account", must(w.s.SpendPasswordReset(w.ctx, digest(w.number()), r.CodeDigest, noon))(w), false)
	equal(w, "spent", must(w.s.SpendPasswordReset(w.ctx, r.Account, r.CodeDigest, noon))(w), true)
	equal(w, "spent again", must(w.s.SpendPasswordReset(w.ctx, r.Account, r.CodeDigest, noon))(w), false)
	w.wantNoTry("spent", r.Account, 5, noon)

	other.Tries = 1
	equal(w, "the other, untouched", must(w.s.TryPasswordReset(w.ctx, other.Account, 5, noon))(w), other)
	w.ok(w.s.EndPasswordReset(w.ctx, other.Account, noon))
	w.wantNoTry("ended", other.Account, 5, noon)
	equal(w, "ended and spent", must(w.s.SpendPasswordReset(w.ctx, other.Account, other.CodeDigest, noon))(w), false)
	w.ok(w.s.EndPasswordReset(w.ctx, digest(w.number()), noon))

	next := w.newReset()
	next.Account = r.Account
	w.ok(w.s.ReplacePasswordReset(w.ctx, next))
	equal(w, "the old code", must(w.s.SpendPasswordReset(w.ctx, r.Account, r.CodeDigest, noon))(w), false)
	next.Tries = 1
	equal(w, "another", must(w.s.TryPasswordReset(w.ctx, next.Account, 5, noon))(w), next)

	equal(w, "swept before", must(w.s.SweepPasswordResets(w.ctx, hour))(w), int64(0))
	equal(w, "swept", must(w.s.SweepPasswordResets(w.ctx, hour.Add(time.Microsecond)))(w), int64(2))
	w.wantNoTry("swept", next.Account, 5, noon)
}

// claimResets claims what is due, which must be exactly those.
func (w *world) claimResets(what string, now time.Time, want ...storage.PasswordReset) []storage.PasswordReset {
	w.t.Helper()
	lease := now.Add(30 * time.Second)
	claimed := must(w.s.ClaimPasswordResets(w.ctx, now, lease, 10))(w)
	byAccount := func(a, b storage.PasswordReset) int { return strings.Compare(a.Account, b.Account) }
	slices.SortFunc(claimed, byAccount)
	slices.SortFunc(want, byAccount)
	for i := range want {
		want[i].Attempts, want[i].NextAttemptAt = want[i].Attempts+1, lease
	}
	equal(w, what, claimed, want)
	return claimed
}

func testPasswordResetMail(_ *testing.T, w *world) {
	r, other := w.reset(), w.reset()
	w.claimResets("before it is time", noon.Add(-time.Second))
	w.claimResets("claimed", noon, r, other)
	w.claimResets("claimed by somebody", noon.Add(29*time.Second))
	r.Attempts, other.Attempts = 1, 1

	equal(w, "recorded", must(w.s.RecordPasswordReset(w.ctx, r, noon))(w), true)
	equal(w, "recorded again", must(w.s.RecordPasswordReset(w.ctx, r, hour))(w), false)
	stranger := r
	stranger.CodeDigest = other.CodeDigest
	equal(w, "of another code", must(w.s.RecordPasswordReset(w.ctx, stranger, noon))(w), false)
	r.RecordedAt = noon

	again := noon.Add(time.Minute)
	w.ok(w.s.PasswordResetSent(w.ctx, r, again))
	w.ok(w.s.PasswordResetSent(w.ctx, other, time.Time{}))
	stale := r
	r = w.claimResets("again", again, r)[0]
	w.ok(w.s.PasswordResetSent(w.ctx, stale, time.Time{})) // late: it is somebody else's
	r = w.claimResets("after the lease", again.Add(31*time.Second), r)[0]
	w.ok(w.s.PasswordResetSent(w.ctx, r, time.Time{}))
	w.ok(w.s.PasswordResetSent(w.ctx, r, noon)) // sent is sent
	w.claimResets("sent", hour)
	sent := must(w.s.TryPasswordReset(w.ctx, r.Account, 5, noon))(w)
	equal(w, "what is kept of the mail", []any{len(sent.Sealed), sent.NextAttemptAt, sent.RecordedAt}, []any{0, time.Time{}, stored(noon)})

	replaced, ended, spent := w.reset(), w.reset(), w.reset()
	next := w.newReset()
	next.Account = replaced.Account
	w.ok(w.s.ReplacePasswordReset(w.ctx, next))
	w.ok(w.s.PasswordResetSent(w.ctx, replaced, time.Time{}))
	w.ok(w.s.EndPasswordReset(w.ctx, ended.Account, noon))
	must(w.s.SpendPasswordReset(w.ctx, spent.Account, spent.CodeDigest, noon))(w)
	w.claimResets("only what is open", noon, next)
}

// testPasswordResetsAtOnce holds that of many tries at once as many are let through as
// may be, that one spends the code, and that nobody sends what another does.
func testPasswordResetsAtOnce(t *testing.T, w *world) {
	for range 10 {
		r := w.reset()
		var tried, spent, claimed atomic.Int64
		together(8, func(int) {
			found, err := w.s.ClaimPasswordResets(w.ctx, noon, hour, 3)
			if err != nil {
				t.Error(err)
			}
			claimed.Add(int64(len(found)))
			if _, err := w.s.TryPasswordReset(w.ctx, r.Account, 5, noon); err == nil {
				tried.Add(1)
			}
		})
		together(8, func(int) {
			won, err := w.s.SpendPasswordReset(w.ctx, r.Account, r.CodeDigest, hour)
			if err != nil {
				t.Error(err)
			}
			if won {
				spent.Add(1)
			}
		})
		equal(w, "claimed, tried and spent", []int64{claimed.Load(), tried.Load(), spent.Load()}, []int64{1, 5, 1})
	}
}
