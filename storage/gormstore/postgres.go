package gormstore

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// connectionLifetime bounds how long a connection is used, so that a cluster
// that has moved is found again, and that no backend grows old caches.
const connectionLifetime = time.Hour

var postgresDialect = dialect{
	name:               "postgres",
	goose:              database.DialectPostgres,
	migrations:         migrationsOf("postgres"),
	placeholder:        func(sql []byte, n int) []byte { return strconv.AppendInt(append(sql, '$'), int64(n), 10) },
	insertAccessTokens: insertUnnested,
	insertAssertions:   insertUnnestedAssertions,
	sealAuditEvents:    sealUnnested,
	addUses:            addUnnestedUses,
	noteTraits:         noteUnnestedTraits,
	versionTableExists: `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?`,
	tokenMark:          "nextval('tokens_id_seq')",
	lockRows:           " FOR NO KEY UPDATE",
	skipLocked:         " FOR UPDATE SKIP LOCKED",
	prepareTokens:      preparePartitions,
	sweepTokens:        sweepPartitions,
}

func openPostgres(o Options) (*Store, error) {
	config, err := pgx.ParseConfig(o.URL.Reveal())
	if err != nil {
		// The driver's words quote the URL, or the part of a password that it took
		// for a port.
		return nil, errors.New("the URL is not valid: want postgres://user:password@host:port/name, with special characters percent-encoded")
	}
	if config.ConnectTimeout <= 0 || config.ConnectTimeout > o.Timeout {
		config.ConnectTimeout = o.Timeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "kiket-auth"
	}
	config.RuntimeParams["timezone"] = "UTC"

	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(prepareSession))
	pool.SetMaxOpenConns(o.MaxConnections)
	pool.SetMaxIdleConns(o.MaxConnections)
	pool.SetConnMaxLifetime(connectionLifetime)
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), gormConfig())
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	s := &Store{dialect: postgresDialect, reader: db, writer: db}
	s.pools = append(s.pools, pool)
	return s, nil
}

// sessionSettings fit what this package sends: statements that name every row by
// a key, thousands of times a second. Planning them costs more than running them,
// so that each is planned once for a connection; and since that plan is made when
// tables and partitions are small, and kept while they grow, the planner must not
// take to reading them whole. A migration that joins large tables can set them
// otherwise for its transaction.
const sessionSettings = `
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off`

func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	return conn.PgConn().Exec(ctx, sessionSettings).Close()
}

// insertUnnested passes each column as one array, so that the statement is the
// same for any number of tokens.
func insertUnnested(tokens []*storage.Token) (string, []any) {
	n := len(tokens)
	var (
		organizations, clients, secrets     = make([]int64, n), make([]int64, n), make([]int64, n)
		references, scopes, audiences, keys = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		created, expires                    = make([]time.Time, n), make([]time.Time, n)
		full                                = make([]bool, n)
	)
	for i, t := range tokens {
		organizations[i], clients[i], secrets[i] = t.OrganizationID, t.ClientID, t.ClientSecretID
		references[i], scopes[i], audiences[i], keys[i] = t.Reference, t.Scopes.String(), t.Audience, t.KeyID
		created[i], expires[i], full[i] = stored(t.CreatedAt), stored(t.ExpiresAt), t.FullAccess
	}
	return insertUnnestedSQL, []any{organizations, references, scopes, full, audiences, created, expires, clients, secrets, keys}
}

const insertUnnestedSQL = `
INSERT INTO tokens (kind, organization_id, reference, scopes, full_access, audience,
                    created_at, expires_at, client_id, client_secret_id, key_id)
SELECT 'access_token', organization_id, reference, scopes, full_access, audience,
       created_at, expires_at, NULLIF(client_id, 0), NULLIF(client_secret_id, 0), key_id
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::text[],
            $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::bigint[], $10::text[])
     AS new (organization_id, reference, scopes, full_access, audience,
             created_at, expires_at, client_id, client_secret_id, key_id)
RETURNING reference, id`

// insertUnnestedAssertions is insertUnnested for assertions.
func insertUnnestedAssertions(assertions []assertion) (string, []any) {
	n := len(assertions)
	clients, digests, expires := make([]int64, n), make([]string, n), make([]time.Time, n)
	for i, a := range assertions {
		clients[i], digests[i], expires[i] = a.clientID, a.digest, stored(a.expires)
	}
	return `INSERT INTO client_assertions (client_id, jti_digest, expires_at)
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[])
		ON CONFLICT (client_id, jti_digest) DO NOTHING RETURNING client_id, jti_digest`, []any{clients, digests, expires}
}

// sealUnnested passes each column as one array.
func sealUnnested(seals []storage.AuditSeal) (string, []any) {
	n := len(seals)
	ids, sequences, hashes := make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, seal := range seals {
		ids[i], sequences[i], hashes[i] = seal.ID, seal.Sequence, seal.Hash
	}
	return `UPDATE audit_events SET sequence = new.sequence, hash = new.hash
		FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS new (id, sequence, hash)
		WHERE audit_events.id = new.id AND COALESCE(audit_events.sequence, 0) = 0`, []any{ids, sequences, hashes}
}

// addUnnestedUses passes each column as one array.
func addUnnestedUses(counts []storage.UseCount) (string, []any) {
	n := len(counts)
	organizations, servers, named, uses := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	days, credentials, scopes := make([]time.Time, n), make([]string, n), make([]string, n)
	for i, c := range counts {
		organizations[i], servers[i], named[i], uses[i] = c.OrganizationID, c.ResourceServerID, c.Count, c.Uses
		days[i], credentials[i], scopes[i] = stored(c.Day), c.Credential.String(), c.Scope
	}
	return `INSERT INTO credential_uses (organization_id, day, credential, scope, resource_server_id, count, uses)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])` +
		addToUses, []any{organizations, days, credentials, scopes, servers, named, uses}
}

// noteUnnestedTraits passes each column as one array.
func noteUnnestedTraits(traits []storage.Trait, at time.Time) (string, []any) {
	n := len(traits)
	credentials, kinds, values, organizations := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, t := range traits {
		credentials[i], kinds[i], values[i], organizations[i] = t.Credential.String(), string(t.Kind), t.Value, t.OrganizationID
	}
	return `INSERT INTO credential_traits (credential, kind, value, organization_id, first_at, last_at)
		SELECT credential, kind, value, organization_id, $5::timestamptz, $5::timestamptz
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS new (credential, kind, value, organization_id)` +
		moveTraits, []any{credentials, kinds, values, organizations, at}
}

func migrationsOf(dialect string) fs.FS {
	sub, err := fs.Sub(migrations, "migrations/"+dialect)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}
