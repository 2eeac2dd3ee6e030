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
	found, err := s.applications(ctx, doing, "SELECT * FROM clients WHERE "+application, organizationID, id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: %w", doing, storage.ErrNotFound)
	}
	if err != nil {
		return storage.Client{}, err
	}
	return found[0], nil
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
	return s.applications(ctx, doing, "SELECT * FROM clients WHERE "+where.String()+" ORDER BY id DESC LIMIT ?",
		append(where.args, page.Limit)...)
}

// applications reads the rows of clients that a SELECT names, by id, with their
// secrets.
func (s *Store) applications(ctx context.Context, doing, clients string, args ...any) ([]storage.Client, error) {
	var found clientSet
	err := s.rows(ctx, s.reader, doing, "SELECT "+clientSecretColumns+" FROM ("+clients+") c "+openSecrets+
		" ORDER BY c.id DESC, s.id", args, found.add)
	return all(found.order, (*foundClient).domain), err
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
	where.addAt("s.expires_at < ?", f.ExpiringBefore)
	var found []storage.ApplicationSecret
	err := s.rows(ctx, s.reader, doing, "SELECT "+clientSecretColumns+", s.closed_at, s.tokens_revoked"+
		" FROM clients c JOIN client_secrets s ON s.client_id = c.id WHERE "+where.String()+
		" ORDER BY s.id DESC LIMIT ?", append(where.args, page.Limit), func(scan func(...any) error) error {
		var client joinedClient
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
