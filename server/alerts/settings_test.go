package alerts

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

func to[T any](v T) Change[T] { return Change[T]{Made: true, To: &v} }

// A rule is defined once, with defaults that organizations may set, and words.
func TestDefinitions(t *testing.T) {
	seen := map[Rule]bool{}
	for _, d := range Definitions() {
		switch {
		case seen[d.Rule] || d.Rule == "" || !strings.HasSuffix(d.Description, "."):
			t.Errorf("%s: %q", d.Rule, d.Description)
		case !slices.Contains([]Severity{Critical, Warning, Notice}, d.Severity) || SeverityOf(d.Rule) != d.Severity:
			t.Errorf("%s is %q", d.Rule, d.Severity)
		}
		seen[d.Rule] = true
		p := d.Default()
		u := RuleUpdate{Enabled: to(p.Enabled)}
		if d.Threshold != nil {
			u.Threshold = to(p.Threshold)
		}
		if d.Window != nil {
			u.Window = to(p.Window)
		}
		if err := d.check(u); err != nil || !p.Enabled {
			t.Errorf("%s: the default cannot be set: %v", d.Rule, err)
		}
		if d.Threshold != nil && d.Window.Least < time.Minute {
			t.Errorf("%s: what is counted is counted to the minute", d.Rule)
		}
	}
	if SeverityOf("what_is_no_more") != Warning {
		t.Error("a rule that is no more has another severity")
	}
}

func (w *world) rule(rule Rule) OrganizationRule {
	w.t.Helper()
	rules, err := w.Rules(w.t.Context(), access.Operator(), w.org)
	w.ok(err)
	i := slices.IndexFunc(rules, func(r OrganizationRule) bool { return r.Rule == rule })
	return rules[i]
}

func TestUpdateRule(t *testing.T) {
	w := newWorld(t)
	ctx, operator := t.Context(), access.Operator()
	update := func(rule Rule, u RuleUpdate, want Policy) {
		t.Helper()
		got, err := w.UpdateRule(ctx, operator, w.org, rule, u)
		w.ok(err)
		if got.Policy != want || w.rule(rule).Policy != want {
			t.Errorf("%s: got %+v, listed %+v, want %+v", rule, got.Policy, w.rule(rule).Policy, want)
		}
	}
	update(ApplicationFailures, RuleUpdate{}, Policy{true, 20, 5 * time.Minute})
	update(ApplicationFailures, RuleUpdate{Threshold: to(int64(5)), Window: to(time.Minute)}, Policy{true, 5, time.Minute})
	update(ApplicationFailures, RuleUpdate{Enabled: to(false)}, Policy{false, 5, time.Minute})
	update(ApplicationFailures, RuleUpdate{Enabled: to(false)}, Policy{false, 5, time.Minute})
	update(ApplicationFailures, RuleUpdate{Threshold: Change[int64]{Made: true}}, Policy{false, 20, time.Minute})
	update(DormantUsed, RuleUpdate{Window: to(30 * day)}, Policy{true, 0, 30 * day})
	w.want("what was written down", w.actions(), "alert_rule.updated", "alert_rule.updated", "alert_rule.updated", "alert_rule.updated")
	events, err := w.store.AuditEvents(ctx, w.org, 0, 2)
	w.ok(err)
	want := map[string]any{
		"before": map[string]any{"enabled": true, "threshold": 20.0, "window_seconds": 300.0},
		"after":  map[string]any{"enabled": true, "threshold": 5.0, "window_seconds": 60.0},
	}
	if diff := cmp.Diff(want, events[0].Details); diff != "" || events[0].Target.Name != string(ApplicationFailures) {
		t.Errorf("the event of %v (-want +got):\n%s", events[0].Target, diff)
	}
	for field, u := range map[string]RuleUpdate{
		"threshold: want a number from 3 to 10000":       {Threshold: to(int64(2))},
		"threshold: want a number from 3 to":             {Threshold: to(int64(1 << 62))},
		"window_seconds: want a number from 60 to 3600,": {Window: to(time.Second)},
		"window_seconds: want a number from 60 to 3600":  {Window: to(90*time.Second + 1)},
	} {
		_, err := w.UpdateRule(ctx, operator, w.org, NetworkFailures, u)
		if !errors.Is(err, storage.ErrInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v", u, err)
		}
	}
	_, err = w.UpdateRule(ctx, operator, w.org, RevokedUsed, RuleUpdate{Threshold: to(int64(3)), Window: Change[time.Duration]{Made: true}})
	if !errors.Is(err, storage.ErrInvalid) || !strings.Contains(err.Error(), "threshold: the rule has none\nwindow_seconds: the rule has none") {
		t.Errorf("what the rule does not have: %v", err)
	}
	if _, err := w.UpdateRule(ctx, operator, w.org, "nonsense", RuleUpdate{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("no rule: %v", err)
	}
	stranger := access.Caller{OrganizationID: w.org + 1, Scopes: storage.Scopes{storage.ScopeAdmin}}
	for name, err := range map[string]error{
		"Rules": failureOf(w.Rules(ctx, stranger, w.org)), "UpdateRule": failureOf(w.UpdateRule(ctx, stranger, w.org, RevokedUsed, RuleUpdate{})),
	} {
		if !errors.Is(err, access.ErrDenied) {
			t.Errorf("%s by who may not: %v", name, err)
		}
	}
}

// A watch keeps to what organizations have set, each to its own.
func TestWatchKeepsToWhatIsSet(t *testing.T) {
	one := storage.Client{ID: 3, Kind: storage.Application, OrganizationID: 1, ClientID: "app_1"}
	two := storage.Client{ID: 4, Kind: storage.Application, OrganizationID: 2, ClientID: "app_2"}
	w := newWatched(t, one, two)
	five, off, window := int64(5), false, 30*day
	w.known.rules = []storage.AlertRule{
		{OrganizationID: 1, Rule: string(ApplicationFailures), Threshold: &five},
		{OrganizationID: 1, Rule: string(DormantUsed), Window: &window},
		{OrganizationID: 2, Rule: string(RevokedUsed), Enabled: &off},
		{OrganizationID: 2, Rule: "what_is_no_more", Enabled: &off},
	}
	if err := w.learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail := func(times int, id string) {
		for range times {
			w.AuthenticationFailed(id, "198.51.100.1")
		}
	}
	fail(5, "app_1")
	fail(19, "app_2")
	w.want("a threshold", "1 authentication_failures oauth_application:3 5")
	fail(1, "app_2")
	w.want("the default", "2 authentication_failures oauth_application:4 20")
	one.LastUsedAt, two.LastUsedAt = w.now.Add(-31*day), w.now.Add(-31*day)
	w.Authenticated(one, Sighting{})
	w.Authenticated(two, Sighting{})
	w.want("a window", "1 dormant_credential_used oauth_application:3 1")
	for organization := range int64(2) {
		w.Inactive(storage.Credential{Token: storage.Token{ID: 42, Kind: storage.WorkspaceAPIToken, OrganizationID: organization + 1, RevokedAt: w.now}}, Sighting{})
	}
	w.want("what is off", "1 revoked_credential_used workspace_api_token:42 1")
}
