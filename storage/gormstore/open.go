package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"kiket.dev/auth/storage"
)

// Defaults of [Options].
const (
	DefaultTimeout        = 5 * time.Second
	DefaultMaxConnections = 16
)

// Options says which database to open and how.
type Options struct {
	// URL is sqlite:PATH, sqlite::memory: or postgres://…, with everything that
	// pgx understands in its query. It holds a password and never appears in an
	// error.
	URL storage.Secret
	// Timeout bounds every single operation, and the making of a connection.
	// 0: [DefaultTimeout].
	Timeout time.Duration
	// MaxConnections bounds the connections to PostgreSQL, and the readers of
	// SQLite, which has one writer. 0: [DefaultMaxConnections].
	MaxConnections int
	// Logger is told of migrations. nil: nobody is. No statement and no parameter
	// is ever logged.
	Logger *slog.Logger
}

// Store is a [storage.Store] on PostgreSQL or SQLite. It is safe for concurrent use.
type Store struct {
	dialect dialect
	// reader and writer are the same on PostgreSQL. SQLite has one writer at a
	// time: the others wait for its connection in turn rather than in SQLite's
	// busy loop.
	reader, writer *gorm.DB
	pools          []*sql.DB
	timeout        time.Duration
	logger         *slog.Logger

	clients      lookup[string, storage.Client]
	accessTokens lookup[storage.TokenReference, storage.Credential]
	opaqueTokens lookup[storage.TokenReference, storage.Credential]
	traitsOf     selection
	inserts      *batcher[*storage.Token, int64]
	assertions   *batcher[assertion, struct{}]
}

var _ storage.Store = (*Store)(nil)

// Open returns the store that the URL names. PostgreSQL need not be there yet:
// that it is not is found out at use, as [storage.ErrUnavailable], and heals by
// itself. A SQLite file is created, readable by its owner alone, if there is
// none. No migration is applied; see [Store.Migrate].
func Open(o Options) (*Store, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	scheme, rest, _ := strings.Cut(o.URL.Reveal(), ":")
	var s *Store
	var err error
	switch scheme {
	case "sqlite":
		s, err = openSQLite(rest, o)
	case "postgres", "postgresql":
		s, err = openPostgres(o)
	default:
		err = errors.New("want sqlite:PATH or postgres://…")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	s.timeout, s.logger = o.Timeout, o.Logger
	s.clients = newClientLookup(s)
	s.accessTokens, s.opaqueTokens = newAccessTokenLookup(s), newOpaqueTokenLookup(s)
	s.traitsOf = newTraitsOf(s.dialect)
	s.inserts = &batcher[*storage.Token, int64]{timeout: s.timeout, send: s.insertTokens}
	s.assertions = newAssertionBatcher(s)
	return s, nil
}

// gormConfig is gorm without what it does unasked: no transaction around single
// statements, no ping, no log (its logger prints parameters), no cache of
// prepared statements (pgx has one, and SQLite's driver compiles anew anyway).
// Columns are named: the next version's migration may add some while this one
// reads, and PostgreSQL refuses to answer a prepared SELECT * differently.
func gormConfig() *gorm.Config {
	return &gorm.Config{
		QueryFields:            true,
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
	}
}

// Dialect returns the name of the engine, "sqlite" or "postgres".
func (s *Store) Dialect() string { return s.dialect.name }

// Ping implements [storage.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "pinging the database", func(db *gorm.DB) error {
		var one int
		return db.Raw("SELECT 1").Row().Scan(&one)
	})
}

// Close implements [storage.Store].
func (s *Store) Close() error {
	var errs []error
	for _, pool := range s.pools {
		errs = append(errs, pool.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}
