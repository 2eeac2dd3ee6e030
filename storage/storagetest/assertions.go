package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testAssertions(_ *testing.T, w *world) {
	o, foreign := w.organization(), w.organization()
	c, sibling, other := w.application(o.ID), w.application(o.ID), w.application(foreign.ID)
	server := w.resourceServer(0, "api", "https://kiket.test/api")
	jtis := []string{
		"jti", "JTI", "jti ", "jti%", "", " ", "\x00", "jti\x00", "\xff\xfe", "a\xc0\xafb", "\u0065\u0301", "\u00e9",
		"'; DROP TABLE clients; -- ?$1\\", strings.Repeat("j", 100_000), digest(1),
	}
	for _, client := range []storage.Client{c, sibling, other, server} {
		for _, jti := range jtis {
			w.ok(w.s.SpendAssertion(w.ctx, client.ID, jti, hour))
		}
	}
	for _, jti := range jtis {
		w.wantErr("spent twice", w.s.SpendAssertion(w.ctx, c.ID, jti, hour), storage.ErrConflict)
		w.wantErr("with another expiry", w.s.SpendAssertion(w.ctx, c.ID, jti, hour.Add(time.Minute)), storage.ErrConflict)
	}
	w.ok(w.s.SpendAssertion(w.ctx, c.ID, "expired", noon.Add(-time.Hour)))
	w.wantErr("expired and spent twice", w.s.SpendAssertion(w.ctx, c.ID, "expired", hour), storage.ErrConflict)

	w.wantPlain("without an expiry", w.s.SpendAssertion(w.ctx, c.ID, "never", time.Time{}))
	w.wantPlain("in another age", w.s.SpendAssertion(w.ctx, c.ID, "never", time.Unix(1<<55, 0)))
	w.ok(w.s.SpendAssertion(w.ctx, c.ID, "never", time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)))

	w.ok(w.s.DeleteClient(w.ctx, o.ID, sibling.ID))
	next := w.application(o.ID)
	w.ok(w.s.SpendAssertion(w.ctx, next.ID, "jti", hour))
	w.wantErr("of a client that is gone", w.s.SpendAssertion(w.ctx, sibling.ID, "jti", hour), storage.ErrConflict)
}

// testAssertionTransactions holds that an assertion is spent when a transaction commits
// and not before, and that one which was spent before spoils the transaction.
func testAssertionTransactions(t *testing.T, w *world) {
	c := w.application(w.organization().ID)
	err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
		w.ok(w.s.SpendAssertion(ctx, c.ID, "a", hour))
		return errRollback
	})
	w.wantErr("rolled back", err, errRollback)
	w.ok(w.s.Transaction(w.ctx, func(ctx context.Context) error {
		return errors.Join(w.s.SpendAssertion(ctx, c.ID, "a", hour), w.s.SpendAssertion(ctx, c.ID, "b", hour))
	}))
	w.wantErr("committed", w.s.SpendAssertion(w.ctx, c.ID, "b", hour), storage.ErrConflict)
	err = w.s.Transaction(w.ctx, func(ctx context.Context) error {
		w.ok(w.s.SpendAssertion(ctx, c.ID, "c", hour))
		w.wantErr("inside", w.s.SpendAssertion(ctx, c.ID, "c", hour), storage.ErrConflict)
		return nil // as if nothing had been
	})
	w.wantErr("commit", err, storage.ErrConflict)
	w.ok(w.s.SpendAssertion(w.ctx, c.ID, "c", hour))

	w.followsTheFirst(t, func(n int) (first, later func(ctx context.Context) error) {
		spend := func(ctx context.Context) error {
			return w.s.SpendAssertion(ctx, c.ID, fmt.Sprint("followed ", n), hour)
		}
		return spend, spend
	})
}

func testSweepAssertions(_ *testing.T, w *world) {
	c := w.application(w.organization().ID)
	base := time.Date(2026, time.March, 1, 23, 59, 59, 0, time.UTC)
	offsets := []time.Duration{0, time.Microsecond, 10 * time.Microsecond, 100 * time.Millisecond, 500 * time.Millisecond, 510 * time.Millisecond, time.Second, time.Minute}
	zones := []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)}
	for n, offset := range offsets {
		w.ok(w.s.SpendAssertion(w.ctx, c.ID, fmt.Sprint(n), base.Add(offset).In(zones[n%len(zones)])))
	}
	for n, offset := range offsets {
		// One at a time goes, and not at the very moment at which it expires.
		at := base.Add(offset).In(zones[(n+1)%len(zones)])
		equal(w, "swept", must(w.s.SweepAssertions(w.ctx, at))(w), int64(min(n, 1)))
		w.wantErr("not swept", w.s.SpendAssertion(w.ctx, c.ID, fmt.Sprint(n), hour), storage.ErrConflict)
	}
	w.ok(w.s.SpendAssertion(w.ctx, c.ID, "0", base)) // forgotten
	equal(w, "swept, the rest", must(w.s.SweepAssertions(w.ctx, base.Add(time.Hour)))(w), int64(2))
	w.batched(func(w *world) {
		for n := range 1100 { // more than any batch
			w.ok(w.s.SpendAssertion(w.ctx, c.ID, fmt.Sprint("many ", n), noon))
		}
	})
	w.ok(w.s.SpendAssertion(w.ctx, c.ID, "younger", hour))
	equal(w, "swept, many", must(w.s.SweepAssertions(w.ctx, hour))(w), int64(1100))
	w.wantErr("what is younger", w.s.SpendAssertion(w.ctx, c.ID, "younger", hour), storage.ErrConflict)
}

// testAssertionsAtOnce holds that of several who come with one assertion one passes,
// while others come with theirs and what has expired is swept.
func testAssertionsAtOnce(t *testing.T, w *world) {
	o := w.organization()
	clients := []storage.Client{w.application(o.ID), w.application(o.ID)}
	const callers, rounds, shared = 16, 20, 4
	var passed [2][rounds * shared]atomic.Int64
	together(callers+1, func(n int) {
		for round := range rounds {
			if n == callers {
				if _, err := w.s.SweepAssertions(w.ctx, noon); err != nil {
					t.Errorf("SweepAssertions: %v", err)
				}
				continue
			}
			if err := w.s.SpendAssertion(w.ctx, clients[n%2].ID, fmt.Sprintf("own-%d-%d", n, round), noon.Add(-time.Hour)); err != nil {
				t.Errorf("one's own: %v", err)
			}
			for i := range shared { // in different orders
				jti := round*shared + (i+n)%shared
				for k := range clients {
					client := (k + n) % 2
					err := w.s.SpendAssertion(w.ctx, clients[client].ID, fmt.Sprint("shared ", jti), hour)
					if err == nil {
						passed[client][jti].Add(1)
					} else if !errors.Is(err, storage.ErrConflict) {
						t.Errorf("shared: %v", err)
					}
				}
			}
		}
	})
	for client := range passed {
		for jti := range passed[client] {
			if got := passed[client][jti].Load(); got != 1 {
				t.Errorf("client %d, assertion %d: %d of %d passed", client, jti, got, callers)
			}
		}
	}
}
