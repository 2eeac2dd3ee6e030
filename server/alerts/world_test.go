package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// post is a messenger that keeps what it is given.
type post struct {
	mu       sync.Mutex
	mail     bool
	attempts int
	fail     error
	sent     []string // address or URL, and what
	// stalls are URLs at which nothing is said until the channel is closed; what begins
	// to be sent there is put into stalled.
	stalls  map[string]chan struct{}
	stalled chan string
}

func (p *post) SendsMail() bool { return p.mail }

func (*post) CheckURL(text string) error {
	if text[:min(8, len(text))] != "https://" {
		return errors.New("want https")
	}
	return nil
}

func (p *post) Send(_ context.Context, to Destination, m Message) error {
	if ended := p.stalls[to.URL.Reveal()]; ended != nil {
		p.stalled <- to.URL.Reveal()
		<-ended
		return &DeliveryError{Reason: "it did not answer in time", Err: errors.New("too late")}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempts++
	if p.fail != nil {
		return p.fail
	}
	p.sent = append(p.sent, fmt.Sprintf("%s%s %s %d", to.Address, to.URL.Reveal(), m.Kind, m.Count))
	return nil
}

// took returns what was sent since it was last asked, sorted.
func (p *post) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	slices.Sort(sent)
	return sent
}

type world struct {
	*Service
	t     *testing.T
	post  *post
	store *gormstore.Store
	org   int64
	now   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite:" + filepath.Join(t.TempDir(), "kiket-auth.db"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	sealer, err := keys.NewSealer([]storage.Secret{keys.GenerateMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, post: &post{mail: true}, store: store, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.Service = New(Options{
		Store: store, Audit: &audit.Recorder{Store: store, Clock: clock}, Sealer: sealer, Messenger: w.post, Issuer: "https://auth.test",
		RetryAfter: time.Minute, Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	acme := storage.Organization{Slug: "acme", Name: "Acme", CreatedAt: w.now}
	w.ok(store.CreateOrganization(t.Context(), &acme))
	w.org = acme.ID
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) email(address string) storage.AlertChannel {
	w.t.Helper()
	made, err := w.CreateChannel(w.t.Context(), access.Operator(), w.org, ChannelRequest{Kind: storage.EmailChannel, Address: address})
	w.ok(err)
	return made.Channel
}

func (w *world) trouble(id, count int64) {
	w.t.Helper()
	w.ok(w.Raise(w.t.Context(), Trouble{
		OrganizationID: w.org, Rule: RevokedUsed, Subject: storage.Party{Kind: "workspace_api_token", ID: id, Name: "CI"},
		Summary: "It was used", Count: count, FirstAt: w.now, LastAt: w.now,
	}))
}

// deliver sends all that is due, and returns what was.
func (w *world) delivered() []string {
	w.t.Helper()
	for {
		var tasks sync.WaitGroup
		before := len(w.post.sent)
		w.ok(w.turn(w.t.Context(), &tasks))
		tasks.Wait()
		if len(w.post.sent) == before {
			return w.post.took()
		}
	}
}

func (w *world) want(what string, got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// actions are those of the audit events so far.
func (w *world) actions() []string {
	w.t.Helper()
	events, err := w.store.AuditEvents(w.t.Context(), w.org, 0, 1000)
	w.ok(err)
	var actions []string
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	return actions
}
