package gormstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// tokenConditions says on which rows of tokens the filter falls. Their kind is
// written out, whatever the filter says: it tells PostgreSQL the partition and
// SQLite the index.
func tokenConditions(f storage.TokenFilter) *conditions {
	c := new(conditions)
	c.add("kind <> 'access_token' AND organization_id = ?", f.OrganizationID)
	if len(f.Kinds) > 0 {
		if kinds := opaqueKinds(f.Kinds); len(kinds) > 0 {
			c.add("kind IN ?", kinds)
		} else {
			c.add("1 = 0")
		}
	}
	c.addID("id = ?", f.ID)
	c.addID("id <> ?", f.Except)
	c.addID("user_id = ?", f.UserID)
	c.addID("installation_id = ?", f.InstallationID)
	c.addIf(f.FullAccess, "full_access")
	c.addIf(f.Revoked, "revoked_at IS NOT NULL")
	c.addIf(f.NotRevoked, "revoked_at IS NULL")
	c.addAt("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", f.ActiveAt)
	c.addAt("expires_at <= ?", f.ExpiredAt)
	c.addAt("created_at < ? AND (last_used_at IS NULL OR last_used_at < ?)", f.UnusedSince)
	c.addIf(f.NeverUsed, "last_used_at IS NULL")
	c.addIf(f.OwnerGone, `kind = 'workspace_api_token' AND NOT EXISTS (SELECT 1 FROM memberships admin
		WHERE admin.organization_id = tokens.organization_id AND admin.user_id = tokens.user_id AND admin.role = 'admin')`)
	c.addAt("expires_at < ?", f.ExpiringBefore)
	return c
}

// opaqueKinds leaves out what is no kind of an opaque token.
func opaqueKinds(kinds []storage.TokenKind) []string {
	var known []string
	for _, kind := range kinds {
		switch kind {
		case storage.WorkspaceAPIToken, storage.ExtensionKey, storage.Session:
			known = append(known, string(kind))
		case storage.AccessToken:
		}
	}
	return known
}

// OpaqueTokens implements [storage.TokenStore].
func (s *Store) OpaqueTokens(ctx context.Context, f storage.TokenFilter, page storage.Page) ([]storage.OwnedToken, error) {
	const doing = "reading tokens"
	if err := checkPage(page); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	where := tokenConditions(f)
	where.addID("id < ?", page.Before)
	var tokens []storage.OwnedToken
	err := s.rows(ctx, s.reader, doing, "SELECT "+tokenColumns+", "+memberName+", "+installationColumns+`
		FROM (SELECT * FROM tokens WHERE `+where.String()+` ORDER BY id DESC LIMIT ?) t
		LEFT JOIN users u ON u.id = t.user_id
		LEFT JOIN memberships m ON m.organization_id = t.organization_id AND m.user_id = t.user_id
		LEFT JOIN installations i ON i.organization_id = t.organization_id AND i.id = t.installation_id
		ORDER BY t.id DESC`, append(where.args, page.Limit), func(scan func(...any) error) error {
		var row tokenRow
		var owner text
		var key joinedInstallation
		if err := scan(slices.Concat(row.targets(), []any{&owner}, key.targets())...); err != nil {
			return err
		}
		tokens = append(tokens, storage.OwnedToken{Token: row.domain(), OwnerName: string(owner), Installation: key.domain()})
		return nil
	})
	return tokens, err
}

// updateTokens is an UPDATE of opaque tokens. The rows are locked in one order, as
// [Store.RecordUses] locks them, so that nobody waits in a circle.
func (s *Store) updateTokens(set string, where *conditions) string {
	return "UPDATE tokens SET " + set + " WHERE kind <> 'access_token' AND id IN (SELECT id FROM tokens WHERE " +
		where.String() + " ORDER BY id" + s.dialect.lockRows + ")"
}

// RevokeTokens implements [storage.TokenStore]. They come by id.
func (s *Store) RevokeTokens(ctx context.Context, f storage.TokenFilter, at time.Time) ([]storage.Token, error) {
	where := tokenConditions(f)
	where.add("revoked_at IS NULL")
	var tokens []storage.Token
	err := s.rows(ctx, s.writer, "revoking tokens",
		s.updateTokens("revoked_at = ?", where)+" RETURNING "+strings.ReplaceAll(tokenColumns, "t.", ""),
		append([]any{moment(at)}, where.args...), func(scan func(...any) error) error {
			var row tokenRow
			if err := scan(row.targets()...); err != nil {
				return err
			}
			tokens = append(tokens, row.domain())
			return nil
		})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tokens, func(a, b storage.Token) int { return int(a.ID - b.ID) })
	return tokens, nil
}

// ExpireTokens implements [storage.TokenStore].
func (s *Store) ExpireTokens(ctx context.Context, f storage.TokenFilter, at time.Time) error {
	where := tokenConditions(f)
	where.add("(expires_at IS NULL OR expires_at > ?)", moment(at))
	_, err := s.change(ctx, "expiring tokens", s.updateTokens("expires_at = ?", where), append([]any{moment(at)}, where.args...)...)
	return err
}

// ReassignTokens implements [storage.TokenStore].
func (s *Store) ReassignTokens(ctx context.Context, organizationID, from, to int64) (int64, error) {
	const doing = "reassigning tokens"
	where := tokenConditions(storage.TokenFilter{
		OrganizationID: organizationID, Kinds: []storage.TokenKind{storage.WorkspaceAPIToken},
	})
	where.add("user_id = ? AND revoked_at IS NULL", from)
	var reassigned int64
	err := s.Transaction(ctx, func(ctx context.Context) error {
		if _, err := s.MembershipOf(ctx, organizationID, to); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return s.write(ctx, doing, func(db *gorm.DB) error {
			result := db.Exec(s.updateTokens("user_id = ?", where), append([]any{to}, where.args...)...)
			reassigned = result.RowsAffected
			return result.Error
		})
	})
	if err != nil {
		return 0, err
	}
	return reassigned, nil
}
