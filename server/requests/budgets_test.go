package requests

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// minute begins a window.
var minute = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func newStore(t *testing.T) storage.Store {
	t.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite:" + t.TempDir() + "/budgets.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// clock is a time that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

func TestBudgetOfOneReplica(t *testing.T) {
	const limit = 150
	at := &clock{now: minute.Add(20 * time.Second)}
	b := NewBudgets(newStore(t), limit, at.read)
	for name, spend := range map[string]func() (Standing, error){
		"credential": func() (Standing, error) { return b.Spend(context.Background(), "session:1") },
		"stranger":   func() (Standing, error) { return b.SpendHere("192.0.2.1"), nil },
	} {
		for n := range limit {
			s, err := spend()
			if err != nil || s.Exceeded || s.Remaining != int64(limit-1-n) || s.Limit != limit {
				t.Fatalf("%s, request %d: %+v, %v", name, n+1, s, err)
			}
		}
		s, err := spend()
		if err != nil || !s.Exceeded || s.Remaining != 0 || s.Wait != 40*time.Second || !s.Reset.Equal(minute.Add(time.Minute)) {
			t.Errorf("%s, one too many: %+v, %v", name, s, err)
		}
	}
	if s, err := b.Spend(t.Context(), "session:2"); err != nil || s.Exceeded {
		t.Errorf("another credential: %+v, %v", s, err)
	}
	at.move(40 * time.Second)
	if s, err := b.Spend(t.Context(), "session:1"); err != nil || s.Exceeded || s.Remaining != limit-1 {
		t.Errorf("the next minute: %+v, %v", s, err)
	}
}

// Whatever replicas do at once, no more than the limit passes.
func TestBudgetIsShared(t *testing.T) {
	const limit, replicas = 100, 4
	store, at := newStore(t), &clock{now: minute}
	var all sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for range replicas {
		b := NewBudgets(store, limit, at.read)
		all.Go(func() {
			for range limit {
				s, err := b.Spend(context.Background(), "session:1")
				if err != nil {
					t.Error(err)
				}
				if !s.Exceeded {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if passed != limit {
		t.Errorf("%d passed, want %d", passed, limit)
	}
}

func TestBudgetWithoutStore(t *testing.T) {
	store, at := newStore(t), &clock{now: minute}
	b := NewBudgets(store, 100, at.read)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, err := b.Spend(ctx, "session:1"); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if s, err := b.Spend(t.Context(), "session:1"); err != nil || s.Remaining != 99 {
		t.Errorf("afterwards: %+v, %v", s, err)
	}
}

func TestBudgetsForget(t *testing.T) {
	at := &clock{now: minute}
	b := NewBudgets(newStore(t), 100, at.read)
	for n := range mostWindows {
		b.SpendHere(time.Duration(n).String())
	}
	at.move(2 * time.Minute)
	b.SpendHere("one more")
	if n := len(b.windows); n != 1 {
		t.Errorf("%d windows are remembered", n)
	}
}
