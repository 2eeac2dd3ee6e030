package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"kiket.dev/auth/storage/postgrestest"
)

var (
	cluster *postgrestest.Cluster
	binary  string // path of the program under test
	scratch string // a folder for the whole run
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "kiket-auth-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch, binary = dir, filepath.Join(dir, "kiket-auth")
	build := exec.Command("go", append([]string{"build", "-o", binary}, append(raceFlag(), "kiket.dev/auth/cmd/kiket-auth")...)...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		os.Exit(1)
	}
	flag.Parse()
	// Benchmarks count what a durable commit costs.
	durable := flag.Lookup("test.bench").Value.String() != ""
	code := postgrestest.Main(m, &cluster, postgrestest.Options{Durable: durable})
	chromium.close()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
