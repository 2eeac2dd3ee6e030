package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// auditOf returns the events of an organization (0: of the platform) with that action.
func (d *deployment) auditOf(t testing.TB, organization int64, action string) []storage.AuditEvent {
	t.Helper()
	events, err := d.verbs().Store.FindAuditEvents(t.Context(), storage.AuditFilter{OrganizationID: organization, Action: action}, storage.AuditPage{OldestFirst: true, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Whoever fails to authenticate a thousand times makes a few events, which count them.
func TestAuditOfFailures(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		application := i.application("issues")
		wrong := "kcs_" + strings.Repeat("0", 48)
		revoked := i.workspaceToken(time.Time{}, "issues")
		i.call(t, "DELETE", "/workspace_api_tokens/"+fmt.Sprint(revoked.Token.ID), i.admin(), nil).want(t, http.StatusNoContent)
		const times = 60
		for range times {
			i.post(t, "/oauth/token", credentials{application.id, wrong}, "grant_type", "client_credentials")
			i.post(t, "/oauth/token", credentials{"app_nobody", wrong}, "grant_type", "client_credentials")
			i.call(t, "GET", "/me", revoked.Secret.Reveal(), nil)
		}
		if err := i.stop(); err != nil {
			t.Fatal(err)
		}
		counted := map[string]float64{}
		for _, organization := range []int64{i.boot.Organization.ID, 0} {
			for _, event := range i.auditOf(t, organization, "authentication.failed") {
				counted[event.Target.Kind+" "+event.Target.Name] += event.Details["count"].(float64)
			}
		}
		want := map[string]float64{"oauth_application Application of a test": times, "client ": times, "workspace_api_token " + revoked.Token.Name: times}
		if diff := cmp.Diff(want, counted); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := len(i.auditOf(t, i.boot.Organization.ID, "authentication.failed")); n > 6 {
			t.Errorf("%d events", n)
		}
	})
}

// The platform's log says with which settings servers start, and what becomes of keys.
func TestAuditOfThePlatform(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for _, settings := range [][]string{nil, {"KIKET_AUTH_API_RATE_LIMIT=77"}, {"KIKET_AUTH_API_RATE_LIMIT=77"}} {
			if err := i.stop(); err != nil {
				t.Fatal(err)
			}
			i = i.deployment.serve(settings...)
		}
		i.run("keys", "rotate")
		events := i.auditOf(t, 0, "configuration.changed")
		if len(events) != 2 || events[0].Actor.Kind != "server" {
			t.Fatalf("%d events of settings: %+v", len(events), events)
		}
		changes := map[string]any{"api_rate_limit": map[string]any{"before": "1200", "after": "77"}}
		if diff := cmp.Diff(changes, events[1].Details["changes"]); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		settings, _ := events[1].Details["settings"].(map[string]any)
		if _, secret := settings["database_url"]; secret || settings["issuer"] != issuer {
			t.Errorf("settings: %v", settings)
		}
		keys := i.auditOf(t, 0, "signing_key.created")
		if len(keys) != 2 || keys[0].Actor.Kind != "server" || keys[1].Actor.Kind != "operator" || keys[1].Details["algorithm"] != "ES256" {
			t.Errorf("keys: %+v", keys)
		}
	})
}
