package gormstore

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/storagetest"
)

func TestConformance(t *testing.T) {
	for name, url := range engines {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storage.Store { return openMigrated(t, url(t)) })
		})
	}
}

// engines gives, for each, the URL of a database of the test's own. That of
// PostgreSQL is migrated already.
var engines = map[string]func(t testing.TB) string{
	"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "kiket auth?#%41.db") },
	"memory":   func(testing.TB) string { return "sqlite::memory:" },
	"postgres": migratedDatabase,
}

func migratedDatabase(t testing.TB) string {
	t.Helper()
	return cluster.CloneDatabase(t, migratedTemplate(t))
}

var migratedTemplate = onceURL(func(t testing.TB) string {
	url := cluster.NewDatabase(t)
	s := openStore(t, Options{URL: storage.NewSecret(url)})
	migrate(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return url
})

func onceURL(make func(testing.TB) string) func(testing.TB) string {
	var once sync.Once
	var url string
	return func(t testing.TB) string {
		once.Do(func() { url = make(t) })
		return url
	}
}

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openMigrated(t testing.TB, url string) *Store {
	t.Helper()
	s := openStore(t, Options{URL: storage.NewSecret(url)})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	migrate(t, s)
	return s
}

func migrate(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
}
