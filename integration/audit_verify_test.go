package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// Of a log of which every event was changed it is said of the first what was done, and of
// the others how many there are.
func TestAuditTamperedThroughout(t *testing.T) {
	i := sealed(t, sqlite)
	m := newMeddler(t, i.deployment)
	const events = 2500
	m.exec(fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)
		INSERT INTO audit_events (organization_id, created_at, action, actor_kind, actor_id, actor_name, target_kind, target_id, target_name,
			ip_address, user_agent, request_id, details)
		SELECT organization_id, created_at, action, actor_kind, actor_id, actor_name, target_kind, target_id, target_name,
			ip_address, user_agent, request_id, details FROM audit_events, numbers WHERE organization_id = 1 AND sequence = 3`, events))
	if err := i.verbs().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := i.verbs().Notary.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := i.verify(t); !report.OK() || report.Sealed != m.last+events {
		t.Fatalf("before anything was done: %+v", report)
	}
	m.exec("UPDATE audit_events SET actor_name = 'Mallory' WHERE organization_id = 1")
	report := i.verify(t)
	if n := len(report.Findings); n != 100 || int64(n+report.More) != report.Sealed {
		t.Errorf("%d events were changed, and %d and %d are told of", report.Sealed, n, report.More)
	}
	if first := report.Findings[0]; first.Kind != audit.Changed || first.Sequence != 1 {
		t.Errorf("the first finding: %+v", first)
	}
}

// sealsBetween seals what waits after each look at what is sealed.
type sealsBetween struct {
	storage.Store
	seal func(context.Context) (int, error)
}

func (s sealsBetween) SealedAuditEvents(ctx context.Context, organizationID, after int64, limit int) ([]storage.AuditRecord, error) {
	records, err := s.Store.SealedAuditEvents(ctx, organizationID, after, limit)
	if limit > 1 && err == nil {
		_, err = s.seal(ctx)
	}
	return records, err
}

// Events that are sealed between two looks are not missed, not even the first.
func TestAuditSealedMeanwhile(t *testing.T) {
	i := sealed(t, sqlite)
	m := newMeddler(t, i.deployment)
	for _, table := range auditTables {
		m.exec("DELETE FROM " + table)
	}
	record := audit.Recorder{Store: i.verbs().Store, Clock: time.Now}
	if err := record.Record(t.Context(), access.Operator(), audit.Event{OrganizationID: 1, Action: "project.created"}); err != nil {
		t.Fatal(err)
	}
	watched := *i.verbs().Notary
	watched.Store = sealsBetween{i.verbs().Store, i.verbs().Notary.Seal}
	report, err := watched.Verify(t.Context(), 1, nil)
	if err != nil || !report.OK() || report.Sealed != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}
