package gormstore

import (
	"context"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// TestMemoryOutlivesConnections loses the one connection in use, which is what a
// cancelled transaction may do, and looks whether the database is still there.
func TestMemoryOutlivesConnections(t *testing.T) {
	s, other := openMigrated(t, "sqlite::memory:"), openMigrated(t, "sqlite::memory:")
	o := storage.Organization{Slug: "acme", Name: "Acme", CreatedAt: time.Now()}
	if err := s.CreateOrganization(t.Context(), &o); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		_ = s.Transaction(ctx, func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return s.Ping(ctx)
		})
		if _, err := s.OrganizationBySlug(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := other.CountOrganizations(t.Context()); n != 0 || err != nil {
		t.Errorf("the other database holds %d organizations, %v", n, err)
	}
}
