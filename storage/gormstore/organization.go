package gormstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type organizationRow struct {
	ID        int64
	Slug      string
	Name      string
	CreatedAt moment `gorm:"autoCreateTime:false"`

	WorkspaceTokenMaxLifetime reference // seconds
	ExpiryDigestAt            moment
}

func (organizationRow) TableName() string { return "organizations" }

func (r organizationRow) domain() storage.Organization {
	return storage.Organization{
		ID: r.ID, Slug: r.Slug, Name: r.Name, CreatedAt: r.CreatedAt.time(),
		WorkspaceTokenMaxLifetime: time.Duration(r.WorkspaceTokenMaxLifetime) * time.Second, ExpiryDigestAt: r.ExpiryDigestAt.time(),
	}
}

// CreateOrganization implements [storage.OrganizationStore].
func (s *Store) CreateOrganization(ctx context.Context, o *storage.Organization) error {
	const doing = "creating an organization"
	row := organizationRow{
		Slug: o.Slug, Name: o.Name, CreatedAt: moment(o.CreatedAt),
		WorkspaceTokenMaxLifetime: reference(o.WorkspaceTokenMaxLifetime / time.Second), ExpiryDigestAt: moment(o.ExpiryDigestAt),
	}
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

// UpdateOrganization implements [storage.OrganizationStore].
func (s *Store) UpdateOrganization(ctx context.Context, id int64, u storage.OrganizationUpdate) error {
	const doing = "changing an organization"
	set := []string{"slug = slug"} // so that there is something to set
	var args []any
	change := func(column string, value any) {
		set, args = append(set, column+" = ?"), append(args, value)
	}
	if u.Name != nil {
		if err := storable(*u.Name); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		change("name", *u.Name)
	}
	if u.WorkspaceTokenMaxLifetime != nil {
		change("workspace_token_max_lifetime", reference(*u.WorkspaceTokenMaxLifetime/time.Second))
	}
	if u.ExpiryDigestAt != nil {
		change("expiry_digest_at", moment(*u.ExpiryDigestAt))
	}
	return s.mustChange(ctx, doing, "UPDATE organizations SET "+strings.Join(set, ", ")+" WHERE id = ?", append(args, id)...)
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
