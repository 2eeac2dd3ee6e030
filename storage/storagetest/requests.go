package storagetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func newAnswer(caller string, n int) storage.IdempotentAnswer {
	return storage.IdempotentAnswer{Caller: caller, KeyDigest: digest(n), Fingerprint: digest(n + 1), CreatedAt: noon}
}

func testIdempotentAnswers(_ *testing.T, w *world) {
	a := newAnswer("workspace_api_token:1", 1)
	_, err := w.s.IdempotentAnswerOf(w.ctx, a.Caller, a.KeyDigest)
	w.wantErr("before", err, storage.ErrNotFound)
	w.wantErr("completing none", w.s.CompleteIdempotentAnswer(w.ctx, a), storage.ErrNotFound)
	w.ok(w.s.Transaction(w.ctx, func(ctx context.Context) error {
		w.ok(w.s.CreateIdempotentAnswer(ctx, a))
		a.Sealed = []byte{0, 1, 255}
		changed := a
		changed.Fingerprint, changed.CreatedAt = digest(9), hour // not replaced
		return w.s.CompleteIdempotentAnswer(ctx, changed)
	}))
	read := func(a storage.IdempotentAnswer) storage.IdempotentAnswer {
		return must(w.s.IdempotentAnswerOf(w.ctx, a.Caller, a.KeyDigest))(w)
	}
	equal(w, "completed", read(a), a)
	w.wantErr("used twice", w.s.CreateIdempotentAnswer(w.ctx, a), storage.ErrConflict)
	equal(w, "still the first", read(a), a)

	others, another := newAnswer("workspace_api_token:11", 1), newAnswer(a.Caller, 2)
	another.CreatedAt = hour
	w.ok(w.s.CreateIdempotentAnswer(w.ctx, others))
	w.ok(w.s.CreateIdempotentAnswer(w.ctx, another))
	equal(w, "somebody else's", read(others), others)
	equal(w, "another key", read(another), another)
	later := another
	later.CreatedAt = hour.Add(time.Minute)
	for _, wrong := range []func(*storage.IdempotentAnswer){
		func(a *storage.IdempotentAnswer) { a.Fingerprint = digest(9) }, func(a *storage.IdempotentAnswer) { a.Caller = others.Caller },
		func(a *storage.IdempotentAnswer) { a.KeyDigest = digest(1) },
	} {
		changed := later
		wrong(&changed)
		equal(w, "taking over another", must(w.s.TakeOverIdempotentAnswer(w.ctx, changed, later.CreatedAt))(w), false)
	}
	equal(w, "taken over too early", must(w.s.TakeOverIdempotentAnswer(w.ctx, later, hour))(w), false)
	equal(w, "taken over", must(w.s.TakeOverIdempotentAnswer(w.ctx, later, hour.Add(time.Second)))(w), true)
	equal(w, "taken over twice", must(w.s.TakeOverIdempotentAnswer(w.ctx, later, hour.Add(time.Second)))(w), false)
	equal(w, "taking over what has an answer", must(w.s.TakeOverIdempotentAnswer(w.ctx, a, hour))(w), false)
	another = later
	equal(w, "after it", read(another), another)
	_, err = w.s.IdempotentAnswerOf(w.ctx, "Workspace_api_token:1", a.KeyDigest)
	w.wantErr("a caller in another case", err, storage.ErrNotFound)

	equal(w, "swept too early", must(w.s.SweepIdempotentAnswers(w.ctx, noon))(w), int64(0))
	equal(w, "swept", must(w.s.SweepIdempotentAnswers(w.ctx, hour))(w), int64(2))
	_, err = w.s.IdempotentAnswerOf(w.ctx, a.Caller, a.KeyDigest)
	w.wantErr("after the sweep", err, storage.ErrNotFound)
	equal(w, "what is younger", read(another), another)
	w.ok(w.s.CreateIdempotentAnswer(w.ctx, a)) // the key can be used again
}

// testSameKeyAtOnce holds that who uses a key while another transaction does so waits
// for its end, and then is refused, or goes first after all.
func testSameKeyAtOnce(t *testing.T, w *world) {
	w.followsTheFirst(t, func(n int) (first, later func(ctx context.Context) error) {
		use := func(ctx context.Context) error { return w.s.CreateIdempotentAnswer(ctx, newAnswer("session:1", n)) }
		return use, func(ctx context.Context) error { return w.s.Transaction(ctx, use) }
	})
	for n := range 2 {
		a := newAnswer("session:1", n)
		must(w.s.IdempotentAnswerOf(w.ctx, a.Caller, a.KeyDigest))(w)
	}
}

// followsTheFirst does the same thing twice, the later while the transaction of the
// first goes on: it must wait for that, and be refused if it commits and succeed if it
// rolls back. acts returns the nth such thing.
func (w *world) followsTheFirst(t *testing.T, acts func(n int) (first, later func(ctx context.Context) error)) {
	t.Helper()
	for n, test := range []struct {
		name  string
		first error
		want  error
	}{{"committed", nil, storage.ErrConflict}, {"rolled back", errRollback, nil}} {
		first, later := acts(n)
		var ended atomic.Bool
		done, begun := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			<-done
			close(begun)
			err := later(w.ctx)
			if !ended.Load() {
				t.Errorf("%s: the later did not wait", test.name)
			}
			if test.want == nil {
				w.ok(err)
			} else {
				w.wantErr("the later", err, test.want)
			}
		})
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			w.ok(first(ctx))
			close(done)
			<-begun
			for range 50 { // time for the later to get to where it waits
				must(w.s.CountOrganizations(ctx))(w)
			}
			ended.Store(true)
			return test.first
		})
		if test.first == nil {
			w.ok(err)
		} else {
			w.wantErr("the first", err, test.first)
		}
		wg.Wait()
	}
}

func testBudgets(t *testing.T, w *world) {
	b := storage.Budget{Credential: "session:1", Window: noon.Truncate(time.Minute)}
	spend := func(what string, b storage.Budget, amount, want int64) {
		t.Helper()
		equal(w, what, must(w.s.SpendBudget(w.ctx, b, amount))(w), want)
	}
	spend("the first", b, 3, 3)
	spend("the second", b, 4, 7)
	spend("nothing", b, 0, 7)
	spend("at the same time elsewhere", storage.Budget{Credential: b.Credential, Window: b.Window.UTC()}, 1, 8)
	spend("somebody else's", storage.Budget{Credential: "Session:1", Window: b.Window}, 5, 5)
	later := storage.Budget{Credential: b.Credential, Window: b.Window.Add(time.Minute)}
	spend("the next window", later, 2, 2)
	spend("a great deal", later, 1<<40, 1<<40+2)

	equal(w, "swept too early", must(w.s.SweepBudgets(w.ctx, b.Window))(w), int64(0))
	equal(w, "swept", must(w.s.SweepBudgets(w.ctx, later.Window))(w), int64(2))
	spend("after the sweep", b, 1, 1)
	spend("what is younger", later, 1, 1<<40+3)
	w.batched(func(w *world) {
		for n := range 1100 { // more than any batch
			must(w.s.SpendBudget(w.ctx, storage.Budget{Credential: fmt.Sprint("session:", n), Window: noon}, 1))(w)
		}
	})
	equal(w, "swept, many", must(w.s.SweepBudgets(w.ctx, hour))(w), int64(1102))
}

// testBudgetsAtOnce holds that nothing is lost of what several spend at once, and
// that each is told another total.
func testBudgetsAtOnce(t *testing.T, w *world) {
	b := storage.Budget{Credential: "session:1", Window: noon}
	const callers, rounds = 8, 12
	var mu sync.Mutex
	var totals []int64
	together(callers, func(int) {
		for range rounds {
			total, err := w.s.SpendBudget(w.ctx, b, 3)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			totals = append(totals, total)
			mu.Unlock()
		}
	})
	slices.Sort(totals)
	want := make([]int64, callers*rounds)
	for n := range want {
		want[n] = int64(3 * (n + 1))
	}
	equal(w, "totals", totals, want)
}
