package gormstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

type clientRow struct {
	ID                  int64
	Kind                string
	OrganizationID      reference
	ClientID            string
	Name                string
	AuthMethods         string
	Scopes              string
	AccessTokenLifetime int64 // seconds
	Identifier          string
	CreatedAt           moment `gorm:"autoCreateTime:false"`
	DisabledAt          moment
	LastUsedAt          moment

	TokensRevokedThrough int64

	JWKS             blob
	JWKSURI          string `gorm:"column:jwks_uri"`
	TokenURLAudience bool

	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedServerID  reference
}

func (clientRow) TableName() string { return "clients" }

func (r clientRow) domain() storage.Client {
	return storage.Client{
		ID: r.ID, Kind: storage.ClientKind(r.Kind), OrganizationID: int64(r.OrganizationID),
		ClientID: r.ClientID, Name: r.Name, AuthMethods: parseMethods(r.AuthMethods),
		CreatedAt: r.CreatedAt.time(), DisabledAt: r.DisabledAt.time(), LastUsedAt: r.LastUsedAt.time(),
		Scopes:               storage.ParseScopes(r.Scopes),
		AccessTokenLifetime:  time.Duration(r.AccessTokenLifetime) * time.Second,
		TokensRevokedThrough: r.TokensRevokedThrough,
		Identifier:           r.Identifier,
		JWKS:                 r.JWKS, JWKSURI: r.JWKSURI, TokenURLAudience: r.TokenURLAudience,
		LastUsedAddress: r.LastUsedAddress, LastUsedUserAgent: r.LastUsedUserAgent, LastUsedServerID: int64(r.LastUsedServerID),
	}
}

// CreateClient implements [storage.ClientStore].
func (s *Store) CreateClient(ctx context.Context, c *storage.Client) error {
	const doing = "creating a client"
	row := clientRow{
		Kind: string(c.Kind), OrganizationID: reference(c.OrganizationID),
		ClientID: c.ClientID, Name: c.Name, AuthMethods: methodsText(c.AuthMethods),
		Scopes: c.Scopes.String(), AccessTokenLifetime: int64(c.AccessTokenLifetime / time.Second),
		Identifier: c.Identifier, CreatedAt: moment(c.CreatedAt),
		DisabledAt: moment(c.DisabledAt), LastUsedAt: moment(c.LastUsedAt),
		TokensRevokedThrough: c.TokensRevokedThrough,
		JWKS:                 c.JWKS, JWKSURI: c.JWKSURI, TokenURLAudience: c.TokenURLAudience,
		LastUsedAddress: legible(c.LastUsedAddress), LastUsedUserAgent: legible(c.LastUsedUserAgent), LastUsedServerID: reference(c.LastUsedServerID),
	}
	ids := make([]int64, len(c.Secrets))
	err := s.Transaction(ctx, func(ctx context.Context) error {
		err := s.create(ctx, doing, &row, row.Kind, row.ClientID, row.Name, row.AuthMethods, row.Scopes, row.Identifier, row.JWKSURI)
		if err != nil {
			return err
		}
		for i, secret := range c.Secrets {
			r := secretRow(row.ID, secret)
			if err := s.create(ctx, doing, &r, r.Digest, r.Prefix); err != nil {
				return err
			}
			ids[i] = r.ID
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.ID = row.ID
	for i, id := range ids {
		c.Secrets[i].ID = id
	}
	return nil
}

// selectedClients reads the rows of clients that a SELECT names, in an order that tells
// each from the others, with their secrets that are not closed.
func (s *Store) selectedClients(ctx context.Context, doing, clients, order string, args ...any) ([]storage.Client, error) {
	var found clientSet
	err := s.rows(ctx, s.reader, doing, "SELECT "+clientSecretColumns+" FROM ("+clients+") c "+openSecrets+
		" ORDER BY "+order+", s.id", args, found.add)
	return all(found.order, (*foundClient).domain), err
}

// only returns the one client that was found, ErrNotFound if none was.
func only(doing string, found []storage.Client, err error) (storage.Client, error) {
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: %w", doing, storage.ErrNotFound)
	}
	if err != nil {
		return storage.Client{}, err
	}
	return found[0], nil
}

// UpdateClient implements [storage.ClientStore].
func (s *Store) UpdateClient(ctx context.Context, organizationID, id int64, u storage.ClientUpdate) error {
	const doing = "updating a client"
	set, args, err := clientChanges(u)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	where, of := owned(organizationID)
	args = append(append(args, of...), id)
	return s.mustChange(ctx, doing, "UPDATE clients SET "+set+" WHERE "+where+" AND id = ?", args...)
}

// clientChanges returns what comes after SET. That a change of nothing changes
// something keeps the statement the one that finds out whether there is such a row.
func clientChanges(u storage.ClientUpdate) (set string, args []any, err error) {
	columns := []string{"client_id = client_id"}
	change := func(column string, value any) {
		columns, args = append(columns, column+" = ?"), append(args, value)
	}
	if u.Name != nil {
		change("name", *u.Name)
		err = storable(*u.Name)
	}
	if u.Scopes != nil && err == nil {
		change("scopes", u.Scopes.String())
		err = storable(*u.Scopes...)
	}
	if u.AuthMethods != nil && err == nil {
		methods := methodsText(*u.AuthMethods)
		change("auth_methods", methods)
		err = storable(methods)
	}
	if u.AccessTokenLifetime != nil {
		change("access_token_lifetime", int64(*u.AccessTokenLifetime/time.Second))
	}
	if u.JWKS != nil {
		change("jwks", blob(*u.JWKS))
	}
	if u.JWKSURI != nil && err == nil {
		change("jwks_uri", *u.JWKSURI)
		err = storable(*u.JWKSURI)
	}
	if u.TokenURLAudience != nil {
		change("token_url_audience", *u.TokenURLAudience)
	}
	if u.DisabledAt != nil {
		change("disabled_at", moment(*u.DisabledAt))
	}
	return strings.Join(columns, ", "), args, err
}

// DeleteClient implements [storage.ClientStore].
func (s *Store) DeleteClient(ctx context.Context, organizationID, id int64) error {
	where, args := owned(organizationID)
	return s.mustChange(ctx, "deleting a client", "DELETE FROM clients WHERE "+where+" AND id = ?", append(args, id)...)
}
