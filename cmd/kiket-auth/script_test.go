package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kiket.dev/auth/config"
	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage/postgrestest"
)

var cluster *postgrestest.Cluster

// beside runs the tests while a PostgreSQL runs beside them.
type beside struct{ *testing.M }

// Run implements [testscript.TestingM].
func (b beside) Run() int { return postgrestest.Main(b.M, &cluster, postgrestest.Options{}) }

// The test binary is kiket-auth when it is called by that name.
func TestMain(m *testing.M) {
	testscript.Main(beside{m}, map[string]func(){"kiket-auth": main})
}

// Every script runs on both databases: on SQLite in an empty folder without any
// configuration, on PostgreSQL with an empty database.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, script := range scripts {
			t.Run(engine+"/"+strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
				t.Parallel()
				runScript(t, engine, script)
			})
		}
	}
}

func runScript(t *testing.T, engine, script string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Files:               []string{script},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else every command takes a second
			env.Setenv("MASTER_KEY", keys.GenerateMasterKey().Reveal())
			env.Setenv("OTHER_MASTER_KEY", keys.GenerateMasterKey().Reveal())
			if engine == "postgres" {
				env.Setenv("KIKET_AUTH_DATABASE_URL", cluster.NewDatabase(t))
				env.Setenv("KIKET_AUTH_MASTER_KEY", env.Getenv("MASTER_KEY"))
			}
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition == "sqlite" || condition == "postgres" {
				return condition == engine, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"within": succeeds, "fails": fails, "json": checkJSON, "mode": checkMode, "listener": listen,
		},
	})
}

// succeeds is the script command
//
//	within kiket-auth ARG...
//
// It is exec within the process of the test, which is several times as fast as another
// one under the race detector. There is no terminal and no working folder: the database
// is named in full.
func succeeds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || args[0] != "kiket-auth" {
		ts.Fatalf("usage: within kiket-auth ARG...")
	}
	if code := within(ts, args[1:]); code != 0 {
		ts.Fatalf("ended with exit code %d", code)
	}
}

// fails is the script command
//
//	fails CODE kiket-auth ARG...
//	fails CODE exec PROGRAM ARG...
//
// It is within, or exec, for a program that must end with that exit code.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case !neg && len(args) > 1 && args[1] == "kiket-auth":
		if code := within(ts, args[2:]); strconv.Itoa(code) != args[0] {
			ts.Fatalf("ended with exit code %d, want %s", code, args[0])
		}
	case !neg && len(args) > 2 && args[1] == "exec":
		err := ts.Exec(args[2], args[3:]...)
		var exited *exec.ExitError
		if !errors.As(err, &exited) || strconv.Itoa(exited.ExitCode()) != args[0] {
			ts.Fatalf("ended with %v, want exit code %s", err, args[0])
		}
	default:
		ts.Fatalf("usage: fails CODE kiket-auth ARG..., or fails CODE exec PROGRAM ARG...")
	}
}

// within runs kiket-auth in this process and returns its exit code.
func within(ts *testscript.TestScript, args []string) int {
	nothing, err := os.Open(os.DevNull)
	ts.Check(err)
	defer func() { _ = nothing.Close() }()
	var environ []string
	for _, setting := range config.Settings() {
		for _, name := range []string{setting.Variable(), setting.Variable() + "_FILE"} {
			if value := ts.Getenv(name); value != "" {
				environ = append(environ, name+"="+value)
			}
		}
	}
	if ts.Getenv("KIKET_AUTH_DATABASE_URL") == "" {
		environ = append(environ, "KIKET_AUTH_DATABASE_URL=sqlite:"+ts.MkAbs("kiket-auth.db"))
	}
	return run(context.Background(), args, environ, nothing, ts.Stdout(), ts.Stderr())
}

// checkJSON is the script command
//
//	json PATH=PATTERN...
//
// Standard output must be exactly one JSON object on one line. A path is written
// a.b.0.c; the pattern must match all of the value as JSON, without the quotes
// of a string, and a path that is absent is "absent". @VAR=PATH stores a value.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: json PATH=PATTERN...")
	}
	out := ts.ReadFile("stdout")
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.UseNumber()
	var document map[string]any
	if err := decoder.Decode(&document); err != nil || strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "}\n") {
		ts.Fatalf("standard output is not one JSON object on one line: %v\n%s", err, out)
	}
	for _, arg := range args {
		left, right, _ := strings.Cut(arg, "=")
		if name, store := strings.CutPrefix(left, "@"); store {
			ts.Setenv(name, at(document, right))
			continue
		}
		if ok, err := regexp.MatchString("^(?:"+right+")$", at(document, left)); err != nil || !ok {
			ts.Fatalf("%s is %s, want %s: %v", left, at(document, left), right, err)
		}
	}
}

// at returns what lies at a path of a document.
func at(v any, path string) string {
	for step := range strings.SplitSeq(path, ".") {
		switch w := v.(type) {
		case map[string]any:
			inner, ok := w[step]
			if !ok {
				return "absent"
			}
			v = inner
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(w) {
				return "absent"
			}
			v = w[n]
		default:
			return "absent"
		}
	}
	if text, ok := v.(string); ok {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// checkMode is the script command
//
//	mode MODE FILE...
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode MODE FILE...")
	}
	var errs []error
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		if err != nil {
			errs = append(errs, err)
		} else if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			errs = append(errs, fmt.Errorf("%s has mode %s", file, got))
		}
	}
	ts.Check(errors.Join(errs...))
}
