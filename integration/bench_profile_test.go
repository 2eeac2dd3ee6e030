package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var metricsListening = regexp.MustCompile(`"msg":"listening for metrics","address":"([^"]+)"`)

// profileFolder is where benchmarks put CPU profiles of the server, empty: none
// are taken.
var profileFolder = os.Getenv("PROFILE")

// profiled are the settings of a server that is to be profiled.
func profiled() []string {
	if profileFolder == "" {
		return nil
	}
	return []string{"KIKET_AUTH_METRICS_LISTEN=127.0.0.1:0"}
}

// profile takes a profile of the server while it works, and returns what waits
// for its end. Of a benchmark's rounds, of which the last is the longest, the last
// profile stays.
func profile(b *testing.B, i *instance) (wait func()) {
	if profileFolder == "" {
		return func() {}
	}
	done := make(chan answer)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet,
		fmt.Sprintf("http://%s/debug/pprof/profile?seconds=3", i.metricsAddress(b)), nil)
	if err != nil {
		b.Fatal(err)
	}
	go func() { done <- do(b, r) }()
	return func() {
		name := strings.ReplaceAll(strings.TrimPrefix(b.Name(), "Benchmark"), "/", "-") + ".pb.gz"
		if err := os.WriteFile(filepath.Join(profileFolder, name), []byte((<-done).body), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// metricsAddress is where the listener for metrics is bound.
func (i *instance) metricsAddress(t testing.TB) string {
	t.Helper()
	found := metricsListening.FindStringSubmatch(i.log())
	if found == nil {
		t.Fatal("no listener for metrics")
	}
	return found[1]
}
