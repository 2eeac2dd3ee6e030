package sessions_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

const (
	avery    = "avery@acme.test"
	password = "correct horse battery"
	another  = "staple on the doorstep"
)

var origin = access.Origin{Address: "198.51.100.7", UserAgent: "Firefox", RequestID: "request-1"}

// world is a server with an organization and its admin, Avery, and a clock that stands.
type world struct {
	*server.Server
	t     *testing.T
	ctx   context.Context
	store *gormstore.Store
	post  *post
	acme  storage.Organization
	now   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite:" + filepath.Join(t.TempDir(), "kiket-auth.db"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t: t, ctx: t.Context(), store: store, post: &post{mail: true}, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	_, err = store.Migrate(w.ctx)
	w.ok(err)
	sealer, err := keys.NewSealer([]storage.Secret{keys.GenerateMasterKey()})
	w.ok(err)
	catalogue, err := storage.NewCatalogue()
	w.ok(err)
	clock := func() time.Time { return w.now }
	ring, err := keys.NewRing(keys.RingOptions{Store: store, Sealer: sealer, TokenLifetime: time.Hour, Clock: clock})
	w.ok(err)
	w.Server = server.New(server.Options{
		Store: store, Ring: ring, Sealer: sealer, Outbound: nowhere{}, Messenger: w.post, AlertRetry: time.Minute,
		Issuer: "https://auth.test", DefaultAudience: "https://api.test", AccessTokenLifetime: time.Hour, RequestLimit: 1000,
		SessionLifetime: 24 * time.Hour, SessionIdleTimeout: 12 * time.Hour, Catalogue: catalogue, Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	w.acme = w.organization("Acme")
	return w
}

// organization makes one of which Avery is a member, always with the same password.
func (w *world) organization(name string) storage.Organization {
	w.t.Helper()
	created, err := w.Organizations.Create(w.ctx, access.Operator(), organizations.Creation{Name: name, Email: "owner@acme.test"})
	w.ok(err)
	w.member(created.Organization, avery)
	return created.Organization
}

func (w *world) member(o storage.Organization, email string) {
	w.t.Helper()
	_, err := w.Members.Add(w.ctx, access.Operator(), o.ID, members.Addition{
		Email: email, Name: "Avery", Role: storage.RoleAdmin, Password: storage.NewSecret(password),
	})
	w.ok(err)
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// wantInvalid checks that it is the field that is wrong.
func (w *world) wantInvalid(what string, err error, field string) {
	w.t.Helper()
	var invalid *storage.Invalid
	if !errors.As(err, &invalid) || invalid.Field != field {
		w.t.Errorf("%s: got %v, want %s to be invalid", what, err, field)
	}
}

func (w *world) signIn(organization, password string) (sessions.SignedIn, error) {
	return w.Sessions.SignIn(w.ctx, origin, sessions.Credentials{Email: avery, Password: storage.NewSecret(password), Organization: organization})
}

func (w *world) signedIn(organization string) sessions.SignedIn {
	w.t.Helper()
	signed, err := w.signIn(organization, password)
	w.ok(err)
	return signed
}

// credential is what a session is when it is looked up now.
func (w *world) credential(s sessions.SignedIn) storage.Credential {
	w.t.Helper()
	c, err := w.store.CredentialByReference(w.ctx, storage.TokenReferenceOf(s.Session.Token))
	w.ok(err)
	return c
}

func (w *world) caller(s sessions.SignedIn) access.Caller {
	w.t.Helper()
	return access.FromCredential(w.credential(s), w.Catalogue, origin)
}

// actions are those of an organization's audit events from the given one on, which are
// "" for the first, with the kind of who did them.
func (w *world) actions(o storage.Organization, from int) []string {
	w.t.Helper()
	events, err := w.store.AuditEvents(w.ctx, o.ID, 0, 1000)
	w.ok(err)
	var actions []string
	for _, e := range events[from:] {
		actions = append(actions, e.Actor.Kind+" "+e.Action)
	}
	return actions
}

// nowhere is a web in which nothing is.
type nowhere struct{}

func (nowhere) CheckURL(string) error { return errors.New("nowhere") }

func (nowhere) Fetch(context.Context, string) ([]byte, error) { return nil, errors.New("nowhere") }

// post keeps what is sent.
type post struct{ mail bool }

func (p *post) SendsMail() bool { return p.mail }

func (*post) CheckURL(string) error { return nil }

func (*post) Send(context.Context, alerts.Destination, alerts.Message) error { return nil }
