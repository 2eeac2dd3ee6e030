package keys_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// accessToken is the type that the tests sign.
const accessToken = "at+jwt"

// tokenLifetime and publishFor are those of the rings of the tests.
const (
	tokenLifetime = time.Hour
	publishFor    = 5 * time.Minute
	announcement  = publishFor + 10*time.Second
	leeway        = 5 * time.Minute
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set moves the clock to a point in time.
func (c *clock) Set(t time.Time) { c.Advance(t.Sub(c.Now())) }

// newStore returns an empty database.
func newStore(tb testing.TB) *gormstore.Store {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.db")
	content, err := migratedFile()
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return openStore(tb, "sqlite:"+path)
}

// migratedFile is a migrated database: to write it out is much faster than to migrate
// another one.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "keys-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "keys.db")
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite:" + path)})
	if err != nil {
		return nil, err
	}
	_, err = store.Migrate(context.Background())
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // all of it: to close is to empty the log beside it
})

func openStore(tb testing.TB, url string) *gormstore.Store {
	tb.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret(url)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	if _, err := store.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return store
}

func newSealer(tb testing.TB, masterKeys ...storage.Secret) *keys.Sealer {
	tb.Helper()
	if len(masterKeys) == 0 {
		masterKeys = []storage.Secret{keys.GenerateMasterKey()}
	}
	s, err := keys.NewSealer(masterKeys)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// installation is one database, one master key and one clock, on which any
// number of rings stand.
type installation struct {
	store  *gormstore.Store
	sealer *keys.Sealer
	clock  *clock
	log    *bytes.Buffer // to be read when no ring is at work
	logger *slog.Logger
}

func newInstallation(tb testing.TB) *installation {
	tb.Helper()
	log := &bytes.Buffer{}
	return &installation{
		store: newStore(tb), sealer: newSealer(tb), clock: newClock(),
		log: log, logger: slog.New(slog.NewTextHandler(log, nil)),
	}
}

func (i *installation) options() keys.RingOptions {
	return keys.RingOptions{
		Store: i.store, Sealer: i.sealer, TokenLifetime: tokenLifetime, PublishFor: publishFor,
		RotateEvery: keys.DefaultRotateEvery, Clock: i.clock.Now, Logger: i.logger,
	}
}

// ring returns one more replica, not loaded. change may alter its options.
func (i *installation) ring(tb testing.TB, change ...func(*keys.RingOptions)) *keys.Ring {
	tb.Helper()
	o := i.options()
	for _, f := range change {
		f(&o)
	}
	r, err := keys.NewRing(o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// loaded returns one more replica that has started.
func (i *installation) loaded(tb testing.TB, change ...func(*keys.RingOptions)) *keys.Ring {
	tb.Helper()
	r := i.ring(tb, change...)
	if err := r.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}

func withSealer(s *keys.Sealer) func(*keys.RingOptions) {
	return func(o *keys.RingOptions) { o.Sealer = s }
}

func withAlgorithm(a keys.Algorithm) func(*keys.RingOptions) {
	return func(o *keys.RingOptions) { o.Algorithm = a }
}

// claims are what the tests sign.
func claims() map[string]any {
	return map[string]any{
		"iss": "https://auth.example", "sub": "application", "aud": "https://auth.example/api",
		"jti": "Zm9vYmFyYmF6cXV4cXV1eA", "scope": "issues:read projects",
		"iat": 1772366400, "exp": 1772370000, "client_id": "application", "organization_id": 1,
	}
}

func sign(tb testing.TB, r *keys.Ring) (token, keyID string) {
	tb.Helper()
	token, keyID, err := r.Sign(tb.Context(), accessToken, claims())
	if err != nil {
		tb.Error(err) // not Fatal: it is called on goroutines too
	}
	return token, keyID
}

func list(tb testing.TB, r *keys.Ring) []keys.Key {
	tb.Helper()
	all, err := r.List(context.WithoutCancel(tb.Context()))
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
