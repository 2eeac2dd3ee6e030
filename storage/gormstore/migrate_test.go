package gormstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// migratable are the engines of which several stores can open one database.
var migratable = []string{"sqlite", "postgres"}

// emptyDatabase returns the URL of a database without tables.
func emptyDatabase(t *testing.T, engine string) string {
	t.Helper()
	if engine == "postgres" {
		return cluster.NewDatabase(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "auth.db")
}

// open opens a store and migrates nothing.
func open(t *testing.T, url string) *Store {
	t.Helper()
	s := openStore(t, Options{URL: storage.NewSecret(url)})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// addMigrations makes the store one of a later version of the program, which has
// these migrations, too: 90001 and so on.
func addMigrations(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	later := fstest.MapFS{}
	err := fs.WalkDir(s.dialect.migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(s.dialect.migrations, path)
		later[path] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, statement := range statements {
		later[fmt.Sprintf("%05d_later.sql", 90001+n)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement + ";\n")}
	}
	s.dialect.migrations = later
}

// wantStatus checks how many migrations there are, that those up to a version
// are applied and no others, and what that means.
func wantStatus(t *testing.T, s *Store, migrations int, upTo int64) {
	t.Helper()
	status, err := s.MigrationStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(status) != migrations {
		t.Errorf("%d migrations, want %d", len(status), migrations)
	}
	pending := false
	for n, m := range status {
		if m.Applied != (m.Version <= upTo) || m.Name == "" || n > 0 && m.Version <= status[n-1].Version {
			t.Errorf("applied up to %d: %+v", upTo, m)
		}
		pending = pending || !m.Applied
	}
	if migrated, err := s.Migrated(t.Context()); migrated == pending || err != nil {
		t.Errorf("migrated: %t, %v; pending: %t", migrated, err, pending)
	}
}

// own returns how many migrations this version of the program has.
func own(t *testing.T, s *Store) int {
	t.Helper()
	status, err := s.MigrationStatus(t.Context())
	if err != nil || len(status) == 0 {
		t.Fatalf("%d migrations, %v", len(status), err)
	}
	return len(status)
}

func TestMigrateStatus(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := emptyDatabase(t, engine)
			s, later := open(t, url), open(t, url)
			n := own(t, s)
			addMigrations(t, later, "CREATE TABLE later (id INTEGER)")

			wantStatus(t, s, n, 0)
			if tables := query(t, s, listTables[engine]); len(tables.rows) > 0 {
				t.Errorf("asking for the status made the tables %v", tables.rows)
			}
			if _, err := s.OrganizationBySlug(t.Context(), "acme"); !errors.Is(err, ErrNotMigrated) || errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("reading from an unmigrated database: got error %v, want ErrNotMigrated", err)
			}

			for _, want := range []int{n, 0} {
				if got, err := s.Migrate(t.Context()); got != want || err != nil {
					t.Errorf("%d migrations applied, %v; want %d", got, err, want)
				}
			}
			wantStatus(t, s, n, 90000)
			wantStatus(t, later, n+1, 90000) // the database is older than the program

			if got, err := later.Migrate(t.Context()); got != 1 || err != nil {
				t.Errorf("the later version: %d migrations applied, %v", got, err)
			}
			wantStatus(t, later, n+1, 90001)
			wantStatus(t, s, n, 90001) // the database is newer than the program
			if got, err := s.Migrate(t.Context()); got != 0 || err != nil {
				t.Errorf("the earlier version on a newer database: %d migrations applied, %v", got, err)
			}
			if err := s.CreateOrganization(t.Context(), &storage.Organization{Slug: "acme", CreatedAt: time.Now()}); err != nil {
				t.Errorf("the earlier version on a newer database: %v", err)
			}
		})
	}
}

// Every version in between has the status that it should have.
func TestMigrateStepByStep(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := open(t, emptyDatabase(t, engine))
			addMigrations(t, s, "CREATE TABLE first (id INTEGER)", "CREATE TABLE second (id INTEGER)")
			status, err := s.MigrationStatus(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range status {
				if n, err := s.migrateTo(t.Context(), m.Version); n != 1 || err != nil {
					t.Fatalf("%s: %d migrations applied, %v", m.Name, n, err)
				}
				wantStatus(t, s, len(status), m.Version)
			}
		})
	}
}

// Replicas that start at the same time apply every migration once between them,
// and each finds them all applied when it is done; on an empty database and on
// one that is in use.
func TestMigrateAtOnce(t *testing.T) {
	const replicas = 4
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := emptyDatabase(t, engine)
			n := own(t, open(t, url))
			migrateAtOnce(t, url, replicas, n)
			seed(t, open(t, url), 1)
			before := contentsOf(t, open(t, url))
			more := []string{"CREATE TABLE later (id INTEGER PRIMARY KEY)"}
			for id := range 5 {
				more = append(more, fmt.Sprintf("INSERT INTO later (id) VALUES (%d)", id))
			}
			migrateAtOnce(t, url, replicas, len(more), more...)
			after := contentsOf(t, open(t, url))
			for _, lost := range before.lost(after) {
				t.Errorf("lost %s", lost)
			}
			if got := len(after.tables["later"].rows); got != 5 {
				t.Errorf("%d rows in the new table, want 5", got)
			}
		})
	}
}

// migrateAtOnce migrates with several stores and checks that between them they
// applied that many.
func migrateAtOnce(t *testing.T, url string, replicas, want int, more ...string) {
	t.Helper()
	var all sync.WaitGroup
	applied := make([]int, replicas)
	for i := range replicas {
		s := open(t, url)
		addMigrations(t, s, more...)
		all.Go(func() {
			n, err := s.Migrate(t.Context())
			if err != nil {
				t.Errorf("replica %d: %v", i, err)
			}
			if migrated, err := s.Migrated(t.Context()); !migrated || err != nil {
				t.Errorf("replica %d is told that it is done and is not: %v", i, err)
			}
			applied[i] = n
		})
	}
	all.Wait()
	sum := 0
	for _, n := range applied {
		sum += n
	}
	if sum != want {
		t.Errorf("applied %v, want %d between them", applied, want)
	}
}

// A migration that fails leaves nothing behind, those before it stay, and it can
// be tried again.
func TestMigrateFails(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := emptyDatabase(t, engine)
			s := open(t, url)
			migrate(t, s)
			n := own(t, s)
			addMigrations(t, s, "CREATE TABLE first (id INTEGER)", "CREATE TABLE second (id INTEGER); INSERT INTO nowhere VALUES (1)", "CREATE TABLE third (id INTEGER)")
			got, err := s.Migrate(t.Context())
			if got != 1 || err == nil {
				t.Errorf("%d migrations applied, error %v; want 1 and an error", got, err)
			}
			wantStatus(t, s, n+3, 90001)
			mended := open(t, url)
			addMigrations(t, mended, "CREATE TABLE first (id INTEGER)", "CREATE TABLE second (id INTEGER)", "CREATE TABLE third (id INTEGER)")
			if got, err = mended.Migrate(t.Context()); got != 2 || err != nil {
				t.Errorf("mended: %d migrations applied, %v", got, err)
			}
			wantStatus(t, mended, n+3, 90003)
		})
	}
}

// A migration that is given up is not applied.
func TestMigrateCancelled(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := open(t, emptyDatabase(t, engine))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if n, err := s.Migrate(ctx); n != 0 || !errors.Is(err, context.Canceled) {
				t.Errorf("%d migrations applied, error %v", n, err)
			}
			wantStatus(t, s, own(t, s), 0)
		})
	}
}

// Both engines have the same migrations, so that a version means the same.
func TestMigrationsOfBothEngines(t *testing.T) {
	names := func(migrations fs.FS) []string {
		found, err := fs.Glob(migrations, "*")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if diff := cmp.Diff(names(sqliteDialect.migrations), names(postgresDialect.migrations)); diff != "" {
		t.Errorf("(-sqlite +postgres):\n%s", diff)
	}
}
