package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/pressly/goose/v3/database"
	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// sqliteParameters of every connection. Transactions take the write lock when
// they begin: one that reads first and writes later cannot be refused half-way.
// FULL, because an answered revocation must outlive a power cut; with NORMAL,
// the last commits of a write-ahead log may not. The driver writes times in its
// one format as they come, which is why [moment] makes them UTC.
const sqliteParameters = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate"

const sqliteMemory = ":memory:"

var sqliteDialect = dialect{
	name:               "sqlite",
	goose:              database.DialectSQLite3,
	migrations:         migrationsOf("sqlite"),
	placeholder:        func(sql []byte, _ int) []byte { return append(sql, '?') },
	insertAccessTokens: insertValues,
	insertAssertions:   insertAssertionValues,
	sealAuditEvents:    sealValues,
	addUses:            addUseValues,
	noteTraits:         noteTraitValues,
	versionTableExists: `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?`,
	tokenMark:          "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'tokens'), 0)",
	prepareTokens:      func(*Store, context.Context, time.Time, time.Time) error { return nil },
	sweepTokens:        sweepRows,
}

func openSQLite(path string, o Options) (*Store, error) {
	path = strings.TrimPrefix(path, "//") // sqlite:///absolute/path
	if path == "" {
		return nil, errors.New("want sqlite:PATH, the path is missing")
	}
	s := &Store{dialect: sqliteDialect}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + sqliteParameters
	if path == sqliteMemory {
		return s.openMemory()
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	var err error
	if s.writer, err = s.openPool(dsn, 1); err != nil {
		return nil, err
	}
	if s.reader, err = s.openPool(dsn, o.MaxConnections); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// memories counts the databases in memory of this process, which have names in it.
var memories atomic.Int64

// openMemory makes a database that is there as long as a connection to it is open.
// One is used, and may be lost to a transaction that is cancelled; another is not
// used, and keeps the database.
func (s *Store) openMemory() (*Store, error) {
	dsn := fmt.Sprintf("file:kiket-auth-%d?mode=memory&cache=shared&%s", memories.Add(1), sqliteParameters)
	var err error
	if s.writer, err = s.openPool(dsn, 1); err != nil {
		return nil, err
	}
	s.reader = s.writer
	keeper, err := s.openPool(dsn, 1)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := keeper.Exec("SELECT 1").Error; err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openPool(dsn string, connections int) (*gorm.DB, error) {
	pool, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	db, err := gorm.Open(&sqlite.Dialector{Conn: pool}, gormConfig())
	if err != nil {
		return nil, errors.Join(translate(context.Background(), err), pool.Close())
	}
	s.pools = append(s.pools, pool)
	return db, nil
}

// createPrivate makes the file before SQLite would, so that nobody else can
// read it. SQLite gives the files beside it the same mode.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("SQLite file: %w", err)
	}
	return file.Close()
}

// insertValues lists the tokens in one statement.
func insertValues(tokens []*storage.Token) (string, []any) {
	const columns = 11
	statement := strings.Builder{}
	statement.WriteString(`INSERT INTO tokens (kind, organization_id, reference, scopes, full_access, audience,
		created_at, expires_at, client_id, client_secret_id, key_id) VALUES `)
	args := make([]any, 0, columns*len(tokens))
	for i, t := range tokens {
		if i > 0 {
			statement.WriteByte(',')
		}
		statement.WriteString("(?,?,?,?,?,?,?,?,?,?,?)")
		args = append(args, string(t.Kind), t.OrganizationID, t.Reference, t.Scopes.String(), t.FullAccess, t.Audience,
			moment(t.CreatedAt), moment(t.ExpiresAt), reference(t.ClientID), reference(t.ClientSecretID), t.KeyID)
	}
	statement.WriteString(" RETURNING reference, id")
	return statement.String(), args
}

// insertAssertionValues lists the assertions in one statement.
func insertAssertionValues(assertions []assertion) (string, []any) {
	args := make([]any, 0, 3*len(assertions))
	for _, a := range assertions {
		args = append(args, a.clientID, a.digest, moment(a.expires))
	}
	return "INSERT INTO client_assertions (client_id, jti_digest, expires_at) VALUES (?,?,?)" +
		strings.Repeat(",(?,?,?)", len(assertions)-1) +
		" ON CONFLICT (client_id, jti_digest) DO NOTHING RETURNING client_id, jti_digest", args
}

// sealValues lists the seals in one statement.
func sealValues(seals []storage.AuditSeal) (string, []any) {
	args := make([]any, 0, 3*len(seals))
	for _, seal := range seals {
		args = append(args, seal.ID, seal.Sequence, seal.Hash)
	}
	return "WITH new (id, sequence, hash) AS (VALUES (?,?,?)" + strings.Repeat(",(?,?,?)", len(seals)-1) + `)
		UPDATE audit_events SET sequence = new.sequence, hash = new.hash
		FROM new WHERE audit_events.id = new.id AND COALESCE(audit_events.sequence, 0) = 0`, args
}

// addUseValues lists the counts in one statement.
func addUseValues(counts []storage.UseCount) (string, []any) {
	args := make([]any, 0, 7*len(counts))
	for _, c := range counts {
		args = append(args, c.OrganizationID, moment(c.Day), c.Credential.String(), c.Scope, c.ResourceServerID, c.Count, c.Uses)
	}
	return "INSERT INTO credential_uses (organization_id, day, credential, scope, resource_server_id, count, uses) VALUES (?,?,?,?,?,?,?)" +
		strings.Repeat(",(?,?,?,?,?,?,?)", len(counts)-1) + addToUses, args
}

// noteTraitValues lists the traits in one statement.
func noteTraitValues(traits []storage.Trait, at time.Time) (string, []any) {
	args := make([]any, 0, 6*len(traits))
	for _, t := range traits {
		args = append(args, t.Credential.String(), string(t.Kind), t.Value, t.OrganizationID, moment(at), moment(at))
	}
	return "INSERT INTO credential_traits (credential, kind, value, organization_id, first_at, last_at) VALUES (?,?,?,?,?,?)" +
		strings.Repeat(",(?,?,?,?,?,?)", len(traits)-1) + moveTraits, args
}
