package integration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// What is too old goes, the rest stays provable, and where it begins cannot be moved.
func TestAuditRetention(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := sealed(t, e)
		notary := *i.verbs().Notary
		if err := notary.Ring.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		notary.Retention, notary.Clock = 24*time.Hour, func() time.Time { return now }
		prune := func(ctx context.Context, after time.Duration) int64 {
			t.Helper()
			now = time.Now().Add(after)
			removed, err := notary.Prune(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := notary.Finish(ctx); err != nil {
				t.Fatal(err)
			}
			if report := i.verify(t); !report.OK() || report.Unsealed != 0 {
				t.Fatalf("after %s: %+v", after, report)
			}
			return removed
		}
		if n := prune(t.Context(), 25*time.Hour); n != 0 {
			t.Errorf("%d removed that are hardly older than they may get", n)
		}
		before := i.verify(t).Last
		removed := prune(t.Context(), 72*time.Hour)
		if removed >= before {
			t.Errorf("%d of %d removed, with the latest checkpoint", removed, before)
		}
		// Newer events, so that the latest checkpoint is of another.
		record := audit.Recorder{Store: notary.Store, Clock: notary.Clock}
		if err := record.Record(t.Context(), access.Operator(), audit.Event{OrganizationID: 1, Action: "project.created"}); err != nil {
			t.Fatal(err)
		}
		if err := notary.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := prune(t.Context(), 72*time.Hour); removed+n != before {
			t.Errorf("%d and %d removed, want %d", removed, n, before)
		}
		if report := i.verify(t); report.First != before+1 {
			t.Errorf("what is left: %+v", report)
		}
		if n := prune(t.Context(), 72*time.Hour); n != 0 {
			t.Errorf("%d removed again", n)
		}
		db := i.database(t)
		for _, statement := range []string{
			"DELETE FROM audit_events WHERE organization_id = 1 AND action = 'audit_log.pruned'",
			"UPDATE audit_chains SET base_sequence = base_sequence - 1 WHERE chain = 1",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
			if i.verify(t).OK() {
				t.Errorf("not found out: %s", statement)
			}
		}
	})
}

// meanwhile does something once, when the beginning of a chain is about to be looked at.
type meanwhile struct {
	storage.Store
	beforeCheckpoint, beforeEvents func(context.Context) error
}

func (m *meanwhile) AuditCheckpointUpTo(ctx context.Context, organizationID, sequence int64) (storage.AuditCheckpoint, error) {
	if do := m.beforeCheckpoint; do != nil {
		m.beforeCheckpoint = nil
		if err := do(ctx); err != nil {
			return storage.AuditCheckpoint{}, err
		}
	}
	return m.Store.AuditCheckpointUpTo(ctx, organizationID, sequence)
}

func (m *meanwhile) FindAuditEvents(ctx context.Context, filter storage.AuditFilter, page storage.AuditPage) ([]storage.AuditEvent, error) {
	if do := m.beforeEvents; do != nil {
		m.beforeEvents = nil
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	return m.Store.FindAuditEvents(ctx, filter, page)
}

// That events are removed for their age, or that the event which says so is sealed, is no
// finding of a verification under way.
func TestAuditPrunedMeanwhile(t *testing.T) {
	i := sealed(t, sqlite)
	notary := *i.verbs().Notary
	if err := notary.Ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := time.Now()
	notary.Retention, notary.Clock = 24*time.Hour, func() time.Time { return later }
	record := audit.Recorder{Store: notary.Store, Clock: notary.Clock}
	// moreLater puts an event after the others, so that those may go. The event that says
	// that they went is not sealed yet.
	moreLater := func(ctx context.Context) error {
		later = later.Add(72 * time.Hour)
		err := record.Record(ctx, access.Operator(), audit.Event{OrganizationID: 1, Action: "project.created"})
		if err == nil {
			err = notary.Finish(ctx)
		}
		if err != nil {
			return err
		}
		removed, err := notary.Prune(ctx)
		if err == nil && removed == 0 {
			err = errors.New("nothing was removed")
		}
		return err
	}
	verified := func(what string, store *meanwhile) {
		t.Helper()
		watched := *i.verbs().Notary
		store.Store, watched.Store = i.verbs().Store, store
		report, err := watched.Verify(t.Context(), 1, nil)
		if err != nil || !report.OK() || report.First < 2 {
			t.Errorf("%s: %+v, %v", what, report, err)
		}
		if store.beforeCheckpoint != nil || store.beforeEvents != nil {
			t.Errorf("%s: nothing was done meanwhile", what)
		}
	}
	if err := moreLater(t.Context()); err != nil {
		t.Fatal(err)
	}
	verified("sealed", &meanwhile{beforeEvents: notary.Finish})
	verified("pruned", &meanwhile{beforeCheckpoint: moreLater})
	verified("pruned and sealed", &meanwhile{beforeCheckpoint: moreLater, beforeEvents: notary.Finish})
}

// Checkpoints stay provable when the key that signed them is revoked, and when another
// master key takes over.
func TestAuditKeysOutlive(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := sealed(t, e)
		var listed struct{ Keys []struct{ KID string } }
		if err := json.Unmarshal([]byte(i.run("keys", "list", "--json")), &listed); err != nil || len(listed.Keys) != 1 {
			t.Fatal(listed, err)
		}
		i.run("keys", "revoke", listed.Keys[0].KID)
		if _, err := i.database(t).ExecContext(t.Context(), "DELETE FROM signing_keys WHERE revoked_at IS NOT NULL"); err != nil { // as after some months
			t.Fatal(err)
		}
		old, next := i.masterKey.Reveal(), keys.GenerateMasterKey()
		again := i.deployment.serve("KIKET_AUTH_MASTER_KEY=" + next.Reveal() + "," + old)
		again.call(t, "GET", "/me", again.admin(), nil).want(t, http.StatusOK)
		resealed := func() error {
			if !strings.Contains(again.log(), `"audit_keys":1`) {
				return errors.New("the key is not sealed under the first master key")
			}
			return nil
		}
		eventually(t, resealed)
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
		i.settings = append(i.settings, "KIKET_AUTH_MASTER_KEY="+next.Reveal())
		var report struct {
			OK     bool
			Chains []struct{ Checkpoints int }
		}
		if err := json.Unmarshal([]byte(i.run("audit", "verify", "--json")), &report); err != nil || !report.OK || len(report.Chains) != 2 || report.Chains[1].Checkpoints == 0 {
			t.Errorf("under the next master key: %+v, %v", report, err)
		}
		i.settings = append(i.settings, "KIKET_AUTH_MASTER_KEY="+keys.GenerateMasterKey().Reveal())
		if stdout, _, err := i.try("audit", "verify"); err == nil || !strings.Contains(stdout, "sealed under another master key") {
			t.Errorf("under a master key that has nothing to do with it: %v %s", err, stdout)
		}
	})
}
