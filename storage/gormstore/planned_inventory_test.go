package gormstore

import (
	"context"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// inventory are those on what is to be pruned and what expires.
func (w *planned) inventory() plannedCalls {
	s, page := w.s, storage.Page{Before: 1 << 40, Limit: 50}
	never := storage.TokenFilter{OrganizationID: w.o.ID, NeverUsed: true, ActiveAt: w.now}
	gone := storage.TokenFilter{OrganizationID: w.o.ID, OwnerGone: true, ActiveAt: w.now}
	secrets := storage.ClientSecretFilter{OrganizationID: w.o.ID, NeverUsed: true}
	return plannedCalls{
		"OpaqueTokens, never used":       func(ctx context.Context) error { return found(s.OpaqueTokens(ctx, never, page)) },
		"OpaqueTokens, owner gone":       func(ctx context.Context) error { return found(s.OpaqueTokens(ctx, gone, page)) },
		"ApplicationSecrets, never used": func(ctx context.Context) error { return found(s.ApplicationSecrets(ctx, secrets, page)) },
		"OrganizationsToNotify": func(ctx context.Context) error {
			return found(s.OrganizationsToNotify(ctx, w.expiring(), 0, 100))
		},
		"CountedSince":       func(ctx context.Context) error { return found(s.CountedSince(ctx)) },
		"SweepExpiryNotices": func(ctx context.Context) error { return found(s.SweepExpiryNotices(ctx, w.now)) },
		"DeleteMembership":   func(ctx context.Context) error { return s.DeleteMembership(ctx, w.o.ID, w.u.ID) },
	}
}

func (w *planned) expiring() storage.ExpiryQuestion {
	return storage.ExpiryQuestion{Stage: 14, After: w.now, Until: w.now.Add(14 * 24 * time.Hour), DigestBefore: w.now}
}

// TestExpiringByIndex holds that what expires is found by its expiry, and not by looking
// at everything that organizations have.
func TestExpiringByIndex(t *testing.T) {
	for engine, indexes := range map[string][]string{
		"sqlite":   {"INDEX tokens_expiring (expires_at>? AND expires_at<?)", "INDEX client_secrets_expiring (expires_at>? AND expires_at<?)"},
		"postgres": {"Index Scan using tokens_opaque_expiring", "Index Scan using client_secrets_expiring"},
	} {
		t.Run(engine, func(t *testing.T) {
			s := openMigrated(t, engines[engine](t))
			w := newPlanned(t, s)
			r := record(t, s)
			if err := found(s.OrganizationsToNotify(t.Context(), w.expiring(), 0, 100)); err != nil || len(r.statements) != 1 {
				t.Fatalf("%d statements, %v", len(r.statements), err)
			}
			plan := explain(t, s, r.statements[0])
			for _, index := range indexes {
				if !strings.Contains(plan, index) {
					t.Errorf("not by %s\n%s", index, plan)
				}
			}
		})
	}
}
