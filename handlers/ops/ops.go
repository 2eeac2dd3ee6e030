// Package ops is what operators and their orchestrators ask of the process:
// /healthz says that it runs, /readyz that it can serve, /metrics (on a listener
// of its own) what it has been doing, and /debug/pprof there what it does now.
package ops

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kiket.dev/auth/handlers/web"
)

// Readiness says whether the process can serve. Make one with [NewReadiness].
type Readiness struct {
	check    func(context.Context) error
	stopping atomic.Bool
}

// NewReadiness returns a readiness that asks check each time.
func NewReadiness(check func(context.Context) error) *Readiness { return &Readiness{check: check} }

// Stop makes the process not ready for good, so that no new work is sent to it.
func (r *Readiness) Stop() { r.stopping.Store(true) }

var errStopping = errors.New("stopping")

func (r *Readiness) ready(ctx context.Context) error {
	if r.stopping.Load() {
		return errStopping
	}
	return r.check(ctx)
}

// Routes returns where the health endpoints are mounted.
func (r *Readiness) Routes() []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Path: "/healthz", Permission: web.Public, Handler: http.HandlerFunc(healthy)},
		{Method: http.MethodGet, Path: "/readyz", Permission: web.Public, Handler: http.HandlerFunc(r.serve)},
	}
}

func healthy(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

func (r *Readiness) serve(w http.ResponseWriter, request *http.Request) {
	ctx, cancel := context.WithTimeout(request.Context(), 2*time.Second)
	defer cancel()
	if err := r.ready(ctx); err != nil {
		web.RecordOf(request.Context()).Fail(err)
		w.Header().Set("Retry-After", "2")
		text := "not ready: the database does not answer"
		if errors.Is(err, errStopping) {
			text = "not ready: stopping"
		}
		plain(w, http.StatusServiceUnavailable, text)
		return
	}
	plain(w, http.StatusOK, "ok")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// Metrics counts requests. Make one with [NewMetrics].
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

// NewMetrics returns metrics of requests, of the Go runtime and of the process, and in how
// many chains of audit events something is wrong.
func NewMetrics(auditBroken func() int64) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kiket_auth_http_request_duration_seconds",
			Help:    "Time from reading a request's header to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
	}
	broken := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kiket_auth_audit_chains_broken",
		Help: "Chains of audit events in which the latest verification found something wrong.",
	}, func() float64 { return float64(auditBroken()) })
	m.registry.MustRegister(m.requests, broken, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe is a [web.Observer].
func (m *Metrics) Observe(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// Handler serves /metrics in the Prometheus exposition formats, and profiles for
// go tool pprof below /debug/pprof: where the process spends its time and memory.
// They hold names of functions and no contents of memory.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex"} {
		mux.Handle("GET /debug/pprof/"+name, pprof.Handler(name))
	}
	return mux
}
