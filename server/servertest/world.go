// Package servertest assembles a whole server on a database of its own, with a clock that
// stands until a test moves it, for tests of verbs that need more than their own package.
package servertest

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// Issuer is where the server says that it is.
const Issuer = "https://auth.test"

// Origin is where requests come from.
var Origin = access.Origin{Address: "198.51.100.7", UserAgent: "Firefox", RequestID: "request-1"}

// World is a server on an empty database.
type World struct {
	*server.Server
	T     *testing.T
	Ctx   context.Context
	Store *gormstore.Store
	Post  *Post

	mu  sync.Mutex
	now time.Time
}

// New returns a world on SQLite.
func New(t *testing.T) *World {
	t.Helper()
	return Open(t, "sqlite:"+filepath.Join(t.TempDir(), "kiket-auth.db"))
}

// Open returns a world on the database that the URL names, which must be empty.
func Open(t *testing.T, url string) *World {
	t.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret(url)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &World{T: t, Ctx: t.Context(), Store: store, Post: &Post{mail: true}, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	_, err = store.Migrate(w.Ctx)
	w.OK(err)
	sealer, err := keys.NewSealer([]storage.Secret{keys.GenerateMasterKey()})
	w.OK(err)
	catalogue, err := storage.NewCatalogue()
	w.OK(err)
	ring, err := keys.NewRing(keys.RingOptions{Store: store, Sealer: sealer, TokenLifetime: time.Hour, Clock: w.Now})
	w.OK(err)
	w.Server = server.New(server.Options{
		Store: store, Ring: ring, Sealer: sealer, Outbound: nowhere{}, Messenger: w.Post, AlertRetry: time.Minute,
		Issuer: Issuer, DefaultAudience: Issuer + "/api", AccessTokenLifetime: time.Hour, RequestLimit: 1000,
		SessionLifetime: 24 * time.Hour, SessionIdleTimeout: 12 * time.Hour, Catalogue: catalogue, Clock: w.Now, Logger: slog.New(slog.DiscardHandler),
	})
	return w
}

// Now is the time.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Pass lets time pass.
func (w *World) Pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// OK ends the test on an error.
func (w *World) OK(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// WantInvalid checks that it is the field that is wrong.
func (w *World) WantInvalid(what string, err error, field string) {
	w.T.Helper()
	var invalid *storage.Invalid
	if !errors.As(err, &invalid) || invalid.Field != field {
		w.T.Errorf("%s: got %v, want %s to be invalid", what, err, field)
	}
}

// WantRefused checks that it was refused with the code.
func (w *World) WantRefused(what string, err error, code string) {
	w.T.Helper()
	var refusal *access.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		w.T.Errorf("%s: got %v, want it refused as %s", what, err, code)
	}
}

// Events are the audit events of an organization so far; 0: of the platform.
func (w *World) Events(organizationID int64) []storage.AuditEvent {
	w.T.Helper()
	events, err := w.Store.AuditEvents(w.Ctx, organizationID, 0, 1000)
	w.OK(err)
	return events
}

// nowhere is a web in which nothing is.
type nowhere struct{}

func (nowhere) CheckURL(string) error { return errors.New("nowhere") }

func (nowhere) Fetch(context.Context, string) ([]byte, error) { return nil, errors.New("nowhere") }

// Post keeps the mail that is sent.
type Post struct {
	mu     sync.Mutex
	mail   bool
	fail   error
	resets []sessions.ResetMail
}

// Close takes the mail server away for good.
func (p *Post) Close() { p.mail = false }

// Fail has everything fail that is sent from now on, unless err is nil.
func (p *Post) Fail(err error) { p.fail = err }

// Resets returns the mail for forgotten passwords that was sent since it was last asked.
func (p *Post) Resets() []sessions.ResetMail {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.resets
	p.resets = nil
	return sent
}

// SendsMail implements [alerts.Messenger].
func (p *Post) SendsMail() bool { return p.mail }

// CheckURL implements [alerts.Messenger].
func (*Post) CheckURL(string) error { return nil }

// Send implements [alerts.Messenger].
func (p *Post) Send(context.Context, alerts.Destination, alerts.Message) error { return p.fail }

// SendReset implements [sessions.Mail].
func (p *Post) SendReset(_ context.Context, m sessions.ResetMail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail == nil {
		p.resets = append(p.resets, m)
	}
	return p.fail
}
