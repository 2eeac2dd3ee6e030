package gormstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"kiket.dev/auth/storage"
)

// How much is gathered. One statement at a time is the cheapest way to answer
// many: the longer it takes, the more the next one carries. Further workers are
// for when that is not enough: half a batch waits, or the database is slow, be it
// far away or one connection of it dead.
const (
	batchSize    = 64
	batchWorkers = 4
	batchSlow    = 20 * time.Millisecond
)

// batcher gathers calls that are made at the same moment and answers them with
// one statement. Nothing is remembered and nothing is waited for: a call that
// finds no worker under way is sent at once, and the calls that come while one is
// form the next batch.
//
// A call only joins a batch that has not been sent. The database therefore sees
// the statement after the call was made, and the answer holds everything that was
// committed before it, exactly as if the call had travelled alone.
type batcher[K, V any] struct {
	// send answers all keys, in their order, or fails for all.
	send    func(ctx context.Context, keys []K) ([]answer[V], error)
	timeout time.Duration

	mu      sync.Mutex
	waiting []*call[K, V]
	workers int
	sent    time.Time // when a worker last took a batch
}

// answer is what one key gets.
type answer[V any] struct {
	value V
	err   error
}

type call[K, V any] struct {
	key       K
	answer    answer[V]
	done      chan struct{} // closed when answer is set
	abandoned atomic.Bool   // nobody waits any more
}

// do answers one key. It returns when the answer is there, when ctx ends, or
// after the time limit, whichever comes first; the others of its batch are not
// touched by that.
func (b *batcher[K, V]) do(ctx context.Context, key K) (V, error) {
	var zero V
	if err := ctx.Err(); err != nil {
		return zero, translate(ctx, err)
	}
	c := &call[K, V]{key: key, done: make(chan struct{})}
	b.join(c)

	limit := time.NewTimer(b.timeout)
	defer limit.Stop()
	select {
	case <-c.done:
		return c.answer.value, c.answer.err
	case <-ctx.Done():
		c.abandoned.Store(true)
		return zero, translate(ctx, ctx.Err())
	case <-limit.C:
		c.abandoned.Store(true)
		return zero, fmt.Errorf("%w: %w", storage.ErrUnavailable, errTimeout)
	}
}

// join puts the call into the batch that is sent next and starts a worker if need
// be.
func (b *batcher[K, V]) join(c *call[K, V]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, c)
	if b.workers == 0 || b.workers < batchWorkers && b.behind() {
		b.workers++
		go b.work()
	}
}

// behind reports whether the workers there are do not suffice.
func (b *batcher[K, V]) behind() bool {
	return len(b.waiting) >= batchSize/2 || time.Since(b.sent) > batchSlow
}

// work sends batches until nobody waits.
func (b *batcher[K, V]) work() {
	for {
		batch := b.take()
		if batch == nil {
			return
		}
		b.answer(batch)
	}
}

// take closes the next batch: who comes later is in the one after. It returns
// nil, and counts the worker as gone, if nobody waits.
func (b *batcher[K, V]) take() []*call[K, V] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []*call[K, V]
	taken := 0
	for _, c := range b.waiting {
		if len(batch) == batchSize {
			break
		}
		taken++
		if !c.abandoned.Load() {
			batch = append(batch, c)
		}
	}
	clear(b.waiting[:taken])
	b.waiting = b.waiting[taken:]
	if len(b.waiting) == 0 {
		b.waiting = nil
	}
	if batch == nil {
		b.workers--
		return nil
	}
	b.sent = time.Now()
	return batch
}

// answer sends one batch and hands out what came back. If the database refused
// the statement, somebody's key is the reason: each is then sent by itself, so
// that only that one fails.
func (b *batcher[K, V]) answer(batch []*call[K, V]) {
	keys := make([]K, len(batch))
	for i, c := range batch {
		keys[i] = c.key
	}
	answers, err := b.sendSafely(keys)
	switch {
	case err == nil:
		for i, c := range batch {
			c.answer = answers[i]
			close(c.done)
		}
	case len(batch) == 1 || errors.Is(err, storage.ErrUnavailable) || errors.Is(err, ErrNotMigrated):
		for _, c := range batch {
			c.answer.err = err
			close(c.done)
		}
	default:
		for i := range batch {
			b.answer(batch[i : i+1])
		}
	}
}

// sendSafely bounds the statement in time, whoever waits for it, and makes a
// panic the error of those whose batch it was.
func (b *batcher[K, V]) sendSafely(keys []K) (answers []answer[V], err error) {
	ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	answers, err = b.send(ctx, keys)
	if err == nil && len(answers) != len(keys) {
		err = fmt.Errorf("%d answers to %d keys", len(answers), len(keys))
	}
	return answers, translate(ctx, err)
}
