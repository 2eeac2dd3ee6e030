package gormstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// transaction is what a context carries between Begin and Commit.
type transaction struct {
	db *gorm.DB

	mu     sync.Mutex
	failed error // the first operation that failed in it
}

// transactionKey tells the transactions of different stores apart.
type transactionKey struct{ store *Store }

func (s *Store) transaction(ctx context.Context) *transaction {
	tx, _ := ctx.Value(transactionKey{s}).(*transaction)
	return tx
}

// read runs f on the transaction of ctx, or on its own, within the time limit,
// and translates its error.
func (s *Store) read(ctx context.Context, doing string, f func(*gorm.DB) error) error {
	return s.run(ctx, s.reader, doing, f)
}

// write is read for statements that change something.
func (s *Store) write(ctx context.Context, doing string, f func(*gorm.DB) error) error {
	return s.run(ctx, s.writer, doing, f)
}

func (s *Store) run(ctx context.Context, db *gorm.DB, doing string, f func(*gorm.DB) error) error {
	tx := s.transaction(ctx)
	if tx != nil {
		db = tx.db
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := translate(ctx, f(db.WithContext(limited)))
	if err == nil {
		return nil
	}
	if tx != nil {
		tx.fail(err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// fail remembers an error after which the transaction must not be committed.
// PostgreSQL would refuse to, and SQLite must not differ.
func (t *transaction) fail(err error) {
	if errors.Is(err, storage.ErrNotFound) && !fromEngine(err) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

func (t *transaction) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// Transaction implements [storage.Transactor].
//
// An operation that failed in the transaction dooms it: even if f returns nil,
// nothing is committed and that operation's error is returned. An object that
// was not found is no failure.
func (s *Store) Transaction(ctx context.Context, f func(ctx context.Context) error) error {
	if s.transaction(ctx) != nil {
		return f(ctx)
	}
	// The driver binds the transaction to this context. Beginning, committing and
	// rolling back have no context of their own, so that their time limit is set
	// by cancelling it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var tx *transaction
	err := s.within(ctx, cancel, func() error {
		db := s.writer.WithContext(ctx).Begin()
		tx = &transaction{db: db}
		return db.Error
	})
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}

	committed := false
	defer func() {
		if !committed { // an error, or a panic on its way up
			_ = s.within(ctx, cancel, func() error { return tx.db.Rollback().Error })
		}
	}()
	if err := f(context.WithValue(ctx, transactionKey{s}, tx)); err != nil {
		return err
	}
	if err := tx.failure(); err != nil {
		return fmt.Errorf("committing a transaction in which an operation failed: %w", err)
	}
	err = s.within(ctx, cancel, func() error { return tx.db.Commit().Error })
	if err != nil {
		return fmt.Errorf("committing a transaction: %w", err)
	}
	committed = true
	return nil
}

// within bounds a step of the transaction that is bound to ctx.
func (s *Store) within(ctx context.Context, cancel context.CancelCauseFunc, step func() error) error {
	limit := time.AfterFunc(s.timeout, func() { cancel(errTimeout) })
	defer limit.Stop()
	return translate(ctx, step())
}

// lockTokenPartitions serialises the making and dropping of partitions.
const lockTokenPartitions storage.LockName = "token_partitions"

// Lock implements [storage.Transactor]. It writes to the lock's row, which on
// either engine makes the next writer wait.
func (s *Store) Lock(ctx context.Context, name storage.LockName) error {
	if s.transaction(ctx) == nil {
		return fmt.Errorf("locking %s: not in a transaction", name)
	}
	return s.write(ctx, "locking "+string(name), func(db *gorm.DB) error {
		result := db.Exec("UPDATE locks SET name = name WHERE name = ?", string(name))
		if result.Error == nil && result.RowsAffected != 1 {
			return errors.New("there is no such lock")
		}
		return result.Error
	})
}

// lockRow locks the row that an UPDATE which changes nothing names; ErrNotFound if
// there is none.
func (s *Store) lockRow(ctx context.Context, doing, sql string, id int64) error {
	if s.transaction(ctx) == nil {
		return fmt.Errorf("%s: not in a transaction", doing)
	}
	return s.mustChange(ctx, doing, sql, id)
}
