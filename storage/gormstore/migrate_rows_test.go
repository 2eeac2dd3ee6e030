package gormstore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kiket.dev/auth/storage"
)

// contents is all that is in a database, but for the record of its migrations.
type contents struct {
	tables map[string]table
	// counters say which ids were given out last.
	counters map[string]int64
}

type table struct {
	columns []string
	rows    []map[string]any // by column
}

// The queries that find out what there is. Partitions are a part of their table.
var (
	listTables = map[string]string{
		"sqlite": `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
		"postgres": `SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
			AND relkind IN ('r', 'p') AND NOT relispartition`,
	}
	listCounters = map[string]string{
		"sqlite":   `SELECT name, seq FROM sqlite_sequence`,
		"postgres": `SELECT sequencename, COALESCE(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema()`,
	}
)

// queries counts, so that each is a text of its own: one that was sent before,
// PostgreSQL would not answer with other columns.
var queries atomic.Int64

// query returns the columns and rows of a statement's answer.
func query(t *testing.T, s *Store, statement string) table {
	t.Helper()
	rows, err := s.pools[0].QueryContext(t.Context(), fmt.Sprintf("%s -- %d", statement, queries.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	got := table{columns: columns}
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		row := map[string]any{}
		for i, value := range values {
			if raw, ok := value.([]byte); ok {
				value = string(raw)
			}
			row[columns[i]] = value
		}
		got.rows = append(got.rows, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func contentsOf(t *testing.T, s *Store) contents {
	t.Helper()
	c := contents{tables: map[string]table{}, counters: map[string]int64{}}
	names := query(t, s, listTables[s.Dialect()])
	for _, row := range names.rows {
		if name := row[names.columns[0]].(string); name != versionTable {
			c.tables[name] = query(t, s, "SELECT * FROM "+name)
		}
	}
	counters := query(t, s, listCounters[s.Dialect()])
	for _, row := range counters.rows {
		c.counters[row[counters.columns[0]].(string)] = row[counters.columns[1]].(int64)
	}
	return c
}

// texts are the rows in those columns, in an order that is always the same.
func (t table) texts(columns []string) []string {
	texts := make([]string, len(t.rows))
	for i, row := range t.rows {
		var values []string
		for _, column := range columns {
			value := row[column]
			if at, ok := value.(time.Time); ok {
				value = at.UTC()
			}
			values = append(values, fmt.Sprintf("%s: %q", column, fmt.Sprint(value)))
		}
		texts[i] = strings.Join(values, ", ")
	}
	slices.Sort(texts)
	return texts
}

// lost returns what of the contents is no longer there, or is changed.
func (c contents) lost(after contents) []string {
	var lost []string
	for name, before := range c.tables {
		now, ok := after.tables[name]
		if !ok {
			lost = append(lost, "the table "+name)
			continue
		}
		if gone := slices.DeleteFunc(slices.Clone(before.columns), func(column string) bool { return slices.Contains(now.columns, column) }); len(gone) > 0 {
			lost = append(lost, fmt.Sprintf("of the table %s: %s", name, gone))
			continue
		}
		texts := now.texts(before.columns)
		if name == "locks" { // there may be more
			texts = slices.DeleteFunc(texts, func(text string) bool { return !slices.Contains(before.texts(before.columns), text) })
		}
		if diff := cmp.Diff(before.texts(before.columns), texts, cmpopts.EquateEmpty()); diff != "" {
			lost = append(lost, fmt.Sprintf("rows of %s (-before +after):\n%s", name, diff))
		}
	}
	for name, last := range c.counters {
		if now := after.counters[name]; now < last {
			lost = append(lost, fmt.Sprintf("the counter %s was at %d and is at %d", name, last, now))
		}
	}
	return lost
}

// empty returns the columns that are NULL, empty, 0 or false in every row: what
// a migration does to them nobody would see.
func (c contents) empty() []string {
	var empty []string
	for _, name := range slices.Sorted(maps.Keys(c.tables)) {
		for _, column := range c.tables[name].columns {
			if !slices.ContainsFunc(c.tables[name].rows, func(row map[string]any) bool {
				return !slices.Contains([]any{nil, "", int64(0), false}, row[column])
			}) {
				empty = append(empty, name+"."+column)
			}
		}
	}
	return empty
}

// seed puts the rows into the database that the program wrote at that version:
// testdata/migrations/00001.sql, and what only one engine has, 00001.sqlite.sql.
func seed(t *testing.T, s *Store, version int64) {
	t.Helper()
	for _, suffix := range []string{".sql", "." + s.Dialect() + ".sql"} {
		text, err := os.ReadFile(filepath.Join("testdata", "migrations", fmt.Sprintf("%05d%s", version, suffix)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			_, err = s.pools[0].ExecContext(t.Context(), string(text))
		}
		if err != nil {
			t.Fatalf("rows of version %d: %v", version, err)
		}
	}
}

// Every migration is applied to a database with the rows of all versions before
// it, and leaves them as they are.
func TestMigrationsKeepRows(t *testing.T) {
	for _, engine := range migratable {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := open(t, emptyDatabase(t, engine))
			status, err := s.MigrationStatus(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var before contents
			for _, m := range status {
				if n, err := s.migrateTo(t.Context(), m.Version); n != 1 || err != nil {
					t.Fatalf("%s: %d migrations applied, %v", m.Name, n, err)
				}
				for _, lost := range before.lost(contentsOf(t, s)) {
					t.Errorf("%s loses %s", m.Name, lost)
				}
				seed(t, s, m.Version)
				before = contentsOf(t, s)
				for _, column := range before.empty() {
					t.Errorf("testdata/migrations/%05d.sql: no row has a value in %s", m.Version, column)
				}
			}
			if len(before.tables) < 10 || len(before.counters) < 5 {
				t.Errorf("%d tables and %d counters were looked at", len(before.tables), len(before.counters))
			}
			wantServed(t, s)
			signer := must(s.ClientByClientID(t.Context(), "app_4"))(t)
			same(t, `{"keys":[{"kty":"EC","kid":"a"}]}`, string(signer.JWKS))
		})
	}
}

// The comparison itself is tried on migrations that do damage.
func TestMigrationsSeeDamage(t *testing.T) {
	for name, tt := range map[string]struct{ migration, want string }{
		"none":     {"ALTER TABLE users ADD COLUMN locale TEXT; CREATE TABLE later (id INTEGER); UPDATE locks SET name = name", ""},
		"a value":  {"UPDATE users SET name = upper(name) WHERE id = 2", "rows of users (-before +after)"},
		"a time":   {"UPDATE clients SET last_used_at = '2026-02-01 10:20:30.405061+00:00' WHERE id = 1", "rows of clients (-before +after)"},
		"a NULL":   {"UPDATE clients SET disabled_at = created_at WHERE id = 1", "rows of clients (-before +after)"},
		"a row":    {"DELETE FROM audit_events WHERE id = 1", "rows of audit_events (-before +after)"},
		"more":     {"INSERT INTO memberships (organization_id, user_id, role, created_at) SELECT 2, 2, role, created_at FROM memberships WHERE user_id = 2", "rows of memberships (-before +after)"},
		"a column": {"ALTER TABLE users DROP COLUMN password_hash", "of the table users: [password_hash]"},
		"a table":  {"DROP TABLE signing_keys", "the table signing_keys"},
		// SQLite's way of changing a table forgets which ids were given out.
		"a counter": {"CREATE TABLE new (id INTEGER PRIMARY KEY AUTOINCREMENT, organization_id INTEGER, key TEXT, name TEXT, created_at DATETIME);" +
			" INSERT INTO new SELECT * FROM projects; PRAGMA defer_foreign_keys = 1; DROP TABLE projects; ALTER TABLE new RENAME TO projects;" +
			" CREATE UNIQUE INDEX projects_key ON projects (organization_id, id)", "the counter projects was at 3 and is at 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, "sqlite::memory:")
			migrate(t, s)
			seed(t, s, 1)
			before := contentsOf(t, s)
			addMigrations(t, s, tt.migration)
			migrate(t, s)
			got := strings.Join(before.lost(contentsOf(t, s)), "\n")
			if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("lost %q, want %q", got, tt.want)
			}
		})
	}
}

// wantServed checks that the store works on with what it wrote at version 1.
func wantServed(t *testing.T, s *Store) {
	t.Helper()
	now := time.Date(2026, time.February, 1, 6, 0, 0, 0, time.UTC)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	active := map[string]bool{}
	jti := storage.TokenReference{Kind: storage.AccessToken, Value: "jti-1", ExpiresAt: now.Add(30 * time.Minute)}
	for _, ref := range []storage.TokenReference{
		{Kind: storage.WorkspaceAPIToken, Value: "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"},
		{Kind: storage.WorkspaceAPIToken, Value: "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6"},
		{Kind: storage.ExtensionKey, Value: "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4"},
		{Kind: storage.Session, Value: "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"},
		jti,
		{Kind: storage.AccessToken, Value: "jti-2", ExpiresAt: now.Add(7 * time.Hour)},
	} {
		c, err := s.CredentialByReference(t.Context(), ref)
		check(ref.Value, err)
		active[c.PublicClientID()+" "+ref.Value[:5]] = c.Active(now)
	}
	if diff := cmp.Diff(map[string]bool{
		"workspace_api_token:1 3e23e": true, "workspace_api_token:2 2e7d2": false, "extension_key:3 18ac3": true,
		"session:4 3f79b": true, "app_1 jti-1": true, "app_1 jti-2": false,
	}, active); diff != "" {
		t.Errorf("active (-want +got):\n%s", diff)
	}
	application, err := s.ClientByClientID(t.Context(), "app_1")
	check("the application", err)
	if len(application.Secrets) != 2 || application.Scopes.String() != "issues projects:read" || application.AccessTokenLifetime != 10*time.Minute {
		t.Errorf("the application: %+v", application)
	}

	check("room for tokens", s.PrepareTokens(t.Context(), now, now.Add(24*time.Hour)))
	token := storage.Token{Kind: storage.AccessToken, OrganizationID: 1, Reference: "new", CreatedAt: now, ExpiresAt: now.Add(time.Hour), ClientID: application.ID, KeyID: "kid-2"}
	check("a new token", s.CreateToken(t.Context(), &token))
	c, err := s.CredentialByReference(t.Context(), storage.TokenReferenceOf(token))
	if err != nil || !c.Active(now) {
		t.Errorf("the new token is active: %t, %v", c.Active(now), err)
	}
	if changed, err := s.RevokeToken(t.Context(), jti, now); !changed || err != nil {
		t.Errorf("revoking an old token: %t, %v", changed, err)
	}
	organization := storage.Organization{Slug: "new", Name: "New", CreatedAt: now}
	check("a new organization", s.CreateOrganization(t.Context(), &organization))
	if organization.ID <= 3 { // the third is deleted
		t.Errorf("a new organization has the id %d, which was given out before", organization.ID)
	}
}
