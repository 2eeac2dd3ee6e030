package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kiket.dev/auth/handlers/messages"
	"kiket.dev/auth/handlers/outbound"
	"kiket.dev/auth/keys"
	"kiket.dev/auth/server"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// engine is a database that the server runs on.
type engine string

const (
	sqlite   engine = "sqlite"
	postgres engine = "postgres"
)

// eachEngine runs the test on both databases, in parallel.
func eachEngine(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	t.Parallel()
	for _, e := range []engine{sqlite, postgres} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// issuer is what the servers under test call themselves; their sockets are
// elsewhere.
const (
	issuer   = "http://localhost:8080"
	audience = issuer + "/api"
)

// deployment is a database with its configuration, on which any number of
// servers run.
type deployment struct {
	t         testing.TB
	engine    engine
	dir       string
	url       string
	masterKey storage.Secret
	settings  []string // NAME=value
	boot      bootstrapped
	opened    *server.Server // see verbs
}

// bootstrapped is what kiket-auth bootstrap --json prints.
type bootstrapped struct {
	Organization struct {
		ID         int64
		Slug, Name string
	}
	Project struct {
		ID        int64
		Key, Name string
	}
	Admin struct {
		ID                    int64
		Email, Name, Password string
	}
	WorkspaceAPIToken struct {
		ID          int64
		Token       string
		TokenPrefix string `json:"token_prefix"`
	} `json:"workspace_api_token"`
	ResourceServer struct {
		Identifier   string
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"resource_server"`
}

// prepare makes a migrated database without an organization.
func prepare(t testing.TB, e engine, settings ...string) *deployment {
	t.Helper()
	d := &deployment{t: t, engine: e, dir: t.TempDir(), masterKey: keys.GenerateMasterKey(), settings: settings}
	switch e {
	case sqlite:
		d.url = "sqlite:" + filepath.Join(d.dir, "kiket-auth.db")
	case postgres:
		d.url = cluster.NewDatabase(t)
	}
	d.run("migrate", "up")
	return d
}

// deploy makes a database with the organization Acme.
func deploy(t testing.TB, e engine, settings ...string) *deployment {
	t.Helper()
	if !slices.ContainsFunc(settings, changesBootstrap) {
		return clone(t, e, settings...)
	}
	d := prepare(t, e, settings...)
	d.boot = d.bootstrap("Acme")
	return d
}

// changesBootstrap reports whether what bootstrap makes depends on a setting.
func changesBootstrap(setting string) bool {
	name, _, _ := strings.Cut(setting, "=")
	return slices.Contains([]string{"KIKET_AUTH_ISSUER", "KIKET_AUTH_DEFAULT_AUDIENCE", "KIKET_AUTH_SCOPES", "KIKET_AUTH_MASTER_KEY"}, name)
}

// templates are databases with the organization Acme, one for each engine, made when
// the first test wants one.
var templates = map[engine]*template{sqlite: {}, postgres: {}}

type template struct {
	once sync.Once
	made *deployment
}

// clone copies the template, which is much faster than making another.
func clone(t testing.TB, e engine, settings ...string) *deployment {
	t.Helper()
	from := templates[e]
	from.once.Do(func() {
		made := prepare(t, e)
		made.boot = made.bootstrap("Acme")
		if e == sqlite { // out of the folder that ends with this test
			made.url = "sqlite:" + filepath.Join(scratch, "template.db")
			copyFiles(t, filepath.Join(made.dir, "kiket-auth.db"), filepath.Join(scratch, "template.db"))
		}
		from.made = made
	})
	if from.made == nil {
		t.Fatal("there is no template: the test that was to make it has failed")
	}
	d := &deployment{t: t, engine: e, dir: t.TempDir(), masterKey: from.made.masterKey, settings: settings, boot: from.made.boot}
	switch e {
	case sqlite:
		d.url = "sqlite:" + filepath.Join(d.dir, "kiket-auth.db")
		copyFiles(t, strings.TrimPrefix(from.made.url, "sqlite:"), filepath.Join(d.dir, "kiket-auth.db"))
	case postgres:
		d.url = cluster.CloneDatabase(t, from.made.url)
	}
	return d
}

// copyFiles copies a SQLite database that nobody has open.
func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	files, err := filepath.Glob(from + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(to+strings.TrimPrefix(file, from), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (d *deployment) bootstrap(organization string) bootstrapped {
	d.t.Helper()
	var b bootstrapped
	out := d.run("bootstrap", "--organization", organization, "--email", "admin@"+strings.ToLower(organization)+".test", "--json")
	if err := json.Unmarshal([]byte(out), &b); err != nil {
		d.t.Fatalf("bootstrap printed %q: %v", out, err)
	}
	return b
}

// environ is the environment of the program: nothing of the test's own but what
// a process needs.
func (d *deployment) environ() []string {
	base := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir,
		"KIKET_AUTH_DATABASE_URL=" + d.url,
		"KIKET_AUTH_MASTER_KEY=" + d.masterKey.Reveal(),
		"KIKET_AUTH_LISTEN=127.0.0.1:0",
		"KIKET_AUTH_LOG_FORMAT=json",
		"KIKET_AUTH_SHUTDOWN_DELAY=0s",
	}
	return slices.Concat(base, d.settings) // the last of equal names wins
}

// run runs a subcommand that must succeed and returns its standard output.
func (d *deployment) run(args ...string) string {
	d.t.Helper()
	stdout, stderr, err := d.try(args...)
	if err != nil {
		d.t.Fatalf("kiket-auth %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

// try runs a subcommand.
func (d *deployment) try(args ...string) (stdout, stderr string, err error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	// A program with the race detector sleeps for a second before it ends.
	cmd.Dir, cmd.Env = d.dir, append(d.environ(), "GORACE=atexit_sleep_ms=0")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// verbs opens the database beside the server, once, and returns the same verbs
// that the server calls, to make what there is no command for.
func (d *deployment) verbs() *server.Server {
	d.t.Helper()
	if d.opened != nil {
		return d.opened
	}
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret(d.url)})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = store.Close() })
	sealer, err := keys.NewSealer([]storage.Secret{d.masterKey})
	if err != nil {
		d.t.Fatal(err)
	}
	catalogue, err := storage.NewCatalogue()
	if err != nil {
		d.t.Fatal(err)
	}
	ring, err := keys.NewRing(keys.RingOptions{
		Store: store, Sealer: sealer, Algorithm: "ES256", TokenLifetime: time.Hour,
		PublishFor: 5 * time.Minute, Clock: time.Now, Logger: discard(),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	web := outbound.New(outbound.Options{})
	d.opened = server.New(server.Options{
		Store: store, Ring: ring, Sealer: sealer, RequestLimit: 1200, Outbound: web, Messenger: &messages.Sender{Web: web, Clock: time.Now}, AlertRetry: time.Minute, Issuer: issuer, DefaultAudience: audience,
		AccessTokenLifetime: time.Hour, TokenRetention: time.Hour,
		SessionLifetime: time.Hour, SessionIdleTimeout: time.Hour, Catalogue: catalogue, Clock: time.Now, Logger: discard(),
	})
	return d.opened
}

// instance is a running server.
type instance struct {
	*deployment
	base   string // http://127.0.0.1:port
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of the process, once exited is closed

	mu     sync.Mutex
	stderr bytes.Buffer
	stdout bytes.Buffer
}

// start runs a server on a new deployment and stops it when the test ends.
func start(t testing.TB, e engine, settings ...string) *instance {
	t.Helper()
	return deploy(t, e, settings...).serve()
}

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// serve starts a server on the deployment and returns when it listens.
func (d *deployment) serve(settings ...string) *instance {
	d.t.Helper()
	i := &instance{deployment: d, exited: make(chan struct{})}
	i.cmd = exec.Command(binary, "serve")
	i.cmd.Dir, i.cmd.Env = d.dir, append(d.environ(), settings...)
	i.cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.stdout.Write(p)
	})
	pipe, err := i.cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := i.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	bound := make(chan string, 1)
	go i.follow(pipe, bound)
	d.t.Cleanup(func() { i.kill() })
	select {
	case address := <-bound:
		i.base = "http://" + address
	case <-i.exited:
		d.t.Fatalf("the server ended: %v\n%s", i.err, i.log())
	case <-time.After(30 * time.Second):
		d.t.Fatalf("the server does not listen\n%s", i.log())
	}
	return i
}

// follow keeps the log, reports the address, and waits for the end.
func (i *instance) follow(pipe io.Reader, bound chan<- string) {
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		i.mu.Lock()
		i.stderr.WriteString(lines.Text() + "\n")
		i.mu.Unlock()
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			bound <- m[1]
		}
	}
	i.err = i.cmd.Wait()
	close(i.exited)
}

// log returns what the server has logged so far.
func (i *instance) log() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.stderr.String()
}

// printed returns what the server has printed on standard output so far.
func (i *instance) printed() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.stdout.String()
}

// stop sends SIGTERM and returns how the process ended; nil is exit code 0.
func (i *instance) stop() error {
	i.t.Helper()
	_ = i.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.exited:
	case <-time.After(30 * time.Second):
		i.t.Fatalf("the server does not stop\n%s", i.log())
	}
	return i.err
}

// kill ends the process as kill -9 does.
func (i *instance) kill() {
	_ = i.cmd.Process.Kill()
	<-i.exited
}

// eventually calls f until it returns nil, or fails the test with its last error.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("did not happen in time: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // asks again, of a process that gives no event
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
