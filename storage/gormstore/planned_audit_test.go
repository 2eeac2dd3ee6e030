package gormstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// audit are those on audit events.
func (w *planned) audit() plannedCalls {
	s, o := w.s, w.o.ID
	calls := plannedCalls{
		"AuditCheckpoints":    func(ctx context.Context) error { return found(s.AuditCheckpoints(ctx, o, 1, 10)) },
		"AuditCheckpointUpTo": func(ctx context.Context) error { _, err := s.AuditCheckpointUpTo(ctx, o, 1); return absent(err) },
		"AuditEventByID":      func(ctx context.Context) error { _, err := s.AuditEventByID(ctx, o, 4711); return absent(err) },
	}
	for name, id := range map[string]int64{"": o, ", the platform's": 0} {
		calls["SealedAuditEvents"+name] = func(ctx context.Context) error { return found(s.SealedAuditEvents(ctx, id, 1, 10)) }
		calls["LastAuditSeal"+name] = func(ctx context.Context) error { _, err := s.LastAuditSeal(ctx, id); return absent(err) }
		calls["RemoveAuditEvents"+name] = func(ctx context.Context) error { return found(s.RemoveAuditEvents(ctx, id, 0)) }
		for by, find := range w.auditSearches(id) {
			calls["FindAuditEvents by "+by+name] = find
		}
		for _, kind := range []string{"user", "extension"} {
			f := storage.AuditFilter{OrganizationID: id, Actor: &storage.Party{Kind: kind, ID: 7}}
			calls["FindAuditEvents of "+kind+name] = func(ctx context.Context) error {
				return found(s.FindAuditEvents(ctx, f, storage.AuditPage{Limit: 50}))
			}
		}
	}
	return calls
}

// auditSearches are filtered lists of the events of an organization, by the index that
// is to find them.
func (w *planned) auditSearches(organization int64) plannedCalls {
	calls := plannedCalls{}
	party := &storage.Party{Kind: "operator"}
	for index, f := range map[string]storage.AuditFilter{
		"audit_events_time":   {Since: w.now.Add(-time.Hour), Until: w.now},
		"audit_events_action": {Action: "project.created"},
		"audit_events_actor":  {Actor: party},
		"audit_events_target": {Target: party, Since: w.now},
	} {
		f.OrganizationID = organization
		calls[index] = func(ctx context.Context) error {
			return found(w.s.FindAuditEvents(ctx, f, storage.AuditPage{Limit: 50, After: &storage.AuditPosition{CreatedAt: w.now, ID: 1}}))
		}
	}
	return calls
}

// Searches of audit events go by the index that is made for them, on both engines, and
// those that are not sealed are found by the index that has no others.
func TestPlansOfAuditEvents(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := openMigrated(t, engines[engine](t))
			w := newPlanned(t, s)
			calls := w.auditSearches(w.o.ID)
			calls["audit_events_unsealed"] = func(ctx context.Context) error { return found(s.UnsealedAuditEvents(ctx, 10)) }
			calls["audit_events_sequence"] = func(ctx context.Context) error { return found(s.SealedAuditEvents(ctx, w.o.ID, 1, 10)) }
			calls["audit_events_sequence, the platform's"] = func(ctx context.Context) error { return found(s.SealedAuditEvents(ctx, 0, 1, 10)) }
			r := record(t, s)
			for name, call := range calls {
				r.statements = nil
				if err := call(t.Context()); err != nil || len(r.statements) != 1 {
					t.Fatalf("%s: %d statements, %v", name, len(r.statements), err)
				}
				index, _, _ := strings.Cut(name, ",")
				plan := explain(t, s, r.statements[0])
				if !strings.Contains(plan, index) || strings.Contains(plan, "Sort") || strings.Contains(plan, "TEMP B-TREE") {
					t.Errorf("want %s without sorting\n%s", index, plan)
				}
			}
			e := storage.AuditEvent{OrganizationID: w.o.ID, CreatedAt: w.now, Action: "x.y"}
			if err := s.AppendAuditEvent(t.Context(), &e); err != nil {
				t.Fatal(err)
			}
			r.statements = nil
			if err := s.SealAuditEvents(t.Context(), []storage.AuditSeal{{ID: e.ID, Sequence: 1, Hash: []byte("h")}}); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"sqlite": "SEARCH audit_events USING INTEGER PRIMARY KEY", "postgres": "Index Scan using audit_events_pkey"}[engine]
			if plan := explain(t, s, r.statements[0]); !strings.Contains(plan, want) {
				t.Errorf("want %s\n%s", want, plan)
			}
		})
	}
}

// absent takes nothing found for an answer.
func absent(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}
