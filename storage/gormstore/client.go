package gormstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

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
	}
	ids := make([]int64, len(c.Secrets))
	err := s.Transaction(ctx, func(ctx context.Context) error {
		err := s.create(ctx, doing, &row, row.Kind, row.ClientID, row.Name, row.AuthMethods, row.Scopes, row.Identifier)
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

// ResourceServerByIdentifier implements [storage.ClientStore]. If several serve
// the organization, an enabled one goes first, then its own.
func (s *Store) ResourceServerByIdentifier(ctx context.Context, organizationID int64, identifier string) (storage.Client, error) {
	const doing = "reading a resource server"
	if err := findable(identifier); err != nil {
		return storage.Client{}, fmt.Errorf("%s: %w", doing, err)
	}
	var row clientRow
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Where("kind = ? AND identifier = ? AND (organization_id IS NULL OR organization_id = ?)",
			string(storage.ResourceServer), identifier, organizationID).
			Order("disabled_at IS NOT NULL, organization_id IS NULL, id").Take(&row).Error
	})
	if err != nil {
		return storage.Client{}, err
	}
	return row.domain(), nil
}

// ResourceServers implements [storage.ClientStore].
func (s *Store) ResourceServers(ctx context.Context) ([]storage.Client, error) {
	var rows []clientRow
	err := s.read(ctx, "reading the resource servers", func(db *gorm.DB) error {
		return db.Where("kind = ?", string(storage.ResourceServer)).Order("name").Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	servers := make([]storage.Client, len(rows))
	for i, r := range rows {
		servers[i] = r.domain()
	}
	return servers, nil
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
