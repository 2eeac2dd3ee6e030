package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// errMissing tells what to install.
var errMissing = errors.New("PostgreSQL's initdb and postgres were not found: install the package postgresql (Debian, Ubuntu: apt-get install postgresql), or put its bin folder into PATH")

// binaries returns the folder with initdb and postgres. Where there is none and
// the process may install one with apt, it does.
func binaries(ctx context.Context) (string, error) {
	if dir, found := findBinaries(ctx); found {
		return dir, nil
	}
	if os.Geteuid() != 0 {
		return "", errMissing
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errMissing
	}
	if err := install(ctx); err != nil {
		return "", fmt.Errorf("%w; installing it failed: %w", errMissing, err)
	}
	if dir, found := findBinaries(ctx); found {
		return dir, nil
	}
	return "", errMissing
}

func findBinaries(ctx context.Context) (string, bool) {
	var candidates []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	candidates = append(candidates, installedVersions()...)
	if path, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(path))
	}
	for _, dir := range candidates {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, true
		}
	}
	return "", false
}

// installedVersions returns where Debian puts each version, the newest first.
func installedVersions() []string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // 0 sorts last
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	return dirs
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

// install gets the programs and keeps Debian from making a cluster of its own.
func install(ctx context.Context) error {
	const conf = "/etc/postgresql-common/createcluster.conf"
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(conf); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(conf, []byte("create_main_cluster = false\n"), 0o644); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "postgresql"}} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}
