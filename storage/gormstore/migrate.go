package gormstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"
)

// versionTable remembers which migrations were applied.
const versionTable = "schema_migrations"

// ErrInUse says that a migration gave up, since something else, such as a backup, has a
// table for longer than requests can be made to wait. It can be applied later.
var ErrInUse = errors.New("a table is in use for longer than may be waited for; migrate again later")

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string // of its file
	Applied bool
}

// Migrate applies the migrations that are pending and returns how many. Several
// replicas may do it at once: one does the work, the others wait for it. It is
// not bounded by [Options].Timeout, since a migration may take long, but by ctx. It
// returns ErrInUse if a migration waited for a table for too long.
func (s *Store) Migrate(ctx context.Context) (int, error) {
	applied := 0
	for {
		before, err := s.appliedVersions(ctx)
		if err != nil {
			return applied, err
		}
		n, err := s.migrateTo(ctx, 0)
		applied += n
		if err == nil {
			return applied, nil
		}
		// A replica that was faster makes ours fail; then there is less left to do.
		after, readErr := s.appliedVersions(ctx)
		if readErr != nil || len(after) <= len(before)+n || ctx.Err() != nil {
			if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == lockNotAvailable {
				return applied, fmt.Errorf("migrating: %w: %w", ErrInUse, err)
			}
			return applied, fmt.Errorf("migrating: %w", translate(ctx, err))
		}
	}
}

// migrateTo applies what is pending up to a version, 0: all.
func (s *Store) migrateTo(ctx context.Context, version int64) (int, error) {
	provider, err := s.provider()
	if err != nil {
		return 0, err
	}
	up := provider.Up
	if version > 0 {
		up = func(ctx context.Context) ([]*goose.MigrationResult, error) { return provider.UpTo(ctx, version) }
	}
	results, err := up(ctx)
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		results = partial.Applied
	}
	for _, r := range results {
		s.logger.InfoContext(ctx, "migration applied", "migration", r.Source.Path, "duration", r.Duration)
	}
	return len(results), err
}

func (s *Store) provider() (*goose.Provider, error) {
	store, err := database.NewStore(s.dialect.goose, versionTable)
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{
		goose.WithStore(onceStore{store}),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	}
	if s.dialect.goose == database.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(goose.DialectCustom, s.pools[0], s.dialect.migrations, options...)
}

// onceStore refuses to remember a version twice. It is asked inside the
// migration's transaction, at its end, so that of two that apply the same
// migration the later is rolled back. On PostgreSQL a lock keeps it from coming
// to that; on SQLite, which has none to offer, this is what does.
type onceStore struct{ database.Store }

var errApplied = errors.New("applied by another process meanwhile")

// Insert implements [database.Store].
func (o onceStore) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	_, err := o.GetMigration(ctx, db, req.Version)
	if err == nil {
		return fmt.Errorf("migration %d: %w", req.Version, errApplied)
	}
	if !errors.Is(err, database.ErrVersionNotFound) {
		return err
	}
	return o.Store.Insert(ctx, db, req)
}

// MigrationStatus returns all migrations in their order. It changes nothing.
func (s *Store) MigrationStatus(ctx context.Context) ([]Migration, error) {
	provider, err := s.provider()
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	applied, err := s.appliedVersions(ctx)
	if err != nil {
		return nil, err
	}
	var status []Migration
	for _, source := range provider.ListSources() {
		status = append(status, Migration{
			Version: source.Version, Name: source.Path, Applied: applied[source.Version],
		})
	}
	return status, nil
}

// Migrated reports whether no migration is pending. A database that is newer than
// the program is migrated, too. It changes nothing.
func (s *Store) Migrated(ctx context.Context) (bool, error) {
	status, err := s.MigrationStatus(ctx)
	for _, m := range status {
		if !m.Applied {
			return false, err
		}
	}
	return err == nil, err
}

// appliedVersions returns none if nothing was ever migrated.
func (s *Store) appliedVersions(ctx context.Context) (map[int64]bool, error) {
	applied := make(map[int64]bool)
	err := s.write(ctx, "reading the migrations", func(db *gorm.DB) error {
		var tables int64
		if err := db.Raw(s.dialect.versionTableExists, versionTable).Row().Scan(&tables); err != nil || tables == 0 {
			return err
		}
		var versions []int64
		err := db.Raw("SELECT version_id FROM " + versionTable + " WHERE version_id > 0").Scan(&versions).Error
		for _, v := range versions {
			applied[v] = true
		}
		return err
	})
	return applied, err
}
