package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kiket.dev/auth/storage"
)

// old is a database as the first version of the program left it, and its time.
type old struct {
	s      *Store
	now    time.Time
	expiry time.Time
}

// newOld writes one of everything with the statements of that version. Every id is 1,
// but for the tokens.
func newOld(t *testing.T, engine string) old {
	t.Helper()
	url := "sqlite:" + t.TempDir() + "/old.db"
	if engine == "postgres" {
		url = cluster.NewDatabase(t)
	}
	s := openStore(t, Options{URL: storage.NewSecret(url)})
	t.Cleanup(func() { _ = s.Close() })
	if n, err := s.migrateTo(t.Context(), 1); n != 1 || err != nil {
		t.Fatalf("%d migrations, %v", n, err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	w := old{s: s, now: now, expiry: now.Add(time.Hour).Truncate(time.Second)}
	if err := s.PrepareTokens(t.Context(), now, now.Add(12*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for sql, args := range map[string][]any{
		"INSERT INTO organizations (slug, name, created_at) VALUES ('acme', 'Acme', ?)":                      {now},
		"INSERT INTO users (email, name, password_hash, created_at) VALUES ('avery@acme.test', 'A', 'x', ?)": {now},
	} {
		w.exec(t, sql, args...)
	}
	w.exec(t, "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES (1, 1, 'admin', ?)", now)
	w.exec(t, "INSERT INTO projects (organization_id, key, name, created_at) VALUES (1, 'P', 'P', ?)", now)
	w.exec(t, `INSERT INTO installations (organization_id, project_id, key, name, version, permissions, manifest, created_at)
		VALUES (1, 1, 'dev.kiket.ext', 'Ext', '1.0.0', 'issues', ?, ?)`, []byte("{}"), now)
	w.exec(t, `INSERT INTO clients (kind, organization_id, client_id, name, auth_methods, scopes, access_token_lifetime, identifier, created_at)
		VALUES ('application', 1, 'app', 'App', 'client_secret_basic', 'issues', 0, '', ?)`, now)
	w.exec(t, "INSERT INTO client_secrets (client_id, digest, prefix, created_at) VALUES (1, 'd', 'kcs_d', ?)", now)
	w.exec(t, `INSERT INTO signing_keys (key_id, algorithm, public_jwk, sealed, created_at, active_at, token_lifetime)
		VALUES ('kid', 'ES256', ?, ?, ?, ?, 0)`, []byte("{}"), []byte("x"), now, now)
	w.insertToken(t, "access", "access_token", w.expiry, ", client_id, client_secret_id, key_id", ", 1, 1, 'kid'")
	w.insertToken(t, "far", "access_token", now.AddDate(90, 0, 0).Truncate(time.Second), ", client_id, key_id", ", 1, 'kid'")
	w.insertToken(t, "workspace", "workspace_api_token", w.expiry, ", user_id", ", 1")
	w.insertToken(t, "key", "extension_key", w.expiry, ", project_id, installation_id", ", 1, 1")
	return w
}

func (w old) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if err := w.s.writer.Exec(sql, args...).Error; err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (w old) insertToken(t *testing.T, reference, kind string, expiry time.Time, columns, values string) {
	t.Helper()
	w.exec(t, `INSERT INTO tokens (reference, kind, organization_id, scopes, full_access, audience, created_at, expires_at`+columns+`)
		VALUES (?, ?, 1, 'issues', FALSE, '', ?, ?`+values+`)`, reference, kind, w.now, expiry)
}

// TestUpgrade holds that what the first version stored is what it was.
func TestUpgrade(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			w := newOld(t, engine)
			migrate(t, w.s)
			w.check(t)
			if n, err := w.s.Migrate(t.Context()); n != 0 || err != nil {
				t.Errorf("migrated again: %d, %v", n, err)
			}
		})
	}
}

func (w old) check(t *testing.T) {
	t.Helper()
	ctx, s := t.Context(), w.s
	client := storage.Client{
		ID: 1, Kind: storage.Application, OrganizationID: 1, ClientID: "app", Name: "App", CreatedAt: w.now,
		AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic}, Scopes: storage.NewScopes("issues"),
		Secrets: []storage.ClientSecret{{ID: 1, Digest: "d", Prefix: "kcs_d", CreatedAt: w.now}},
	}
	same(t, client, must(s.ClientByClientID(ctx, "app"))(t))
	same(t, client, must(s.ApplicationByID(ctx, 1, 1))(t))
	same(t, storage.Member{UserID: 1, Name: "A", Email: "avery@acme.test", Role: storage.RoleAdmin, JoinedAt: w.now},
		must(s.MemberOf(ctx, 1, 1))(t))
	same(t, storage.Membership{OrganizationID: 1, UserID: 1, Role: storage.RoleAdmin, CreatedAt: w.now},
		must(s.MembershipOf(ctx, 1, 1))(t))
	for _, ref := range []storage.TokenReference{
		{Kind: storage.AccessToken, Value: "access", ExpiresAt: w.expiry},
		{Kind: storage.AccessToken, Value: "far", ExpiresAt: w.now.AddDate(90, 0, 0).Truncate(time.Second)},
		{Kind: storage.WorkspaceAPIToken, Value: "workspace"},
		{Kind: storage.ExtensionKey, Value: "key"},
	} {
		c := must(s.CredentialByReference(ctx, ref))(t)
		if !c.Active(w.now) || c.Token.IdleTimeout != 0 || !c.Token.CreatedAt.Equal(w.now) {
			t.Errorf("%s: %+v", ref.Value, c)
		}
	}
	page := storage.Page{Limit: 10}
	same(t, 2, len(must(s.OpaqueTokens(ctx, storage.TokenFilter{OrganizationID: 1, ActiveAt: w.now}, page))(t)))
	same(t, 1, len(must(s.Installations(ctx, 1, page))(t)))
	if err := s.RevokeClientTokens(ctx, 1, 1); err != nil {
		t.Error(err)
	}
	if c := must(s.CredentialByReference(ctx, storage.TokenReference{Kind: storage.AccessToken, Value: "access", ExpiresAt: w.expiry}))(t); c.Active(w.now) {
		t.Error("an old access token outlives the revocation of all")
	}
}

func same[V any](t *testing.T, want, got V) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(storage.Client{}, "LastUsedAt"), cmpopts.IgnoreFields(storage.ClientSecret{}, "LastUsedAt")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// must returns the value of a call that has to succeed.
func must[V any](value V, err error) func(t *testing.T) V {
	return func(t *testing.T) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// TestUpgradeUnderLoad migrates PostgreSQL while replicas of the first version serve:
// nothing they do fails, not for a second and not in a circle of locks, and of what
// they write nothing is lost.
func TestUpgradeUnderLoad(t *testing.T) {
	w := newOld(t, "postgres")
	pool := w.s.pools[0]
	ctx, cancel := context.WithCancel(t.Context())
	var written int
	var serving, started sync.WaitGroup
	stop := func() { cancel(); serving.Wait() }
	defer stop()
	serve := func(f func(n int) error) {
		started.Add(1)
		serving.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := f(n); err != nil {
					t.Errorf("a replica of the first version: %v", err)
					cancel()
				}
				if n == 0 {
					started.Done()
				}
			}
		})
	}
	serve(func(int) error { return w.lookUp(context.Background(), pool) })
	serve(func(int) error { return w.recordUses(pool) })
	serve(func(n int) error {
		written = n + 1
		_, err := pool.Exec(`INSERT INTO tokens (kind, organization_id, reference, scopes, full_access, audience, created_at, expires_at, client_id, key_id)
			VALUES ('access_token', 1, $1, 'issues', FALSE, '', $2, $3, 1, 'kid')`, fmt.Sprint("load-", n), w.now, w.expiry)
		return err
	})
	serve(func(n int) error { // new partitions all the time
		from := w.now.Add(time.Duration(24+6*n) * time.Hour)
		err := w.s.PrepareTokens(context.Background(), from, from)
		if errors.Is(err, storage.ErrUnavailable) {
			return nil // it is tried again later
		}
		return err
	})
	started.Wait()
	migrate(t, w.s)
	stop()
	for n := range written {
		ref := storage.TokenReference{Kind: storage.AccessToken, Value: fmt.Sprint("load-", n), ExpiresAt: w.expiry}
		if c := must(w.s.CredentialByReference(t.Context(), ref))(t); !c.Active(w.now) {
			t.Errorf("token %d of %d: %+v", n, written, c)
		}
	}
	w.check(t)
}

// TestUpgradeDuringBackup migrates PostgreSQL while something reads clients for long.
// The migration gives up before requests behind it do, and can be applied afterwards.
func TestUpgradeDuringBackup(t *testing.T) {
	t.Parallel()
	w := newOld(t, "postgres")
	if n, err := w.s.migrateTo(t.Context(), 2); n != 1 || err != nil {
		t.Fatalf("%d migrations, %v", n, err)
	}
	backup, err := w.s.pools[0].BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backup.Rollback() }()
	if _, err := backup.ExecContext(t.Context(), "LOCK TABLE clients IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			if err := w.lookUpWithin(t.Context(), w.s.timeout); err != nil {
				t.Errorf("a replica of the version before: %v", err)
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	if _, err := w.s.Migrate(t.Context()); !errors.Is(err, ErrInUse) || errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("migrating during a backup: %v", err)
	}
	close(over)
	serving.Wait()
	if migrated, err := w.s.Migrated(t.Context()); migrated || err != nil {
		t.Errorf("migrated: %t, %v", migrated, err)
	}
	if err := backup.Commit(); err != nil {
		t.Fatal(err)
	}
	migrate(t, w.s)
	w.check(t)
}

// lookUpWithin is lookUp with a limit of time.
func (w old) lookUpWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return w.lookUp(ctx, w.s.pools[0])
}

// lookUp is the first version's look-up of an access token, in its order of tables.
func (w old) lookUp(ctx context.Context, pool *sql.DB) error {
	var id int64
	return pool.QueryRowContext(ctx, `SELECT t.id FROM tokens t LEFT JOIN clients c ON c.id = t.client_id
		LEFT JOIN signing_keys k ON k.key_id = t.key_id
		WHERE t.kind = 'access_token' AND t.reference = 'access' AND t.expires_at = $1`, w.expiry).Scan(&id)
}

// recordUses is how the first version recorded uses, in its order of tables.
func (w old) recordUses(pool *sql.DB) error {
	tx, err := pool.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, table := range []string{"client_secrets", "clients", "tokens"} {
		where := "id = 1"
		if table == "tokens" {
			where = "kind = 'workspace_api_token' AND reference = 'workspace'"
		}
		if _, err := tx.Exec("UPDATE "+table+" SET last_used_at = $1 WHERE "+where, w.now); err != nil {
			return err
		}
	}
	return tx.Commit()
}
