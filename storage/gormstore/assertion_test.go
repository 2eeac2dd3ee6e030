package gormstore

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// TestAssertionsInOneBatch holds that of those that are the same in one statement the
// first passes, and of those that were spent before none.
func TestAssertionsInOneBatch(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := openMigrated(t, engines[engine](t))
			now := time.Now()
			if err := s.SpendAssertion(t.Context(), 1, "old", now); err != nil {
				t.Fatal(err)
			}
			batch := make([]assertion, 0, batchSize)
			var want []bool
			add := func(client int64, jti string, passes bool) {
				batch = append(batch, assertion{assertionKey{client, storage.NewSecret(jti).Digest()}, now})
				want = append(want, passes)
			}
			add(1, "old", false)
			add(2, "old", true)
			for range 16 {
				add(1, "new", len(want) == 2)
			}
			for len(batch) < batchSize {
				add(1, fmt.Sprint(len(batch)), true)
			}
			for round := range 2 {
				answers, err := s.insertAssertions(t.Context(), s.writer.Statement.ConnPool, batch)
				if err != nil {
					t.Fatal(err)
				}
				for n, got := range answers {
					passes := want[n] && round == 0
					if passes != (got.err == nil) || !passes && !errors.Is(got.err, storage.ErrConflict) {
						t.Errorf("round %d, assertion %d: %v, want it to pass: %t", round, n, got.err, passes)
					}
				}
			}
		})
	}
}

// TestAssertionsOnReplicas holds that of all who come with one assertion, to whatever
// replica and in whatever batch, one passes, and that batches with the same in them do
// not wait for each other in a circle.
func TestAssertionsOnReplicas(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := engines[engine](t)
			replicas := []*Store{openMigrated(t, url), openMigrated(t, url)}
			const rounds, jtis, each = 10, 24, 4
			for round := range rounds {
				var passed [jtis]atomic.Int64
				var all sync.WaitGroup
				start := make(chan struct{})
				for n := range jtis * each * len(replicas) {
					jti, s := n%jtis, replicas[n/jtis%len(replicas)]
					if s == replicas[1] {
						jti = jtis - 1 - jti // the other way round
					}
					all.Go(func() {
						<-start
						err := s.SpendAssertion(t.Context(), 1, fmt.Sprintf("%d-%d", round, jti), time.Now())
						if err == nil {
							passed[jti].Add(1)
						} else if !errors.Is(err, storage.ErrConflict) {
							t.Error(err)
						}
					})
				}
				close(start)
				all.Wait()
				for jti := range passed {
					if n := passed[jti].Load(); n != 1 {
						t.Errorf("round %d, assertion %d: %d passed", round, jti, n)
					}
				}
			}
		})
	}
}
