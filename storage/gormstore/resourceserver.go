package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// The kind is spelt out in all of these, and no parameter: the engines use an index on
// the resource servers alone where they see that nothing else is asked for.

// ResourceServerByIdentifier implements [storage.ClientStore]. If several serve
// the organization, an enabled one goes first, then its own.
func (s *Store) ResourceServerByIdentifier(ctx context.Context, organizationID int64, identifier string) (storage.Client, error) {
	const doing = "reading a resource server"
	if err := findable(identifier); err != nil {
		return storage.Client{}, fmt.Errorf("%s: %w", doing, err)
	}
	var row clientRow
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Where("kind = 'resource_server' AND identifier = ? AND (organization_id IS NULL OR organization_id = ?)",
			identifier, organizationID).
			Order("disabled_at IS NOT NULL, organization_id IS NULL, id").Take(&row).Error
	})
	if err != nil {
		return storage.Client{}, err
	}
	return row.domain(), nil
}

// ResourceServerByName implements [storage.ClientStore].
func (s *Store) ResourceServerByName(ctx context.Context, name string) (storage.Client, error) {
	const doing = "reading a resource server"
	if err := findable(name); err != nil {
		return storage.Client{}, fmt.Errorf("%s: %w", doing, err)
	}
	found, err := s.selectedClients(ctx, doing, "SELECT * FROM clients WHERE kind = 'resource_server' AND name = ?", "c.id", name)
	return only(doing, found, err)
}

// ResourceServers implements [storage.ClientStore].
func (s *Store) ResourceServers(ctx context.Context) ([]storage.Client, error) {
	return s.selectedClients(ctx, "reading the resource servers", "SELECT * FROM clients WHERE kind = 'resource_server'", "c.name")
}
