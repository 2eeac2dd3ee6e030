package gormstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type tokenRow struct {
	ID                int64
	Kind              string
	OrganizationID    int64
	Reference         string
	Prefix            string
	Name              string
	Scopes            string
	FullAccess        bool
	Audience          string
	CreatedAt         moment `gorm:"autoCreateTime:false"`
	ExpiresAt         moment
	RevokedAt         moment
	UserID            reference
	ClientID          reference
	ClientSecretID    reference
	KeyID             string
	ProjectID         reference
	InstallationID    reference
	LastUsedAt        moment
	LastUsedAddress   string
	LastUsedUserAgent string
	IdleTimeout       int64 // nanoseconds
	LastUsedServerID  reference
}

func (tokenRow) TableName() string { return "tokens" }

// tokenColumns are the columns of tokenRow, in the order of its scan targets.
const tokenColumns = `t.id, t.kind, t.organization_id, t.reference, t.prefix, t.name, t.scopes, t.full_access, t.audience,
	t.created_at, t.expires_at, t.revoked_at, t.user_id, t.client_id, t.client_secret_id, t.key_id,
	t.project_id, t.installation_id, t.last_used_at, t.last_used_address, t.last_used_user_agent, t.idle_timeout, t.last_used_server_id`

func (r *tokenRow) targets() []any {
	return []any{
		&r.ID, &r.Kind, &r.OrganizationID, &r.Reference, &r.Prefix, &r.Name, &r.Scopes, &r.FullAccess, &r.Audience,
		&r.CreatedAt, &r.ExpiresAt, &r.RevokedAt, &r.UserID, &r.ClientID, &r.ClientSecretID, &r.KeyID,
		&r.ProjectID, &r.InstallationID, &r.LastUsedAt, &r.LastUsedAddress, &r.LastUsedUserAgent,
		&r.IdleTimeout, &r.LastUsedServerID,
	}
}

func tokenRowOf(t *storage.Token) tokenRow {
	return tokenRow{
		Kind: string(t.Kind), OrganizationID: t.OrganizationID, Reference: t.Reference,
		Prefix: t.Prefix, Name: t.Name, Scopes: t.Scopes.String(), FullAccess: t.FullAccess, Audience: t.Audience,
		CreatedAt: moment(t.CreatedAt), ExpiresAt: moment(t.ExpiresAt), RevokedAt: moment(t.RevokedAt),
		UserID: reference(t.UserID), ClientID: reference(t.ClientID), ClientSecretID: reference(t.ClientSecretID),
		KeyID: t.KeyID, ProjectID: reference(t.ProjectID), InstallationID: reference(t.InstallationID),
		LastUsedAt: moment(t.LastUsedAt), LastUsedAddress: t.LastUsedAddress, LastUsedUserAgent: t.LastUsedUserAgent,
		IdleTimeout: int64(t.IdleTimeout), LastUsedServerID: reference(t.LastUsedServerID),
	}
}

func (r *tokenRow) domain() storage.Token {
	return storage.Token{
		ID: r.ID, Kind: storage.TokenKind(r.Kind), OrganizationID: r.OrganizationID, Reference: r.Reference,
		Prefix: r.Prefix, Name: r.Name, Scopes: storage.ParseScopes(r.Scopes), FullAccess: r.FullAccess, Audience: r.Audience,
		CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time(), RevokedAt: r.RevokedAt.time(),
		UserID: int64(r.UserID), ClientID: int64(r.ClientID), ClientSecretID: int64(r.ClientSecretID),
		KeyID: r.KeyID, ProjectID: int64(r.ProjectID), InstallationID: int64(r.InstallationID),
		LastUsedAt: r.LastUsedAt.time(), LastUsedAddress: r.LastUsedAddress, LastUsedUserAgent: r.LastUsedUserAgent,
		IdleTimeout: time.Duration(r.IdleTimeout), LastUsedServerID: int64(r.LastUsedServerID),
	}
}

// CreateToken implements [storage.TokenStore]. The expiry of an access token is
// a part of what it is found by, and must be in whole seconds.
func (s *Store) CreateToken(ctx context.Context, t *storage.Token) error {
	const doing = "creating a token"
	if err := checkToken(t); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if s.transaction(ctx) == nil && plainAccessToken(t) {
		// A copy: the batch may read it after this call was given up.
		pending := *t
		id, err := s.inserts.do(ctx, &pending)
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		t.ID = id
		return nil
	}
	row := tokenRowOf(t)
	if err := s.write(ctx, doing, func(db *gorm.DB) error { return db.Create(&row).Error }); err != nil {
		return err
	}
	t.ID = row.ID
	return nil
}

func checkToken(t *storage.Token) error {
	if t.Kind == storage.AccessToken && (t.ExpiresAt.IsZero() || t.ExpiresAt.Nanosecond() != 0) {
		return errors.New("an access token must expire at a whole second")
	}
	if err := storable(t.Scopes...); err != nil {
		return err
	}
	return storable(string(t.Kind), t.Reference, t.Prefix, t.Name, t.Audience, t.KeyID, t.LastUsedAddress, t.LastUsedUserAgent)
}

// plainAccessToken reports whether t is new and has nothing but what access
// tokens have, so that it may travel with others.
func plainAccessToken(t *storage.Token) bool {
	return t.Kind == storage.AccessToken && t.ID == 0 && t.RevokedAt.IsZero() && t.LastUsedAt.IsZero() &&
		t.Prefix == "" && t.Name == "" && t.LastUsedAddress == "" && t.LastUsedUserAgent == "" &&
		t.LastUsedServerID == 0 && t.UserID == 0 && t.ProjectID == 0 && t.InstallationID == 0 && t.IdleTimeout == 0
}

// insertTokens stores access tokens with one statement and returns their ids.
func (s *Store) insertTokens(ctx context.Context, tokens []*storage.Token) ([]answer[int64], error) {
	position := make(map[string]int, len(tokens))
	for i, t := range tokens {
		if _, twice := position[t.Reference]; twice {
			return nil, fmt.Errorf("two tokens at once: %w", storage.ErrConflict)
		}
		position[t.Reference] = i
	}
	answers := make([]answer[int64], len(tokens))
	sql, args := s.dialect.insertAccessTokens(tokens)
	rows, err := s.writer.Statement.ConnPool.QueryContext(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var ref string
		var id int64
		if err := rows.Scan(&ref, &id); err != nil {
			return nil, err
		}
		answers[position[ref]].value = id
	}
	return answers, rows.Err()
}

// OpaqueTokenByID implements [storage.TokenStore].
func (s *Store) OpaqueTokenByID(ctx context.Context, organizationID int64, kind storage.TokenKind, id int64) (storage.Token, error) {
	const doing = "reading a token"
	if kind == storage.AccessToken {
		return storage.Token{}, fmt.Errorf("%s: %w", doing, storage.ErrNotFound)
	}
	var row tokenRow
	err := s.first(ctx, doing, &row, "organization_id = ? AND kind = ? AND id = ?", organizationID, string(kind), id)
	if err != nil {
		return storage.Token{}, err
	}
	return row.domain(), nil
}

// RenameToken implements [storage.TokenStore].
func (s *Store) RenameToken(ctx context.Context, organizationID int64, kind storage.TokenKind, id int64, name string) error {
	const doing = "renaming a token"
	if kind == storage.AccessToken {
		return fmt.Errorf("%s: %w", doing, storage.ErrNotFound)
	}
	if err := findable(string(kind)); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := storable(name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing, "UPDATE tokens SET name = ? WHERE kind <> 'access_token' AND organization_id = ? AND kind = ? AND id = ?",
		name, organizationID, string(kind), id)
}

// RevokeToken implements [storage.TokenStore].
func (s *Store) RevokeToken(ctx context.Context, ref storage.TokenReference, at time.Time) (bool, error) {
	if findable(string(ref.Kind), ref.Value) != nil {
		return false, nil
	}
	sql := "UPDATE tokens SET revoked_at = ? WHERE kind = ? AND reference = ? AND revoked_at IS NULL"
	args := []any{moment(at), string(ref.Kind), ref.Value}
	if ref.Kind == storage.AccessToken { // the expiry tells the partition
		sql += " AND expires_at = ?"
		args = append(args, moment(ref.ExpiresAt))
	}
	return s.change(ctx, "revoking a token", sql, args...)
}

// SweepTokens implements [storage.TokenStore].
func (s *Store) SweepTokens(ctx context.Context, before time.Time) (int64, error) {
	return s.dialect.sweepTokens(s, ctx, before)
}

// PrepareTokens implements [storage.TokenStore]. On PostgreSQL it makes the
// partitions, on SQLite there is nothing to make.
func (s *Store) PrepareTokens(ctx context.Context, now, until time.Time) error {
	return s.dialect.prepareTokens(s, ctx, now, until)
}

// sweepBatch is how many rows a sweep removes at a time: few enough that nobody
// waits long for the lock that it holds meanwhile.
const sweepBatch = 500

const sweepingTokens = "sweeping tokens"

// sweepRows deletes expired access tokens batch by batch.
func sweepRows(s *Store, ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, sweepingTokens, `DELETE FROM tokens WHERE id IN
		(SELECT id FROM tokens WHERE kind = 'access_token' AND expires_at < ? ORDER BY expires_at LIMIT ?)`, before)
}

// SweepSessions implements [storage.TokenStore].
func (s *Store) SweepSessions(ctx context.Context, before time.Time) (int64, error) {
	expired, err := s.deleteInBatches(ctx, "sweeping sessions", `DELETE FROM tokens WHERE kind = 'session' AND id IN
		(SELECT id FROM tokens WHERE kind = 'session' AND expires_at < ? ORDER BY id LIMIT ?)`, before)
	if err != nil {
		return expired, err
	}
	revoked, err := s.deleteInBatches(ctx, "sweeping sessions", `DELETE FROM tokens WHERE kind = 'session' AND id IN
		(SELECT id FROM tokens WHERE kind = 'session' AND revoked_at < ? ORDER BY id LIMIT ?)`, before)
	return expired + revoked, err
}

// deleteInBatches runs a DELETE of what is older than its first parameter and no
// more than its second, until nothing is left.
func (s *Store) deleteInBatches(ctx context.Context, doing, sql string, before time.Time) (int64, error) {
	var total int64
	for {
		var deleted int64
		err := s.write(ctx, doing, func(db *gorm.DB) error {
			result := db.Exec(sql, moment(before), sweepBatch)
			deleted = result.RowsAffected
			return result.Error
		})
		total += deleted
		if err != nil || deleted < sweepBatch {
			return total, err
		}
	}
}
