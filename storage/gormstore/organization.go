package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type organizationRow struct {
	ID        int64
	Slug      string
	Name      string
	CreatedAt moment `gorm:"autoCreateTime:false"`
}

func (organizationRow) TableName() string { return "organizations" }

func (r organizationRow) domain() storage.Organization {
	return storage.Organization{ID: r.ID, Slug: r.Slug, Name: r.Name, CreatedAt: r.CreatedAt.time()}
}

// CreateOrganization implements [storage.OrganizationStore].
func (s *Store) CreateOrganization(ctx context.Context, o *storage.Organization) error {
	const doing = "creating an organization"
	row := organizationRow{Slug: o.Slug, Name: o.Name, CreatedAt: moment(o.CreatedAt)}
	if err := s.create(ctx, doing, &row, o.Slug, o.Name); err != nil {
		return err
	}
	o.ID = row.ID
	return nil
}

// OrganizationByID implements [storage.OrganizationStore].
func (s *Store) OrganizationByID(ctx context.Context, id int64) (storage.Organization, error) {
	var row organizationRow
	err := s.first(ctx, "reading an organization", &row, "id = ?", id)
	return row.domain(), err
}

// OrganizationBySlug implements [storage.OrganizationStore].
func (s *Store) OrganizationBySlug(ctx context.Context, slug string) (storage.Organization, error) {
	var row organizationRow
	err := s.first(ctx, "reading an organization", &row, "slug = ?", slug)
	return row.domain(), err
}

// Organizations implements [storage.OrganizationStore].
func (s *Store) Organizations(ctx context.Context, page storage.Page) ([]storage.Organization, error) {
	rows, err := pageRows[organizationRow](ctx, s, "reading the organizations", "id", page, "")
	return all(rows, organizationRow.domain), err
}

// RenameOrganization implements [storage.OrganizationStore].
func (s *Store) RenameOrganization(ctx context.Context, id int64, name string) error {
	const doing = "renaming an organization"
	if err := storable(name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing, "UPDATE organizations SET name = ? WHERE id = ?", name, id)
}

// LockOrganization implements [storage.OrganizationStore]. It is [Store.Lock] with
// the organization's own row.
func (s *Store) LockOrganization(ctx context.Context, id int64) error {
	return s.lockRow(ctx, "locking an organization", "UPDATE organizations SET name = name WHERE id = ?", id)
}

// CountOrganizations implements [storage.OrganizationStore].
func (s *Store) CountOrganizations(ctx context.Context) (int64, error) {
	var count int64
	err := s.read(ctx, "counting organizations", func(db *gorm.DB) error {
		return db.Model(&organizationRow{}).Count(&count).Error
	})
	return count, err
}
