package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"kiket.dev/auth/server/access"
)

// Record is what is known of a request: where it came from, and what the
// endpoint says about it for the log line. It holds no secret.
type Record struct {
	Origin access.Origin
	route  string
	attrs  []slog.Attr
	err    error
	// unbounded is the context of the request without its time limit.
	unbounded context.Context
}

type recordKey struct{}

// RecordOf returns the record of the request that ctx belongs to; outside a
// request one that nobody reads.
func RecordOf(ctx context.Context) *Record {
	if r, ok := ctx.Value(recordKey{}).(*Record); ok {
		return r
	}
	return &Record{}
}

// Longer returns a context with another time limit than that of all requests, for an
// answer that goes out while it is made. It ends when the client leaves.
func Longer(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if unbounded := RecordOf(ctx).unbounded; unbounded != nil {
		ctx = unbounded
	}
	return context.WithTimeout(ctx, limit)
}

// Add puts attributes on the request's log line.
func (r *Record) Add(attrs ...slog.Attr) { r.attrs = append(r.attrs, attrs...) }

// Fail puts the reason of a failure on the request's log line.
func (r *Record) Fail(err error) { r.err = err }

// OriginOf returns where a request came from.
func OriginOf(r *http.Request) access.Origin { return RecordOf(r.Context()).Origin }
