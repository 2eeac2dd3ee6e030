package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// connections is how many clients ask at once, as in the published figures.
const connections = 16

// load is a request that is made over and over: n counts up from 0.
type load func(n int) (path string, form url.Values, c credentials)

// measure makes b.N requests over kept connections and reports, besides the time
// a request, requests a second, latency percentiles, and the CPU time that the
// server and the database spent on each.
func measure(b *testing.B, i *instance, next load) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	sender := &http.Client{Transport: transport, Timeout: time.Minute}
	latencies := make([]time.Duration, b.N)
	var counter atomic.Int64
	var failure atomic.Pointer[string]
	before := cpuOf(b, i)
	profiled := profile(b, i)
	b.ResetTimer()
	started := time.Now()
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() {
			for {
				n := int(counter.Add(1)) - 1
				if n >= b.N || failure.Load() != nil {
					return
				}
				at := time.Now()
				if problem := send(b.Context(), sender, i.base, next, n); problem != "" {
					failure.Store(&problem)
					return
				}
				latencies[n] = time.Since(at)
			}
		})
	}
	workers.Wait()
	took := time.Since(started)
	b.StopTimer()
	profiled()
	if problem := failure.Load(); problem != nil {
		b.Fatal(*problem)
	}
	after := cpuOf(b, i)
	report(b, took, latencies, after.minus(before))
}

func send(ctx context.Context, sender *http.Client, base string, next load, n int) (problem string) {
	path, form, c := next(n)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.id != "" {
		r.SetBasicAuth(c.id, c.secret)
	}
	response, err := sender.Do(r)
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(body), `"active":false`) {
		return fmt.Sprintf("%d %s %v", response.StatusCode, body, err)
	}
	return ""
}

func report(b *testing.B, took time.Duration, latencies []time.Duration, cpu cpuTime) {
	b.Helper()
	slices.Sort(latencies)
	at := func(quantile float64) float64 {
		return float64(latencies[int(quantile*float64(len(latencies)-1))].Microseconds()) / 1000
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(len(latencies)) }
	b.ReportMetric(float64(len(latencies))/took.Seconds(), "req/s")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(each(cpu.server), "server-cpu-ms/req")
	b.ReportMetric(each(cpu.database), "db-cpu-ms/req")
}

// benchEngine runs a benchmark on both databases, each with a server of its own,
// which logs every request as it does by default.
func benchEngine(b *testing.B, bench func(b *testing.B, i *instance)) {
	b.Helper()
	for _, e := range []engine{sqlite, postgres} {
		b.Run(string(e), func(b *testing.B) {
			bench(b, start(b, e, profiled()...))
		})
	}
}

func BenchmarkTokenEndpoint(b *testing.B) {
	benchEngine(b, func(b *testing.B, i *instance) {
		application := i.application("issues", "projects")
		form := url.Values{"grant_type": {"client_credentials"}}
		measure(b, i, func(int) (string, url.Values, credentials) { return "/oauth/token", form, application })
	})
}

// BenchmarkTokenEndpointPrivateKeyJWT is the same with an assertion in place of the
// secret, to be compared: an ES256 signature is verified, and its jti spent, durably.
func BenchmarkTokenEndpointPrivateKeyJWT(b *testing.B) {
	benchEngine(b, func(b *testing.B, i *instance) {
		c, _ := i.registerKeyed(b, newKeyPair(b, jose.ES256, "k"), nil)
		forms := make([]url.Values, b.N)
		for n := range forms {
			forms[n] = asserted(c.assert(b, map[string]any{"exp": time.Now().Add(time.Hour).Unix()})).parameters
			forms[n].Set("grant_type", "client_credentials")
		}
		measure(b, i, func(n int) (string, url.Values, credentials) { return "/oauth/token", forms[n], credentials{} })
	})
}

func BenchmarkIntrospectOpaque(b *testing.B) {
	benchEngine(b, func(b *testing.B, i *instance) {
		form := url.Values{"token": {i.workspaceToken(time.Time{}).Secret.Reveal()}}
		measure(b, i, func(int) (string, url.Values, credentials) { return "/oauth/introspect", form, i.resourceServer() })
	})
}

func BenchmarkIntrospectJWT(b *testing.B) {
	benchEngine(b, func(b *testing.B, i *instance) {
		form := url.Values{"token": {i.fetch(b, i.application("issues", "projects"))}}
		measure(b, i, func(int) (string, url.Values, credentials) { return "/oauth/introspect", form, i.resourceServer() })
	})
}

func BenchmarkRevoke(b *testing.B) {
	benchEngine(b, func(b *testing.B, i *instance) {
		application := i.application("issues", "projects")
		tokens := make([]string, b.N)
		for n := range tokens {
			tokens[n] = i.fetch(b, application)
		}
		measure(b, i, func(n int) (string, url.Values, credentials) {
			return "/oauth/revoke", url.Values{"token": {tokens[n]}}, application
		})
	})
}
