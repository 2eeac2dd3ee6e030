package main

import (
	"context"
	"errors"
	"fmt"

	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" help:"Apply the pending migrations. Safe with several replicas at once."`
	Status migrateStatus `cmd:"" help:"Show which migrations are applied. Exit code 1 if any is pending."`
}

// database opens the database alone: migrations need no keys.
func (p *process) database() (*gormstore.Store, error) {
	c, err := p.load()
	if err != nil {
		return nil, err
	}
	if _, err := masterKeys(c); err != nil { // a new SQLite file gets its key with it
		return nil, err
	}
	return gormstore.Open(gormstore.Options{URL: c.DatabaseURL, MaxConnections: c.DatabaseMaxConnections, Logger: newLogger(c, p.stderr)})
}

type migrateUp struct{}

// Run applies what is pending.
func (migrateUp) Run(ctx context.Context, p *process) error {
	store, err := p.database()
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	n, err := store.Migrate(ctx)
	if err != nil {
		return unreachable(err)
	}
	if n == 0 {
		p.printf("Nothing to apply; the database is up to date.\n")
	} else {
		p.printf("Applied %s; the database is up to date.\n", counted(n, "migration"))
	}
	return nil
}

type migrateStatus struct{}

// Run shows every migration.
func (migrateStatus) Run(ctx context.Context, p *process) error {
	store, err := p.database()
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	migrations, err := store.MigrationStatus(ctx)
	if err != nil {
		return unreachable(err)
	}
	pending := 0
	for _, m := range migrations {
		state := "applied"
		if !m.Applied {
			state = "pending"
			pending++
		}
		p.printf("%s  %s\n", state, m.Name)
	}
	if pending > 0 {
		return fmt.Errorf("%s pending: run kiket-auth migrate up", counted(pending, "migration"))
	}
	return nil
}

// counted returns "1 migration", "2 migrations".
func counted[N int | int64](n N, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func unreachable(err error) error {
	if errors.Is(err, storage.ErrUnavailable) {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	return err
}
