package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/felixge/httpsnoop"
	"github.com/gorilla/mux"

	"kiket.dev/auth/server/access"
)

// timeout bounds the time that a request may take.
const timeout = 15 * time.Second

// Observer is told of every request when it is answered. The route is a template
// and the method one of few, so that strangers cannot make up new ones.
type Observer func(route, method string, status int, took time.Duration)

// Options are what a handler is made of.
type Options struct {
	Logger         *slog.Logger
	TrustedProxies []netip.Prefix
	// Observe may be nil.
	Observe Observer
	// Failed answers a request whose handler panicked.
	Failed http.Handler
}

// Handler wraps the router with what every request needs.
func Handler(router *mux.Router, o Options) http.Handler {
	router.Use(nameRoute)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := &Record{route: "unmatched"}
		record.Origin.Address = clientAddress(r, o.TrustedProxies)
		record.Origin.RequestID = requestID(r, o.TrustedProxies)
		record.Origin.UserAgent = access.UserAgent(r.UserAgent())
		header := w.Header()
		header.Set("X-Request-Id", record.Origin.RequestID)
		header.Set("X-Content-Type-Options", "nosniff")
		record.unbounded = context.WithValue(r.Context(), recordKey{}, record)
		ctx, cancel := context.WithTimeout(record.unbounded, timeout)
		defer cancel()
		r = r.WithContext(ctx)
		answer := httpsnoop.CaptureMetricsFn(w, func(w http.ResponseWriter) { serve(w, r, router, record, o.Failed) })
		write(ctx, o.Logger, r, record, answer)
		if o.Observe != nil {
			o.Observe(record.route, methodOf(r), answer.Code, answer.Duration)
		}
	})
}

// serve turns a panic into an answer and a logged failure.
func serve(w http.ResponseWriter, r *http.Request, next http.Handler, record *Record, failed http.Handler) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			record.Fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			failed.ServeHTTP(w, r)
		}
	}()
	next.ServeHTTP(w, r)
}

// nameRoute notes the route's template. The path itself is never logged: people
// paste secrets into paths.
func nameRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route := mux.CurrentRoute(r); route != nil {
			if template, err := route.GetPathTemplate(); err == nil {
				RecordOf(r.Context()).route = template
			}
		}
		next.ServeHTTP(w, r)
	})
}

func write(ctx context.Context, logger *slog.Logger, r *http.Request, record *Record, answer httpsnoop.Metrics) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("request_id", record.Origin.RequestID),
		slog.String("method", methodOf(r)),
		slog.String("route", record.route),
		slog.Int("status", answer.Code),
		slog.Float64("ms", float64(answer.Duration.Microseconds())/1000),
		slog.String("address", record.Origin.Address),
	}
	attrs = append(attrs, record.attrs...)
	if record.err != nil {
		attrs = append(attrs, slog.String("error", record.err.Error()))
	}
	if answer.Code >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	logger.LogAttrs(ctx, level, "request", attrs...)
}

// methodOf returns the method, or "other" for one that nobody serves: it may be
// any text of a stranger's.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

var acceptableID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID takes the id that a trusted proxy gave, or makes one.
func requestID(r *http.Request, trusted []netip.Prefix) string {
	if id := r.Header.Get("X-Request-Id"); acceptableID.MatchString(id) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && within(peer.Addr().Unmap(), trusted) {
			return id
		}
	}
	return rand.Text()
}
