package gormstore

import (
	"context"
	"database/sql"
	"sync"
	"testing"

	"gorm.io/gorm"
)

// recorder is a pool of connections that remembers what is sent through it.
type recorder struct {
	*sql.DB

	mu         sync.Mutex
	statements []statement
}

type statement struct {
	sql  string
	args []any
}

func (r *recorder) note(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, statement{sql, args})
}

func (r *recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	r.note(query, args)
	return r.DB.ExecContext(ctx, query, args...)
}

func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.note(query, args)
	return r.DB.QueryContext(ctx, query, args...)
}

func (r *recorder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	r.note(query, args)
	return r.DB.QueryRowContext(ctx, query, args...)
}

// BeginTx implements [gorm.ConnPoolBeginner].
func (r *recorder) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := r.DB.BeginTx(ctx, opts)
	return &recordedTx{Tx: tx, recorder: r}, err
}

type recordedTx struct {
	*sql.Tx
	recorder *recorder
}

func (t *recordedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.recorder.note(query, args)
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *recordedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.recorder.note(query, args)
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *recordedTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.recorder.note(query, args)
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// record makes the store send everything through a recorder.
func record(t *testing.T, s *Store) *recorder {
	t.Helper()
	r := &recorder{DB: s.pools[0]}
	s.reader.Statement.ConnPool, s.writer.Statement.ConnPool = r, r
	s.clients = newClientLookup(s)
	s.accessTokens, s.opaqueTokens = newAccessTokenLookup(s), newOpaqueTokenLookup(s)
	return r
}
