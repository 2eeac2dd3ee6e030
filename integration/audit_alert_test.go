package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whoever edits the audit log underneath is told of without being asked: in the
// organization concerned, once, with the event and what was done to it; of the platform's
// own in the server's log. It makes no difference how old the event is.
func TestAuditBrokenIsTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e, "KIKET_AUTH_AUDIT_VERIFY_INTERVAL=1s", "KIKET_AUTH_METRICS_LISTEN=127.0.0.1:0")
		a.channel(t, map[string]any{"kind": "email", "address": "ops@acme.test"})
		theirs := a.bootstrap("Globex")
		db := a.database(t)
		exec := func(statement string) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		// A time so long ago asks for everything to be verified, unless that is just done.
		const longAgo = "UPDATE audit_verifications SET full_at = '2001-01-01 00:00:00+00:00' WHERE chain = 1"
		fullyVerified := func() {
			t.Helper()
			eventually(t, func() error {
				var n int
				return db.QueryRowContext(t.Context(), "SELECT 1 FROM audit_verifications WHERE chain = 1 AND sequence >= 3 AND full_at > '2002-01-01 00:00:00+00:00'").Scan(&n)
			})
		}
		fullyVerified()
		verification := func() map[string]any {
			t.Helper()
			v, _ := a.call(t, "GET", "/audit_events/chain", a.admin(), nil).want(t, 200)["verification"].(map[string]any)
			return v
		}
		if v := verification(); v["findings"] != 0.0 || v["sequence"].(float64) < 3 || v["verified_at"] == nil || v["all_verified_at"] == nil {
			t.Errorf("the verification: %v", v)
		}
		visitor := a.visitingAdmin(t)
		visitor.get("/console/audit").want(http.StatusOK, "sealed through event number", "verified just now").wantNot("not as it was sealed")
		if found := a.openAlerts(t); len(found) != 0 {
			t.Fatalf("before anything was done: %v", found)
		}
		var id int64
		if err := db.QueryRowContext(t.Context(), "SELECT id FROM audit_events WHERE organization_id = 1 AND sequence = 2").Scan(&id); err != nil {
			t.Fatal(err)
		}
		exec("UPDATE audit_events SET actor_name = 'Mallory' WHERE organization_id = 1 AND sequence = 2")
		exec("DELETE FROM audit_events WHERE organization_id IS NULL AND sequence = 1")

		finding := fmt.Sprintf("event %d at 2 ", id)
		_, text := parts(t, a.mail.arrives(t, "changed: event", time.Minute).body)
		if body := text["text/plain"]; !strings.Contains(body, "The audit log is not as it was sealed: changed: "+finding) || !strings.Contains(body, "critical") {
			t.Errorf("told: %s", body)
		}
		alert := a.waitForAlert(t, "audit_chain_broken changed at 2", 1)
		details, _ := alert["details"].(map[string]any)
		if alert["severity"] != "critical" || details["event_id"] != float64(id) || details["kind"] != "changed" || details["sequence"] != 2.0 {
			t.Errorf("alert: %v", alert)
		}
		if v := verification(); v["findings"] != 1.0 {
			t.Errorf("the verification: %v", v)
		}
		visitor.get("/console/audit").want(http.StatusOK, "This log is not as it was sealed", "in 1 place", "Number 2: ", "not as sealed")
		if said := a.run("audit", "verify", "--organization", "globex"); !strings.Contains(said, "ok") {
			t.Errorf("another organization: %s", said)
		}
		theirAlerts := a.call(t, "GET", "/alerts", theirs.WorkspaceAPIToken.Token, nil).want(t, 200)["alerts"].([]any)
		if len(theirAlerts) != 0 {
			t.Errorf("another organization was told: %v", theirAlerts)
		}
		eventually(t, func() error { // in the log, of the platform's chain
			if !strings.Contains(a.log(), `"level":"ERROR","msg":"the audit log is not as it was sealed","organization_id":0,"kind":"removed","sequence":1`) {
				return errors.New("the log says nothing of the platform's chain")
			}
			return nil
		})
		a.wantMetric(t, "kiket_auth_audit_chains_broken 2")
		stdout, _, err := a.try("doctor")
		if err == nil || !strings.Contains(stdout, "FAIL    audit log") || !strings.Contains(stdout, "acme: changed: "+finding) {
			t.Errorf("doctor: %v\n%s", err, stdout)
		}

		// All of it again finds the same, and tells nobody.
		exec(longAgo)
		fullyVerified()
		if got := len(a.mail.holding("changed: event")); got != 1 || strings.Count(a.log(), `"organization_id":1,"kind":"changed","sequence":2`) != 1 {
			t.Errorf("it was told %d times\n%s", got, a.log())
		}
		// What is found after that is told by itself.
		exec("DELETE FROM audit_events WHERE organization_id = 1 AND sequence = 3")
		exec(longAgo)
		a.mail.arrives(t, "removed: the event at 3", time.Minute)
	})
}

// Whoever removes the newest events with all that is remembered of them, but for how far
// the log was verified, is told of.
func TestAuditShortenedIsTold(t *testing.T) {
	a := newAlerting(t, sqlite, "KIKET_AUTH_AUDIT_VERIFY_INTERVAL=1s")
	db := a.database(t)
	eventually(t, func() error {
		var n int
		return db.QueryRowContext(t.Context(), "SELECT 1 FROM audit_verifications WHERE chain = 1 AND sequence >= 3").Scan(&n)
	})
	for _, table := range []string{"audit_events WHERE organization_id", "audit_checkpoints WHERE chain", "audit_chains WHERE chain"} {
		if _, err := db.ExecContext(t.Context(), "DELETE FROM "+table+" = 1"); err != nil {
			t.Fatal(err)
		}
	}
	a.waitForAlert(t, "audit_chain_broken removed at 1", 1)
}

// wantMetric waits for a line of /metrics.
func (i *instance) wantMetric(t *testing.T, line string) {
	t.Helper()
	eventually(t, func() error {
		response, err := http.Get("http://" + i.metricsAddress(t) + "/metrics")
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err == nil && !strings.Contains(string(text), line+"\n") {
			err = fmt.Errorf("no %q", line)
		}
		return err
	})
}
