package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"kiket.dev/auth/server/alerts"
)

// rules returns the rules as a caller sees them, by name.
func (i *instance) rules(t *testing.T, token string) map[string]map[string]any {
	t.Helper()
	rules := map[string]map[string]any{}
	for _, each := range i.call(t, "GET", "/alert_rules", token, nil).want(t, 200)["alert_rules"].([]any) {
		rule, _ := each.(map[string]any)
		rules[fmt.Sprint(rule["rule"])] = rule
	}
	return rules
}

// Each organization sets what its rules do, within bounds, and for itself alone.
func TestAlertSettings(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		theirs := i.bootstrap("Globex").WorkspaceAPIToken.Token
		listed := i.rules(t, i.admin())
		for _, d := range alerts.Definitions() {
			rule := listed[string(d.Rule)]
			if rule["enabled"] != true || rule["description"] != d.Description || (rule["threshold"] == nil) != (d.Threshold == nil) {
				t.Errorf("%s: %v", d.Rule, rule)
			}
		}
		if len(listed) != len(alerts.Definitions()) {
			t.Errorf("%d rules", len(listed))
		}
		const failures = "/alert_rules/authentication_failures"
		patch := func(path string, body any) answer {
			t.Helper()
			return i.call(t, "PATCH", path, i.admin(), body)
		}
		changed := patch(failures, `{"alert_rule":{"threshold":3,"window_seconds":600}}`).want(t, 200)
		if changed["threshold"] != 3.0 || changed["window_seconds"] != 600.0 || changed["enabled"] != true {
			t.Errorf("changed: %v", changed)
		}
		if got := i.rules(t, theirs)["authentication_failures"]["threshold"]; got != 20.0 {
			t.Errorf("another organization's threshold is %v", got)
		}
		patch(failures, `{"threshold":2,"window_seconds":9223372036854775807}`).wantInvalid(t, "threshold", "window_seconds")
		patch(failures, `{"threshold":-3,"window_seconds":0}`).wantInvalid(t, "threshold", "window_seconds")
		patch(failures, `{"enabled":"no","nonsense":1}`).wantInvalid(t, "enabled", "nonsense")
		patch("/alert_rules/revoked_credential_used", `{"threshold":3,"window_seconds":null}`).wantInvalid(t, "threshold", "window_seconds")
		patch("/alert_rules/nonsense", `{}`).wantProblem(t, 404, "not_found")
		patch("/alert_rules/expired_credential_used", `{"enabled":false}`).want(t, 200)
		if off := i.rules(t, i.admin())["expired_credential_used"]; off["enabled"] != false {
			t.Errorf("off: %v", off)
		}

		made := i.call(t, "POST", "/oauth_applications", i.admin(), `{"name":"attacked","scopes":["issues"]}`).want(t, 201)
		guess := credentials{fmt.Sprint(made["client_id"]), "guess"}
		tried, last := 0, time.Time{}
		eventually(t, func() error { // the watch learns of the threshold within ten seconds
			if tried < 19 && time.Since(last) > time.Second {
				i.post(t, "/oauth/token", guess, "grant_type", "client_credentials")
				tried, last = tried+1, time.Now()
			}
			if i.openAlerts(t)["authentication_failures attacked"] == nil {
				return fmt.Errorf("no alert after %d attempts", tried)
			}
			return nil
		})

		back := patch(failures, `{"threshold":null}`).want(t, 200)
		if back["threshold"] != 20.0 || back["window_seconds"] != 600.0 {
			t.Errorf("put back: %v", back)
		}
		events := i.call(t, "GET", "/audit_events?action=alert_rule.updated", i.admin(), nil).want(t, 200)["audit_events"].([]any)
		details := fmt.Sprint(events[0].(map[string]any)["details"])
		if len(events) != 3 || details != "map[after:map[enabled:true threshold:20 window_seconds:600] before:map[enabled:true threshold:3 window_seconds:600]]" {
			t.Errorf("%d events, the last with %s", len(events), details)
		}
		slices.Reverse(events)
		if name := events[0].(map[string]any)["target"].(map[string]any)["name"]; name != "authentication_failures" {
			t.Errorf("the first is about %v", name)
		}
	})
}
