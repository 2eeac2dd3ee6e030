package requests

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kiket.dev/auth/storage"
)

// Window is the time for which a budget is given.
const Window = time.Minute

const (
	// A replica takes a tenth of what is left of a budget at a time, so that it
	// writes a few dozen times a minute, and ones towards the end, so that what
	// others hold unused is little.
	leaseShare = 10
	mostLeased = 60
	// mostWindows bounds the memory: when it is reached, windows that have passed
	// are forgotten.
	mostWindows = 10_000
)

// Budgets limits how many requests each credential makes in a minute. Make one
// with [NewBudgets].
type Budgets struct {
	store storage.RequestStore
	limit int64
	clock func() time.Time

	mu      sync.Mutex
	windows map[string]*window
}

// window is what this replica knows of one credential's minute.
type window struct {
	mu     sync.Mutex
	start  time.Time
	leased int64 // taken from the store and not spent yet
	spent  int64 // taken by all replicas, as far as is known
}

// take takes an amount from what everybody shares and returns how much has been taken
// in all.
type take func(w *window, amount int64) (int64, error)

// NewBudgets returns budgets of limit requests a minute for each credential.
func NewBudgets(store storage.RequestStore, limit int64, clock func() time.Time) *Budgets {
	return &Budgets{store: store, limit: limit, clock: clock, windows: map[string]*window{}}
}

// Standing is what is left of a budget.
type Standing struct {
	Limit     int64
	Remaining int64
	Reset     time.Time // when the next window begins
	Exceeded  bool      // the request is one too many
	// Wait is how long until the next window, at least a second.
	Wait time.Duration
}

// Spend takes one request from the budget of the credential. It returns an error
// that wraps storage.ErrUnavailable if the store does not answer when it has to be
// asked.
func (b *Budgets) Spend(ctx context.Context, credential string) (Standing, error) {
	return b.spend(credential, func(w *window, amount int64) (int64, error) {
		return b.store.SpendBudget(ctx, storage.Budget{Credential: credential, Window: w.start}, amount)
	})
}

// SpendHere is Spend for those who have not said who they are: it is counted by
// this replica alone, and nothing is written.
func (b *Budgets) SpendHere(source string) Standing {
	standing, _ := b.spend("source "+source, func(w *window, amount int64) (int64, error) { return w.spent + amount, nil })
	return standing
}

func (b *Budgets) spend(credential string, take take) (Standing, error) {
	now := b.clock().UTC()
	w := b.windowOf(credential, now)
	w.mu.Lock()
	defer w.mu.Unlock()
	if start := now.Truncate(Window); start.After(w.start) {
		w.start, w.leased, w.spent = start, 0, 0
	}
	if w.leased == 0 && w.spent < b.limit {
		if err := w.lease(b.limit, take); err != nil {
			return Standing{}, fmt.Errorf("counting requests: %w", err)
		}
	}
	s := Standing{Limit: b.limit, Reset: w.start.Add(Window)}
	s.Wait = max(s.Reset.Sub(now), time.Second)
	if w.leased == 0 {
		s.Exceeded = true
		return s, nil
	}
	w.leased--
	s.Remaining = max(b.limit-w.spent, 0) + w.leased
	return s, nil
}

// lease takes some of what is left for everybody.
func (w *window) lease(limit int64, take take) error {
	amount := min(max((limit-w.spent)/leaseShare, 1), mostLeased)
	spent, err := take(w, amount)
	if err != nil {
		return err
	}
	w.leased = max(amount-max(spent-limit, 0), 0)
	w.spent = min(spent, limit)
	return nil
}

func (b *Budgets) windowOf(credential string, now time.Time) *window {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, ok := b.windows[credential]
	if ok {
		return w
	}
	if len(b.windows) >= mostWindows {
		b.forget(now)
	}
	w = &window{}
	b.windows[credential] = w
	return w
}

// forget drops the windows that have passed, or all if none has.
func (b *Budgets) forget(now time.Time) {
	before := len(b.windows)
	for credential, w := range b.windows {
		if w.mu.TryLock() { // one that is in use is not old
			if now.Sub(w.start) >= Window {
				delete(b.windows, credential)
			}
			w.mu.Unlock()
		}
	}
	if len(b.windows) == before {
		clear(b.windows)
	}
}
