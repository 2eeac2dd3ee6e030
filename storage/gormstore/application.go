package gormstore

import (
	"context"
	"fmt"
	"slices"

	"kiket.dev/auth/storage"
)

// application is the condition that a row of clients is one of the organization's
// applications; its parameters are the organization and the id.
const application = "kind = 'application' AND organization_id = ? AND id = ?"

// ApplicationByID implements [storage.ClientStore].
func (s *Store) ApplicationByID(ctx context.Context, organizationID, id int64) (storage.Client, error) {
	const doing = "reading an application"
	found, err := s.selectedClients(ctx, doing, "SELECT * FROM clients WHERE "+application, "c.id", organizationID, id)
	return only(doing, found, err)
}

// Applications implements [storage.ClientStore].
func (s *Store) Applications(ctx context.Context, organizationID int64, page storage.Page) ([]storage.Client, error) {
	const doing = "reading applications"
	if err := checkPage(page); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var where conditions
	where.add("kind = 'application' AND organization_id = ?", organizationID)
	where.addID("id < ?", page.Before)
	return s.selectedClients(ctx, doing, "SELECT * FROM clients WHERE "+where.String()+" ORDER BY id DESC LIMIT ?", "c.id DESC",
		append(where.args, page.Limit)...)
}

// ApplicationSecrets implements [storage.ClientStore].
func (s *Store) ApplicationSecrets(ctx context.Context, f storage.ClientSecretFilter, page storage.Page) ([]storage.ApplicationSecret, error) {
	const doing = "reading client secrets"
	if err := checkPage(page); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var where conditions
	where.add("c.kind = 'application' AND c.organization_id = ?", f.OrganizationID)
	where.addID("s.id = ?", f.ID)
	where.addID("s.id < ?", page.Before)
	where.addAt("s.closed_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > ?)", f.OpenAt)
	where.addAt("s.created_at < ? AND (s.last_used_at IS NULL OR s.last_used_at < ?)", f.UnusedSince)
	where.addIf(f.NeverUsed, "s.last_used_at IS NULL")
	where.addAt("s.expires_at < ?", f.ExpiringBefore)
	var found []storage.ApplicationSecret
	err := s.rows(ctx, s.reader, doing, "SELECT "+clientSecretColumns+", s.closed_at, s.tokens_revoked"+
		" FROM clients c JOIN client_secrets s ON s.client_id = c.id WHERE "+where.String()+
		" ORDER BY s.id DESC LIMIT ?", append(where.args, page.Limit), func(scan func(...any) error) error {
		var client keyedClient
		var secret joinedSecret
		var closed moment
		var tokensRevoked bool
		if err := scan(slices.Concat(client.targets(), secret.targets(), []any{&closed, &tokensRevoked})...); err != nil {
			return err
		}
		one := storage.ApplicationSecret{Secret: secret.domain(), Application: client.domain()}
		one.Secret.ClosedAt, one.Secret.TokensRevoked = closed.time(), tokensRevoked
		found = append(found, one)
		return nil
	})
	return found, err
}

// RevokeClientTokens implements [storage.ClientStore]. Ids of tokens only grow: all
// that were given out have one up to the mark. A token that is being stored at this
// moment may lie below it, and then never works.
func (s *Store) RevokeClientTokens(ctx context.Context, organizationID, id int64) error {
	return s.mustChange(ctx, "revoking the tokens of an application",
		"UPDATE clients SET tokens_revoked_through = "+s.dialect.tokenMark+" WHERE "+application, organizationID, id)
}
