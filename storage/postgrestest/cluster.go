package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options says what kind of cluster to make.
type Options struct {
	// Durable makes commits reach the disk before they are answered, as in
	// production. It is for benchmarks; tests are faster without.
	Durable bool
}

// Cluster is a PostgreSQL of this test process.
type Cluster struct {
	bin, dir string
	port     int
	options  Options
	user     *syscall.Credential // whom the server runs as; nil: ourselves

	mu        sync.Mutex
	server    *exec.Cmd
	exited    chan struct{} // closed when server has
	output    lockedBuffer
	databases int
}

// superuser is the only role there is. It needs no password: the cluster listens
// on the loopback interface alone.
const superuser = "postgres"

// startTimeout bounds how long the server may take to answer for the first time.
const startTimeout = 60 * time.Second

// Main starts a cluster, stores it where cluster points to, runs the tests and
// removes the cluster. It returns the exit code for [os.Exit].
func Main(m *testing.M, cluster **Cluster, o Options) int {
	c, err := New(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Close()
	*cluster = c
	return m.Run()
}

// Start starts a cluster that is removed when the test ends.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// New makes a cluster and starts it. [Cluster.Close] removes it.
func New(o Options) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // it may have to be installed
	defer cancel()
	c := &Cluster{options: o}
	var err error
	if c.bin, err = binaries(ctx); err != nil {
		return nil, err
	}
	if c.user, err = serverUser(); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "postgrestest-"); err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	if err := c.initialize(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	if err := c.startSomewhere(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	return c, nil
}

// startSomewhere picks a port and starts there. Another process may take the port
// in between, and then another one is picked.
func (c *Cluster) startSomewhere() error {
	var errs []error
	for range 3 {
		port, err := freePort()
		if err != nil {
			return err
		}
		c.port = port
		if err = c.Start(); err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// serverUser returns whom to run the server as: PostgreSQL refuses to be root.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{superuser, "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

func (c *Cluster) initialize(ctx context.Context) error {
	if c.user != nil {
		if err := os.Chown(c.dir, int(c.user.Uid), int(c.user.Gid)); err != nil {
			return fmt.Errorf("preparing the folder of PostgreSQL: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "--pgdata", c.dataDir(), "--username", superuser,
		"--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (c *Cluster) dataDir() string { return filepath.Join(c.dir, "data") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a port for PostgreSQL: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// arguments are those of the server. Nothing in the tests is worth a disk write.
func (c *Cluster) arguments() []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(c.port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"log_min_messages":        "fatal",
		"log_min_error_statement": "panic",
		"jit":                     "off",
	}
	if !c.options.Durable {
		// Without fsync a commit still survives the server, though not the machine.
		settings["fsync"], settings["full_page_writes"] = "off", "off"
		settings["autovacuum"] = "off"
	}
	args := []string{"-D", c.dataDir()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// Start starts the server again after [Cluster.Stop], on the same port, and
// returns when it answers.
func (c *Cluster) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		return errors.New("PostgreSQL is running already")
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), c.arguments()...)
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = &c.output, &c.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	exited := make(chan struct{})
	if err := launch(cmd, exited); err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	c.server, c.exited = cmd, exited
	if err := c.awaitAnswer(); err != nil {
		c.signal(syscall.SIGQUIT)
		return err
	}
	return nil
}

// launch starts the command and waits for its end, from one thread that lives as
// long: the kernel sends the death signal when the thread that started the
// process ends, not when the process does.
func launch(cmd *exec.Cmd, exited chan<- struct{}) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // however it ends, it is over
			close(exited)
		}
	}()
	return <-started
}

func (c *Cluster) awaitAnswer() error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		err := c.execute("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("PostgreSQL ended at once:\n%s", c.output.String())
		case <-deadline.C:
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, c.output.String())
		case <-retry.C:
		}
	}
}

// Stop ends the server at once, as a crash would: connections break, and what was
// not durable is lost. It does nothing if none runs.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signal(syscall.SIGQUIT)
}

// Restart stops the server in order and starts it again.
func (c *Cluster) Restart() error {
	c.mu.Lock()
	c.signal(syscall.SIGINT)
	c.mu.Unlock()
	return c.Start()
}

// signal sends the signal and waits until the server is gone.
func (c *Cluster) signal(signal syscall.Signal) {
	if c.server == nil {
		return
	}
	_ = c.server.Process.Signal(signal) // it may be gone already
	select {
	case <-c.exited:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-c.server.Process.Pid, syscall.SIGKILL)
		<-c.exited
	}
	c.server = nil
}

// Close stops the server and removes all that it left behind.
func (c *Cluster) Close() {
	c.Stop()
	_ = os.RemoveAll(c.dir) // a temporary folder
}

// URL returns the URL of a database of the cluster.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", superuser, c.port, database)
}

// Address returns host and port, for a proxy to be put in front.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// NewDatabase makes an empty database and returns its URL.
func (c *Cluster) NewDatabase(t testing.TB) string {
	t.Helper()
	return c.newDatabase(t, "template1")
}

// CloneDatabase makes a copy of a database that nobody is connected to, which is
// much faster than migrating another one, and returns its URL.
func (c *Cluster) CloneDatabase(t testing.TB, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return c.newDatabase(t, config.Database)
}

func (c *Cluster) newDatabase(t testing.TB, template string) string {
	t.Helper()
	c.mu.Lock()
	c.databases++
	name := fmt.Sprintf("test%d", c.databases)
	c.mu.Unlock()
	if err := c.execute(fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template)); err != nil {
		t.Fatalf("making a database: %v", err)
	}
	return c.URL(name)
}

// execute runs a statement as the superuser.
func (c *Cluster) execute(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// lockedBuffer collects what the server says.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all of it.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
