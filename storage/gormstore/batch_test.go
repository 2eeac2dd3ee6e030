package gormstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"kiket.dev/auth/storage"
)

// square answers each number with its square.
func square(_ context.Context, keys []int) ([]answer[int], error) {
	answers := make([]answer[int], len(keys))
	for i, key := range keys {
		answers[i].value = key * key
	}
	return answers, nil
}

func TestBatchLoneCallIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batcher[int, int]{timeout: time.Second, send: square}
		before := time.Now()
		got, err := b.do(t.Context(), 7)
		if got != 49 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		synctest.Wait()
		if b.workers != 0 || b.waiting != nil {
			t.Errorf("%d workers and %d calls are left", b.workers, len(b.waiting))
		}
	})
}

// gated is a batcher whose statements wait until they are let go.
func gated(sizes *[]int, gate <-chan struct{}) *batcher[int, int] {
	var mu sync.Mutex
	return &batcher[int, int]{timeout: time.Second, send: func(ctx context.Context, keys []int) ([]answer[int], error) {
		mu.Lock()
		*sizes = append(*sizes, len(keys))
		mu.Unlock()
		select {
		case <-gate:
			return square(ctx, keys)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

func TestBatchGathersWhileOneIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		gate := make(chan struct{})
		b := gated(&sizes, gate)
		var wg sync.WaitGroup
		call := func(key int) {
			wg.Go(func() {
				if got, err := b.do(t.Context(), key); got != key*key || err != nil {
					t.Errorf("%d: got %d, %v", key, got, err)
				}
			})
		}
		call(1)
		synctest.Wait()
		for key := range 20 {
			call(key)
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if fmt.Sprint(sizes) != "[1 20]" {
			t.Errorf("batches of %v, want one and then the rest", sizes)
		}
	})
}

func TestBatchStartsMoreWorkersWhenBehind(t *testing.T) {
	for name, behind := range map[string]func(call func(int)){
		"much waits": func(call func(int)) {
			for key := range batchSize/2 + 1 {
				call(key)
			}
		},
		"the first is slow": func(call func(int)) {
			call(1)
			time.Sleep(2 * batchSlow)
			call(2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sizes []int
				gate := make(chan struct{})
				b := gated(&sizes, gate)
				var wg sync.WaitGroup
				call := func(key int) {
					wg.Go(func() { _, _ = b.do(t.Context(), key) })
					synctest.Wait()
				}
				call(0)
				behind(call)
				if len(sizes) < 2 {
					t.Errorf("batches of %v under way, want a second", sizes)
				}
				close(gate)
				wg.Wait()
			})
		})
	}
}

func TestBatchCancelledCallerHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		gate := make(chan struct{})
		b := gated(&sizes, gate)
		ctx, cancel := context.WithCancel(t.Context())
		outcome := make([]error, 3)
		var wg sync.WaitGroup
		call := func(n int, ctx context.Context) {
			wg.Go(func() { _, outcome[n] = b.do(ctx, n) })
			synctest.Wait()
		}
		call(0, ctx)         // sent, and then given up
		call(1, ctx)         // given up before it is sent
		call(2, t.Context()) // travels with it
		cancel()
		synctest.Wait()
		if !errors.Is(outcome[0], context.Canceled) || !errors.Is(outcome[1], context.Canceled) {
			t.Errorf("cancelled calls: %v, %v", outcome[0], outcome[1])
		}
		close(gate)
		wg.Wait()
		if outcome[2] != nil {
			t.Errorf("the other call: %v", outcome[2])
		}
		if fmt.Sprint(sizes) != "[1 1]" {
			t.Errorf("batches of %v: what was given up was sent", sizes)
		}
	})
}

func TestBatchIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		b := gated(&sizes, nil) // nothing ever answers
		var wg sync.WaitGroup
		before := time.Now()
		for key := range 10 * batchSize {
			wg.Go(func() {
				if _, err := b.do(t.Context(), key); !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if waited := time.Since(before); waited > b.timeout {
			t.Errorf("the last was told after %v", waited)
		}
		time.Sleep(10 * b.timeout) // on the test's own clock
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.workers != 0 || b.waiting != nil {
			t.Errorf("%d workers and %d calls are left", b.workers, len(b.waiting))
		}
	})
}

func TestBatchFailures(t *testing.T) {
	poison := errors.New("poison")
	for name, test := range map[string]struct {
		send  func(ctx context.Context, keys []int) ([]answer[int], error)
		check func(key int, err error) bool
		sent  int
	}{
		"one poisonous key": {
			send: func(ctx context.Context, keys []int) ([]answer[int], error) {
				for _, key := range keys {
					if key == 3 {
						return nil, poison
					}
				}
				return square(ctx, keys)
			},
			check: func(key int, err error) bool { return (key == 3) == errors.Is(err, poison) },
			sent:  1 + 1 + 10,
		},
		"unavailable": {
			send:  func(context.Context, []int) ([]answer[int], error) { return nil, storage.ErrUnavailable },
			check: func(_ int, err error) bool { return errors.Is(err, storage.ErrUnavailable) },
			sent:  1 + 1,
		},
		"panic": {
			send: func(ctx context.Context, keys []int) ([]answer[int], error) {
				for _, key := range keys {
					if key == 3 {
						panic("oh")
					}
				}
				return square(ctx, keys)
			},
			check: func(key int, err error) bool { return (key == 3) == (err != nil) },
			sent:  1 + 1 + 10,
		},
		"too few answers": {
			send:  func(context.Context, []int) ([]answer[int], error) { return nil, nil },
			check: func(_ int, err error) bool { return err != nil },
			sent:  1 + 1 + 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := make(chan struct{})
				var sent atomic.Int64
				b := &batcher[int, int]{timeout: time.Second, send: func(ctx context.Context, keys []int) ([]answer[int], error) {
					sent.Add(1)
					<-gate
					return test.send(ctx, keys)
				}}
				var wg sync.WaitGroup
				for _, key := range []int{100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9} {
					wg.Go(func() {
						if _, err := b.do(t.Context(), key); !test.check(key, err) {
							t.Errorf("key %d: %v", key, err)
						}
					})
					synctest.Wait()
				}
				close(gate)
				wg.Wait()
				synctest.Wait()
				if int(sent.Load()) != test.sent || b.workers != 0 {
					t.Errorf("%d statements, want %d; %d workers are left", sent.Load(), test.sent, b.workers)
				}
			})
		})
	}
}

// TestBatchIsLinearizable holds what revocation rests on: an answer is never
// older than its call. A register that only grows is read through the batcher
// while it is written; no read may return less than was there when it began.
func TestBatchIsLinearizable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		readers := rapid.IntRange(1, 2*batchSize).Draw(t, "readers")
		reads := rapid.IntRange(1, 20).Draw(t, "reads")
		var register atomic.Int64
		b := &batcher[int, int64]{timeout: time.Minute, send: func(_ context.Context, keys []int) ([]answer[int64], error) {
			answers := make([]answer[int64], len(keys))
			now := register.Load()
			for i := range answers {
				answers[i].value = now
			}
			return answers, nil
		}}
		var wg sync.WaitGroup
		for key := range readers {
			wg.Go(func() {
				for range reads {
					before := register.Add(1)
					got, err := b.do(context.Background(), key)
					if err != nil || got < before {
						t.Errorf("read %d, %v after %d was written", got, err, before)
					}
				}
			})
		}
		wg.Wait()
	})
}
