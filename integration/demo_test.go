package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bare is a server that was started as a stranger would: without configuration.
type bare struct {
	base           string
	stdout, stderr string
}

var listeningText = regexp.MustCompile(`msg=listening address=(\S+)`)

// serveBare starts the server in the folder, lets f use it and stops it.
func serveBare(t *testing.T, dir string, f func(b bare)) (ended bare) {
	t.Helper()
	cmd := exec.Command(binary, "serve")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "KIKET_AUTH_LISTEN=127.0.0.1:0"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	var mu sync.Mutex
	var stdout, stderr bytes.Buffer
	ready := make(chan struct{}) // the demo is printed, or the server listens and nothing more will come
	var once sync.Once
	follow := func(lines *bufio.Scanner, to *bytes.Buffer, done func(line string) bool) {
		for lines.Scan() {
			mu.Lock()
			to.WriteString(lines.Text() + "\n")
			mu.Unlock()
			if done(lines.Text()) {
				once.Do(func() { close(ready) })
			}
		}
	}
	_, statErr := os.Stat(filepath.Join(dir, "kiket-auth.db"))
	again := statErr == nil
	var both sync.WaitGroup
	both.Go(func() {
		follow(bufio.NewScanner(out), &stdout, func(line string) bool { return strings.Contains(line, "/oauth/revoke") })
	})
	both.Go(func() {
		follow(bufio.NewScanner(errs), &stderr, func(line string) bool { return again && strings.Contains(line, "msg=listening ") })
	})
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
		t.Fatalf("does not start\n%s%s", &stdout, &stderr)
	}
	read := func() bare {
		mu.Lock()
		defer mu.Unlock()
		b := bare{stdout: stdout.String(), stderr: stderr.String()}
		if m := listeningText.FindStringSubmatch(b.stderr); m != nil {
			b.base = "http://" + m[1]
		}
		return b
	}
	eventually(t, func() error {
		if read().base == "" {
			return os.ErrNotExist
		}
		return nil
	})
	f(read())
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	both.Wait()
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, read().stderr)
	}
	return read()
}

// curlLines returns what there is to paste.
func curlLines(printed string) []string {
	var lines []string
	for line := range strings.Lines(printed) {
		if strings.Contains(line, "curl ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// An empty folder and no configuration: there is a demo, its three lines work
// when they are pasted, and it comes once.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serveBare(t, dir, func(b bare) {
		lines := curlLines(b.stdout)
		if len(lines) != 3 {
			t.Fatalf("printed %q", b.stdout)
		}
		lines = append(lines, lines[1]) // and ask again
		out, err := exec.CommandContext(t.Context(), "bash", "-c", strings.Join(lines, "\necho\n")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		answers := strings.FieldsFunc(string(out), func(c rune) bool { return c == '\n' })
		if len(answers) != 4 {
			t.Fatalf("the pasted lines answered %q", out)
		}
		var seen map[string]any
		if err := json.Unmarshal([]byte(answers[1]), &seen); err != nil || seen["active"] != true || seen["token_kind"] != "access_token" {
			t.Errorf("introspection answered %s", answers[1])
		}
		if strings.Count(answers[0], ".") != 2 || answers[2] != "200" || answers[3] != `{"active":false}` {
			t.Errorf("the pasted lines answered %q", answers)
		}
		checkFiles(t, dir)
	})
	for _, want := range []string{"local use", "shown once", "admin@demo.test", "wksp_", "/console: sign in as the admin above"} {
		if !strings.Contains(first.stdout, want) {
			t.Errorf("the demo does not say %q", want)
		}
	}

	second := serveBare(t, dir, func(bare) { checkFiles(t, dir) })
	if second.stdout != "" || strings.Contains(second.stderr, "demo") {
		t.Errorf("the second start printed %q\n%s", second.stdout, second.stderr)
	}
}

// checkFiles sees to it that what the server made is readable by its owner alone.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name()] = true
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %s", entry.Name(), info.Mode())
		}
	}
	if !found["kiket-auth.db"] || !found["kiket-auth.db.master-key"] {
		t.Errorf("the folder holds %v", found)
	}
}

// A database whose master key is lost is not given a new one.
func TestDemoWithoutItsMasterKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serveBare(t, dir, func(bare) {})
	if err := os.Remove(filepath.Join(dir, "kiket-auth.db.master-key")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "serve")
	cmd.Dir, cmd.Env = dir, []string{"KIKET_AUTH_LISTEN=127.0.0.1:0"}
	out, err := cmd.CombinedOutput()
	if err == nil || err.Error() != "exit status 1" || !strings.Contains(string(out), "kiket-auth.db.master-key") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %s", err, out)
	}
}
