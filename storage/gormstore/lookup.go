package gormstore

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// lookup finds what belongs to a key, on the path of every request.
type lookup[K, V any] struct {
	doing string
	// find answers the keys, in their order, with one SELECT.
	find  func(ctx context.Context, pool gorm.ConnPool, keys []K) ([]answer[V], error)
	batch *batcher[K, V]
}

func newLookup[K, V any](s *Store, doing string, find func(context.Context, gorm.ConnPool, []K) ([]answer[V], error)) lookup[K, V] {
	pool := s.reader.Statement.ConnPool
	return lookup[K, V]{doing: doing, find: find, batch: &batcher[K, V]{
		timeout: s.timeout,
		send: func(ctx context.Context, keys []K) ([]answer[V], error) {
			return find(ctx, pool, keys)
		},
	}}
}

// in answers one key: inside the transaction of ctx if it carries one, since
// only there its own changes are seen, and else together with others.
func (l lookup[K, V]) in(ctx context.Context, s *Store, key K) (V, error) {
	if s.transaction(ctx) == nil {
		value, err := l.batch.do(ctx, key)
		if err != nil {
			return value, fmt.Errorf("%s: %w", l.doing, err)
		}
		return value, nil
	}
	var found answer[V]
	err := s.read(ctx, l.doing, func(db *gorm.DB) error {
		answers, err := l.find(db.Statement.Context, db.Statement.ConnPool, []K{key})
		if err != nil {
			return err
		}
		found = answers[0]
		return found.err
	})
	return found.value, err
}

// selection is a SELECT for up to batchSize keys: head, then an IN list of them,
// then tail. The list is padded to a power of two, by saying the last key again,
// so that a connection prepares few statements. Parameters of tail, written ?,
// come after the keys.
type selection struct {
	sizes [7]string // for 1, 2, 4, … batchSize keys
}

func newSelection(d dialect, head, tail string) selection {
	var s selection
	for i := range s.sizes {
		s.sizes[i] = selectionSQL(d, head, tail, 1<<i)
	}
	return s
}

func selectionSQL(d dialect, head, tail string, size int) string {
	text := append([]byte(head), " IN ("...)
	for n := range size {
		if n > 0 {
			text = append(text, ',')
		}
		text = d.placeholder(text, n+1)
	}
	text = append(text, ')')
	for n, part := range strings.Split(tail, "?") {
		if n > 0 {
			text = d.placeholder(text, size+n)
		}
		text = append(text, part...)
	}
	return string(text)
}

// each runs the SELECT for the keys, at least one, and calls row for every row
// with what reads it.
func (s selection) each(ctx context.Context, pool gorm.ConnPool, keys []string, tail []any, row func(scan func(...any) error) error) error {
	step, size := 0, 1
	for size < len(keys) {
		step, size = step+1, size*2
	}
	values := make([]any, 0, size+len(tail))
	for n := range size {
		values = append(values, keys[min(n, len(keys)-1)])
	}
	rows, err := pool.QueryContext(ctx, s.sizes[step], append(values, tail...)...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
