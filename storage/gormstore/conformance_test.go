package gormstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
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

var migratedTemplate = once(func(t testing.TB) string {
	url := cluster.NewDatabase(t)
	s := openStore(t, Options{URL: storage.NewSecret(url)})
	migrate(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return url
})

// migratedFile is a migrated SQLite database: to write it out is much faster than to
// migrate another one.
var migratedFile = once(func(t testing.TB) []byte {
	path := filepath.Join(t.TempDir(), "migrated.db")
	s := openStore(t, Options{URL: storage.NewSecret("sqlite:" + path)})
	migrate(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a part of the database is beside it, in its log", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
})

// once makes something for all tests when the first wants it.
func once[T any](make func(testing.TB) T) func(testing.TB) T {
	var once sync.Once
	var made T
	return func(t testing.TB) T {
		once.Do(func() { made = make(t) })
		return made
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

// openMigrated opens a store and applies what is pending, which is nothing if there is
// no file yet: then it is a copy.
func openMigrated(t testing.TB, url string) *Store {
	t.Helper()
	if path, found := strings.CutPrefix(url, "sqlite:"); found && path != sqliteMemory {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			if err := os.WriteFile(path, migratedFile(t), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
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
