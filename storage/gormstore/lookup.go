package gormstore

import (
	"context"
	"fmt"

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

// selection is a SELECT for up to batchSize keys: head, then an IN list for each
// column of the key, then tail. The lists are padded to a power of two, by saying
// the last value again, so that a connection prepares few statements.
type selection struct {
	columns int
	sizes   [7]string // for 1, 2, 4, … batchSize keys
}

func newSelection(d dialect, head string, columns []string, tail string) selection {
	s := selection{columns: len(columns)}
	for i := range s.sizes {
		s.sizes[i] = selectionSQL(d, head, columns, tail, 1<<i)
	}
	return s
}

func selectionSQL(d dialect, head string, columns []string, tail string, size int) string {
	text, n := []byte(head), 0
	for i, column := range columns {
		if i > 0 {
			text = append(text, " AND "...)
		}
		text = append(append(text, column...), " IN ("...)
		for k := range size {
			if k > 0 {
				text = append(text, ',')
			}
			n++
			text = d.placeholder(text, n)
		}
		text = append(text, ')')
	}
	return string(append(text, tail...))
}

// each runs the SELECT for that many keys, of which value gives the columns, and
// calls row for every row with what reads it.
func (s selection) each(ctx context.Context, pool gorm.ConnPool, keys int, value func(key, column int) any, row func(scan func(...any) error) error) error {
	step, size := 0, 1
	for size < keys {
		step, size = step+1, size*2
	}
	values := make([]any, 0, size*s.columns)
	for column := range s.columns {
		for key := range size {
			values = append(values, value(min(key, keys-1), column))
		}
	}
	rows, err := pool.QueryContext(ctx, s.sizes[step], values...)
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
