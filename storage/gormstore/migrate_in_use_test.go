package gormstore

import (
	"testing"

	"kiket.dev/auth/storage"
)

// An earlier version goes on while a later one migrates: what it reads is not
// read differently because there are more columns.
func TestMigrateInUse(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := emptyDatabase(t, engine)
			s, later := open(t, url), open(t, url)
			migrate(t, s)
			seed(t, s, 1)
			reads := map[string]func() error{
				"OrganizationByID": func() error { _, err := s.OrganizationByID(t.Context(), 1); return err },
				"UserByID":         func() error { _, err := s.UserByID(t.Context(), 1, 1); return err },
				"UserByEmail":      func() error { _, err := s.UserByEmail(t.Context(), "avery@acme.test"); return err },
				"MembershipOf":     func() error { _, err := s.MembershipOf(t.Context(), 1, 1); return err },
				"ProjectByID":      func() error { _, err := s.ProjectByID(t.Context(), 1, 1); return err },
				"ClientByClientID": func() error { _, err := s.ClientByClientID(t.Context(), "app_1"); return err },
				"ResourceServerByIdentifier": func() error {
					_, err := s.ResourceServerByIdentifier(t.Context(), 2, "https://globex.test/")
					return err
				},
				"ResourceServers":  func() error { _, err := s.ResourceServers(t.Context()); return err },
				"InstallationByID": func() error { _, err := s.InstallationByID(t.Context(), 1, 1); return err },
				"OpaqueTokenByID":  func() error { _, err := s.OpaqueTokenByID(t.Context(), 1, storage.Session, 4); return err },
				"SigningKeys":      func() error { _, err := s.SigningKeys(t.Context()); return err },
				"AuditEvents":      func() error { _, err := s.AuditEvents(t.Context(), 1, 0, 10); return err },
			}
			try := func(when string) {
				t.Helper()
				for name, read := range reads {
					if err := read(); err != nil {
						t.Errorf("%s, %s: %v", when, name, err)
					}
				}
			}
			try("before")
			var wider []string
			for name := range contentsOf(t, s).tables {
				wider = append(wider, "ALTER TABLE "+name+" ADD COLUMN later TEXT")
			}
			addMigrations(t, later, wider...)
			migrate(t, later)
			try("after")
			wantServed(t, s)
		})
	}
}
