package gormstore

import (
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// What credentials were used for is found by the index that is made for it, and swept by
// another.
func TestPlansOfUsage(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := openMigrated(t, engines[engine](t))
			w := newPlanned(t, s)
			c := w.session.UsedCredentials()[0]
			key := map[string]string{"sqlite": "USING PRIMARY KEY", "postgres": "_pkey"}[engine]
			r := record(t, s)
			for name, tt := range map[string]struct {
				call    func() error
				indexes []string
			}{
				"UsesOf":     {func() error { return found(s.UsesOf(t.Context(), w.o.ID, c, w.now.Add(-time.Hour), w.now)) }, []string{key}},
				"UsedScopes": {func() error { return found(s.UsedScopes(t.Context(), w.o.ID, w.now)) }, []string{key}},
				"NoteTraits": {func() error {
					return found(s.NoteTraits(t.Context(), []storage.Trait{{OrganizationID: w.o.ID, Credential: c, Kind: storage.NetworkTrait, Value: "x"}}, w.now))
				}, []string{key}},
				"SweepUsage": {func() error { return found(s.SweepUsage(t.Context(), w.now)) }, []string{"credential_uses_day", "credential_traits_last"}},
			} {
				r.statements = nil
				if err := tt.call(); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				checkPlans(t, s, name, r.statements)
				for i, index := range tt.indexes {
					if plan := explain(t, s, r.statements[i]); !strings.Contains(plan, index) {
						t.Errorf("%s: want %s\n%s", name, index, plan)
					}
				}
			}
		})
	}
}
