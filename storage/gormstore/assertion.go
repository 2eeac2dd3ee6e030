package gormstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// assertionKey is what an assertion is known by. The jti is kept as a digest: it may be
// of any length and any bytes.
type assertionKey struct {
	clientID int64
	digest   string // lower-case hex SHA-256
}

// assertion is a row of client_assertions.
type assertion struct {
	assertionKey
	expires time.Time
}

// SpendAssertion implements [storage.AssertionStore].
func (s *Store) SpendAssertion(ctx context.Context, clientID int64, jti string, expiresAt time.Time) error {
	const doing = "spending an assertion"
	if expiresAt.IsZero() || expiresAt.UTC().Year() > 9999 {
		return fmt.Errorf("%s: %w", doing, errors.New("it must expire, and before the year 10000"))
	}
	a := assertion{assertionKey{clientID, storage.NewSecret(jti).Digest()}, expiresAt}
	if s.transaction(ctx) == nil {
		if _, err := s.assertions.do(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return nil
	}
	return s.write(ctx, doing, func(db *gorm.DB) error {
		answers, err := s.insertAssertions(db.Statement.Context, db.Statement.ConnPool, []assertion{a})
		if err != nil {
			return err
		}
		return answers[0].err
	})
}

func newAssertionBatcher(s *Store) *batcher[assertion, struct{}] {
	return &batcher[assertion, struct{}]{
		timeout: s.timeout,
		send: func(ctx context.Context, assertions []assertion) ([]answer[struct{}], error) {
			return s.insertAssertions(ctx, s.writer.Statement.ConnPool, assertions)
		},
	}
}

// insertAssertions stores assertions with one statement and answers ErrConflict to
// those that were there. Of several that are the same the first is the one that is
// stored.
func (s *Store) insertAssertions(ctx context.Context, pool gorm.ConnPool, assertions []assertion) ([]answer[struct{}], error) {
	first := make(map[assertionKey]int, len(assertions))
	var distinct []assertion
	for i, a := range assertions {
		if _, again := first[a.assertionKey]; !again {
			first[a.assertionKey] = i
			distinct = append(distinct, a)
		}
	}
	// In one order for everybody: who finds one that another is about to store waits
	// for it, and nobody must wait for each other.
	slices.SortFunc(distinct, func(a, b assertion) int {
		return cmp.Or(cmp.Compare(a.clientID, b.clientID), cmp.Compare(a.digest, b.digest))
	})
	answers := make([]answer[struct{}], len(assertions))
	for i := range answers {
		answers[i].err = storage.ErrConflict
	}
	sql, args := s.dialect.insertAssertions(distinct)
	rows, err := pool.QueryContext(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var stored assertionKey
		if err := rows.Scan(&stored.clientID, &stored.digest); err != nil {
			return nil, err
		}
		answers[first[stored]].err = nil
	}
	return answers, rows.Err()
}

// SweepAssertions implements [storage.AssertionStore].
func (s *Store) SweepAssertions(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping assertions", `DELETE FROM client_assertions
		WHERE (client_id, jti_digest) IN (SELECT client_id, jti_digest FROM client_assertions
			WHERE expires_at < ? ORDER BY expires_at LIMIT ?`+s.dialect.skipLocked+")", before)
}
