package alerts

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// stormy is a world with a watch, and applications that storms are about.
type stormy struct {
	*world
	watch    *Watch
	one, two storage.Client
}

func newStormy(t *testing.T) *stormy {
	w := &stormy{world: newWorld(t)}
	for id, c := range map[string]*storage.Client{"app_1": &w.one, "app_2": &w.two} {
		*c = storage.Client{Kind: storage.Application, OrganizationID: w.org, ClientID: id, Name: id, CreatedAt: w.now}
		w.ok(w.store.CreateClient(t.Context(), c))
	}
	w.watch = NewWatch(w.Raise, w.store, w.Clock, slog.New(slog.DiscardHandler))
	w.email("ops@acme.test")
	return w
}

// storms are how each rule sees its trouble once more.
var storms = map[Rule]func(w *stormy, n int){
	AuditBroken: func(w *stormy, _ int) {
		w.ok(w.AuditBroken(w.t.Context(), w.org, []audit.Finding{{Kind: audit.Removed, Sequence: 5, Detail: "the event at 5 is not there"}}))
	},
	RevokedUsed: func(w *stormy, _ int) { w.watch.Inactive(w.token(w.now, time.Time{}), Sighting{}) },
	ExpiredUsed: func(w *stormy, _ int) { w.watch.Inactive(w.token(time.Time{}, w.now), Sighting{}) },
	ApplicationFailures: func(w *stormy, n int) {
		w.watch.AuthenticationFailed("app_1", fmt.Sprintf("198.51.100.%d", n%200))
	},
	NetworkFailures: func(w *stormy, n int) {
		w.watch.AuthenticationFailed([]string{"app_1", "app_2"}[n%2], "198.51.100.1")
	},
	DormantUsed: func(w *stormy, _ int) {
		c := w.token(time.Time{}, time.Time{})
		c.Token.LastUsedAt = w.now.Add(-2 * dormantAfter)
		w.watch.Used(c, Sighting{})
	},
	NewNetwork: func(w *stormy, n int) { w.first(storage.NetworkTrait, fmt.Sprintf("198.51.%d.0/24", n%200)) },
	NewScope:   func(w *stormy, _ int) { w.first(storage.ScopeTrait, "issues") },
	TokenPerCall: func(w *stormy, _ int) {
		w.watch.Fetched(storage.Token{CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour)}, w.one)
	},
}

func (w *stormy) token(revoked, expires time.Time) storage.Credential {
	return storage.Credential{Token: storage.Token{
		ID: 42, Kind: storage.WorkspaceAPIToken, OrganizationID: w.org, Name: "CI", RevokedAt: revoked, ExpiresAt: expires,
	}}
}

func (w *stormy) first(kind storage.TraitKind, value string) {
	w.watch.FirstUsed(FirstUse{
		Subject: storage.Party{Kind: "workspace_api_token", ID: 42, Name: "CI"},
		New: storage.NewTrait{
			Trait: storage.Trait{OrganizationID: w.org, Kind: kind, Value: value}, Before: 1, Since: w.now.Add(-2 * settled),
		},
	})
}

// only lets one rule raise alerts.
func (w *stormy) only(rule Rule) {
	off := RuleUpdate{Enabled: to(false)}
	for _, d := range Definitions() {
		if d.Rule != rule {
			_, err := w.UpdateRule(w.t.Context(), access.Operator(), w.org, d.Rule, off)
			w.ok(err)
		}
	}
	w.ok(w.watch.learn(w.t.Context()))
}

// A storm of any rule is one alert and a few messages with a count, of which the last
// says how much it was.
func TestStormOfEachRule(t *testing.T) {
	const size = 1234
	for _, d := range Definitions() {
		t.Run(string(d.Rule), func(t *testing.T) {
			w := newStormy(t)
			w.only(d.Rule)
			for n := range size {
				storms[d.Rule](w, n)
				if n%100 == 0 {
					w.ok(w.watch.Flush(t.Context()))
				}
			}
			w.ok(w.watch.Flush(t.Context()))
			told := w.delivered()
			if len(told) == 0 || len(told) > 4 {
				t.Errorf("%d messages: %q", len(told), told)
			}
			w.now = w.now.Add(quiet)
			w.want("after an hour", w.delivered(), fmt.Sprintf("ops@acme.test alert %d", size))
			w.now = w.now.Add(quiet)
			w.want("after another", w.delivered())
			found, err := w.Alerts(t.Context(), access.Operator(), storage.AlertFilter{OrganizationID: w.org}, storage.Page{Limit: 10})
			w.ok(err)
			if len(found) != 1 || found[0].Rule != string(d.Rule) || found[0].Count != size {
				t.Errorf("alerts: %+v", found)
			}
			if raised := strings.Count(strings.Join(w.actions(), " "), "alert.raised"); raised != 1 {
				t.Errorf("it was written down %d times", raised)
			}
		})
	}
}

// What is wrong in many places of an audit log is one message.
func TestBrokenInManyPlaces(t *testing.T) {
	w := newStormy(t)
	var found []audit.Finding
	for n := range int64(100) {
		found = append(found, audit.Finding{Kind: audit.Changed, Sequence: n + 1, EventID: n + 7, Detail: fmt.Sprintf("event %d at %d was changed", n+7, n+1)})
	}
	w.ok(w.AuditBroken(t.Context(), w.org, found))
	w.want("all at once", w.delivered(), "ops@acme.test alert 100")
	w.ok(w.AuditBroken(t.Context(), w.org, found[5:6]))
	w.want("another, by itself", w.delivered(), "ops@acme.test alert 1")
	alerts, err := w.Alerts(t.Context(), access.Operator(), storage.AlertFilter{OrganizationID: w.org}, storage.Page{Limit: 10})
	w.ok(err)
	if s := alerts[1].Summary; s != "The audit log is not as it was sealed: changed: event 7 at 1 was changed, and 99 more" {
		t.Errorf("told as %q", s)
	}
	if link := w.Link(alerts[1].Subject); link != "https://auth.test/console/audit" {
		t.Errorf("it leads to %s", link)
	}
	if further := fmt.Sprint(alerts[1].Details["further"]); strings.Count(further, ";") != mostTold-1 {
		t.Errorf("further: %s", further)
	}
	w.only(RevokedUsed)
	w.ok(w.AuditBroken(t.Context(), w.org, found[8:]))
	w.want("when it is off", w.delivered())
}
