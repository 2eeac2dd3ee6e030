package web

import (
	"context"
	"log/slog"
	"net/http"

	"kiket.dev/auth/server/access"
)

// Record is what is known of a request: where it came from, and what the
// endpoint says about it for the log line. It holds no secret.
type Record struct {
	Origin access.Origin
	route  string
	attrs  []slog.Attr
	err    error
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

// Add puts attributes on the request's log line.
func (r *Record) Add(attrs ...slog.Attr) { r.attrs = append(r.attrs, attrs...) }

// Fail puts the reason of a failure on the request's log line.
func (r *Record) Fail(err error) { r.err = err }

// OriginOf returns where a request came from.
func OriginOf(r *http.Request) access.Origin { return RecordOf(r.Context()).Origin }
