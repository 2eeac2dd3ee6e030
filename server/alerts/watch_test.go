package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// watched is a watch with what it has raised.
type watched struct {
	*Watch
	t      *testing.T
	now    time.Time
	raised []Trouble
	fail   error
	known  *registered
}

func newWatched(t *testing.T, clients ...storage.Client) *watched {
	w := &watched{t: t, known: &registered{clients: clients}, now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	raise := func(_ context.Context, t Trouble) error {
		if w.fail == nil {
			w.raised = append(w.raised, t)
		}
		return w.fail
	}
	w.Watch = NewWatch(raise, w.known, func() time.Time { return w.now }, slog.New(slog.DiscardHandler))
	return w
}

// registered knows clients by their client ids, and what organizations have set.
type registered struct {
	storage.ClientStore
	storage.AlertRuleStore
	clients []storage.Client
	rules   []storage.AlertRule
}

func (r *registered) AllAlertRules(context.Context) ([]storage.AlertRule, error) { return r.rules, nil }

func (r *registered) ClientByClientID(_ context.Context, id string) (storage.Client, error) {
	i := slices.IndexFunc(r.clients, func(c storage.Client) bool { return c.ClientID == id })
	if i < 0 {
		return storage.Client{}, storage.ErrNotFound
	}
	return r.clients[i], nil
}

// want flushes and compares with what was raised.
func (w *watched) want(what string, want ...string) {
	w.t.Helper()
	if err := w.Flush(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	var got []string
	for _, t := range w.raised {
		got = append(got, fmt.Sprintf("%d %s %s:%d %d", t.OrganizationID, t.Rule, t.Subject.Kind, t.Subject.ID, t.Count))
	}
	w.raised = nil
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestInactive(t *testing.T) {
	w := newWatched(t)
	before := func(d time.Duration) time.Time { return w.now.Add(-d) }
	app := storage.Client{ID: 3, Name: "Importer", CreatedAt: w.now}
	disabled := app
	disabled.DisabledAt = w.now
	owner, installed := storage.Member{UserID: 7, Name: "Avery"}, storage.Installation{ID: 5, Name: "Triage"}
	token := func(kind storage.TokenKind, revoked, expires time.Time) storage.Token {
		t := storage.Token{ID: 42, Kind: kind, OrganizationID: 1, Name: "CI", CreatedAt: before(48 * time.Hour), RevokedAt: revoked, ExpiresAt: expires}
		if kind == storage.AccessToken {
			t.ClientID, t.Name = 3, ""
		}
		return t
	}
	never, soon := time.Time{}, w.now.Add(time.Hour)
	for name, tt := range map[string]struct {
		give    storage.Credential
		rule    Rule
		summary string
	}{
		"revoked":              {storage.Credential{Token: token(storage.WorkspaceAPIToken, w.now, never), Owner: owner}, RevokedUsed, `The workspace API token "CI" was used although it is revoked`},
		"expired":              {storage.Credential{Token: token(storage.WorkspaceAPIToken, never, before(time.Second)), Owner: owner}, ExpiredUsed, `The workspace API token "CI" was used although it is expired`},
		"owner gone":           {storage.Credential{Token: token(storage.WorkspaceAPIToken, never, never)}, RevokedUsed, "(owner removed)"},
		"key":                  {storage.Credential{Token: token(storage.ExtensionKey, w.now, never), Installation: installed}, RevokedUsed, `The extension key "CI"`},
		"uninstalled":          {storage.Credential{Token: token(storage.ExtensionKey, never, never)}, RevokedUsed, "(extension uninstalled)"},
		"access token":         {storage.Credential{Token: token(storage.AccessToken, w.now, soon), Client: app}, RevokedUsed, `An access token of the application "Importer" was used although it is revoked`},
		"of all revoked":       {storage.Credential{Token: token(storage.AccessToken, never, soon), Client: app}, RevokedUsed, "revoked"},
		"just expired":         {storage.Credential{Token: token(storage.AccessToken, never, before(time.Minute)), Client: app}, "", ""},
		"long expired":         {storage.Credential{Token: token(storage.AccessToken, never, before(time.Hour)), Client: app}, ExpiredUsed, "expired"},
		"application disabled": {storage.Credential{Token: token(storage.AccessToken, never, soon), Client: disabled}, RevokedUsed, "(application disabled)"},
		"application deleted":  {storage.Credential{Token: token(storage.AccessToken, never, soon)}, RevokedUsed, "the application 3"},
		"key revoked":          {storage.Credential{Token: token(storage.AccessToken, never, soon), Client: app, KeyRevoked: true}, RevokedUsed, "(signing key revoked)"},
		"secret revoked":       {storage.Credential{Token: token(storage.AccessToken, never, soon), Client: app, SecretRevoked: true}, RevokedUsed, "(client secret revoked)"},
		"signed out":           {storage.Credential{Token: token(storage.Session, before(time.Minute), soon), Owner: owner}, "", ""},
		"long signed out":      {storage.Credential{Token: token(storage.Session, before(time.Hour), soon), Owner: owner}, RevokedUsed, `The session "Avery"`},
		"session expired":      {storage.Credential{Token: token(storage.Session, never, before(time.Hour)), Owner: owner}, "", ""},
	} {
		w.Inactive(tt.give, Sighting{Address: "198.51.100.1", UserAgent: "curl/8"})
		if err := w.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		switch {
		case tt.rule == "" && len(w.raised) == 0:
		case tt.rule == "" || len(w.raised) != 1 || w.raised[0].Rule != tt.rule || !strings.Contains(w.raised[0].Summary, tt.summary):
			t.Errorf("%s: raised %+v, want %s with %q", name, w.raised, tt.rule, tt.summary)
		case w.raised[0].Details["ip_address"] != "198.51.100.1" || w.raised[0].Details["user_agent"] != "curl/8":
			t.Errorf("%s: details %v", name, w.raised[0].Details)
		}
		w.raised = nil
	}
}

// What is seen again before it is raised, or could not be raised, is counted together.
func TestWatchCounts(t *testing.T) {
	w := newWatched(t)
	c := storage.Credential{Token: storage.Token{ID: 42, Kind: storage.WorkspaceAPIToken, OrganizationID: 1, RevokedAt: w.now}}
	began := w.now
	for range 3 {
		w.Inactive(c, Sighting{})
		w.now = w.now.Add(time.Second)
	}
	w.fail = errors.New("no database")
	if err := w.Flush(t.Context()); err == nil {
		t.Error("a failure is not told")
	}
	w.Inactive(c, Sighting{})
	w.fail = nil
	if err := w.Flush(t.Context()); err != nil || len(w.raised) != 1 {
		t.Fatal(err, w.raised)
	}
	if got := w.raised[0]; got.Count != 4 || !got.FirstAt.Equal(began) || !got.LastAt.Equal(w.now) {
		t.Errorf("raised %+v", got)
	}
	w.raised = nil
	w.want("afterwards")
	for id := range int64(mostTroubles + 10) {
		c.Token.ID = id + 1
		w.Inactive(c, Sighting{})
	}
	if err := w.Flush(t.Context()); err != nil || len(w.raised) != mostTroubles {
		t.Errorf("%d raised of too many, %v", len(w.raised), err)
	}
}

func TestBursts(t *testing.T) {
	app := storage.Client{ID: 3, Kind: storage.Application, OrganizationID: 1, ClientID: "app_1", Name: "Importer"}
	other := storage.Client{ID: 4, Kind: storage.Application, OrganizationID: 2, ClientID: "app_2"}
	server := storage.Client{ID: 5, Kind: storage.ResourceServer, ClientID: "rs_1"}
	w := newWatched(t, app, other, server)
	fail := func(times int, id, address string) {
		for range times {
			w.AuthenticationFailed(id, address)
		}
	}
	fail(mostApplicationFailures-1, "app_1", "198.51.100.1")
	w.want("below the threshold")
	fail(1, "app_1", "198.51.100.2")
	w.want("at it", "1 authentication_failures oauth_application:3 20")
	fail(5, "app_1", "198.51.100.2")
	w.want("beyond it", "1 authentication_failures oauth_application:3 5")
	w.now = w.now.Add(burstWindow + time.Minute)
	fail(mostApplicationFailures-1, "app_1", "198.51.100.1")
	w.want("when it is over")

	w.now = w.now.Add(burstWindow + time.Minute)
	fail(200, "nobody", "2001:db8::1")
	fail(200, "rs_1", "2001:db8:1::1")
	w.want("those who do not exist, or are nobody's")
	for n := range mostNetworkFailures {
		fail(1, []string{"app_1", "app_2", "nobody", "x"}[n%4], fmt.Sprintf("2001:db8:2::%x", n))
	}
	w.want("below the threshold of each, from one network", "2 authentication_failures_network network:0 50")
	fail(1, "app_1", "2001:db8:2::1")
	w.want("the next", "1 authentication_failures_network network:0 51")
	fail(1, "app_1", "2001:db8:2::1")
	fail(2, "app_2", "2001:db8:2::1")
	w.want("those after", "1 authentication_failures_network network:0 3", "2 authentication_failures_network network:0 4")
	w.now = w.now.Add(burstWindow + time.Minute)
	for n := range 5 * mostCounted {
		w.AuthenticationFailed(fmt.Sprint("made_up_", n), fmt.Sprintf("198.51.%d.%d", n>>8&255, n&255))
	}
	if len(w.failures.byKey) > mostCounted {
		t.Errorf("%d client ids are remembered", len(w.failures.byKey))
	}
	w.want("those that are made up")
	fail(mostApplicationFailures-1, "app_1", "203.0.113.1")
	for n := range 5 * mostCounted {
		w.AuthenticationFailed(fmt.Sprint("made_up_again_", n), "2001:db8:3::1")
	}
	fail(1, "app_1", "203.0.113.1")
	w.want("hidden among those that are made up", "1 authentication_failures oauth_application:3 20")
}

func TestDormant(t *testing.T) {
	w := newWatched(t)
	c := storage.Credential{Token: storage.Token{ID: 42, Kind: storage.WorkspaceAPIToken, OrganizationID: 1}}
	app := storage.Client{ID: 3, Kind: storage.Application, OrganizationID: 1}
	w.Used(c, Sighting{})
	w.Authenticated(app, Sighting{})
	w.want("never used before")
	c.Token.LastUsedAt, app.LastUsedAt = w.now.Add(time.Second-dormantAfter), w.now.Add(time.Second-dormantAfter)
	w.Used(c, Sighting{})
	w.Authenticated(app, Sighting{})
	w.want("not for long")
	w.now = w.now.Add(time.Second)
	w.Used(c, Sighting{})
	w.Authenticated(app, Sighting{})
	w.want("for long", "1 dormant_credential_used oauth_application:3 1", "1 dormant_credential_used workspace_api_token:42 1")
	c.Token.Kind, app.Kind = storage.AccessToken, storage.ResourceServer
	w.Used(c, Sighting{})
	w.Authenticated(app, Sighting{})
	w.want("what is no credential of the organization's")
}

func TestTokenPerCall(t *testing.T) {
	w := newWatched(t)
	app := storage.Client{ID: 3, Kind: storage.Application, OrganizationID: 1, ClientID: "app_1"}
	fetch := func(times int, lifetime time.Duration, scope string) {
		for range times {
			w.Fetched(storage.Token{CreatedAt: w.now, ExpiresAt: w.now.Add(lifetime), Scopes: storage.NewScopes(scope)}, app)
		}
	}
	fetch(mostFetches-1, time.Hour, "issues")
	fetch(mostFetches-1, time.Hour, "projects")
	fetch(10*mostFetches, time.Minute, "issues")
	w.want("with reason")
	fetch(3, time.Hour, "issues")
	w.want("too many of one kind", "1 token_for_every_call oauth_application:3 122")
	w.now = w.now.Add(fetchWindow + time.Minute)
	fetch(mostFetches-1, time.Hour, "issues")
	w.want("spread out")
}
