package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type installationRow struct {
	ID             int64
	OrganizationID int64
	ProjectID      int64
	Key            string
	Name           string
	Version        string
	Permissions    string
	Manifest       []byte
	CreatedAt      moment `gorm:"autoCreateTime:false"`
	UninstalledAt  moment
}

func (installationRow) TableName() string { return "installations" }

func (r installationRow) domain() storage.Installation {
	return storage.Installation{
		ID: r.ID, OrganizationID: r.OrganizationID, ProjectID: r.ProjectID,
		Key: r.Key, Name: r.Name, Version: r.Version,
		Permissions: storage.ParseScopes(r.Permissions), Manifest: r.Manifest,
		CreatedAt: r.CreatedAt.time(), UninstalledAt: r.UninstalledAt.time(),
	}
}

// CreateInstallation implements [storage.InstallationStore].
func (s *Store) CreateInstallation(ctx context.Context, i *storage.Installation) error {
	row := installationRow{
		OrganizationID: i.OrganizationID, ProjectID: i.ProjectID,
		Key: i.Key, Name: i.Name, Version: i.Version,
		Permissions: i.Permissions.String(), Manifest: notNull(i.Manifest),
		CreatedAt: moment(i.CreatedAt), UninstalledAt: moment(i.UninstalledAt),
	}
	if err := s.create(ctx, "creating an installation", &row, row.Key, row.Name, row.Version, row.Permissions); err != nil {
		return err
	}
	i.ID = row.ID
	return nil
}

// InstallationsByKey implements [storage.InstallationStore]. They come by id.
func (s *Store) InstallationsByKey(ctx context.Context, organizationID int64, key string) ([]storage.Installation, error) {
	if findable(key) != nil {
		return nil, nil
	}
	var rows []installationRow
	err := s.read(ctx, "reading the installations of an extension", func(db *gorm.DB) error {
		return db.Where("organization_id = ? AND key = ? AND uninstalled_at IS NULL", organizationID, key).
			Order("id").Find(&rows).Error
	})
	return all(rows, installationRow.domain), err
}

// Installations implements [storage.InstallationStore].
func (s *Store) Installations(ctx context.Context, organizationID int64, page storage.Page) ([]storage.Installation, error) {
	rows, err := pageRows[installationRow](ctx, s, "reading installations", "id", page,
		"organization_id = ? AND uninstalled_at IS NULL", organizationID)
	return all(rows, installationRow.domain), err
}

// UpdateInstallation implements [storage.InstallationStore].
func (s *Store) UpdateInstallation(ctx context.Context, i storage.Installation) error {
	const doing = "updating an installation"
	if err := storable(i.Name, i.Version, i.Permissions.String()); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing, `UPDATE installations SET name = ?, version = ?, permissions = ?, manifest = ?
		WHERE organization_id = ? AND id = ? AND uninstalled_at IS NULL`,
		i.Name, i.Version, i.Permissions.String(), notNull(i.Manifest), i.OrganizationID, i.ID)
}

// InstallationByID implements [storage.InstallationStore].
func (s *Store) InstallationByID(ctx context.Context, organizationID, id int64) (storage.Installation, error) {
	var row installationRow
	if err := s.first(ctx, "reading an installation", &row, "organization_id = ? AND id = ?", organizationID, id); err != nil {
		return storage.Installation{}, err
	}
	return row.domain(), nil
}

// Uninstall implements [storage.InstallationStore].
func (s *Store) Uninstall(ctx context.Context, organizationID, id int64, at time.Time) (bool, error) {
	return s.changeOnce(ctx, "uninstalling",
		"UPDATE installations SET uninstalled_at = ? WHERE organization_id = ? AND id = ? AND uninstalled_at IS NULL",
		[]any{moment(at), organizationID, id},
		"SELECT 1 FROM installations WHERE organization_id = ? AND id = ?", organizationID, id)
}

// notNull makes an absent sequence of bytes an empty one.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
