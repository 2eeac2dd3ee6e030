package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type namedSecretRow struct {
	OrganizationID int64  `gorm:"primaryKey;autoIncrement:false"`
	InstallationID int64  `gorm:"primaryKey;autoIncrement:false"`
	Name           string `gorm:"primaryKey"`
	Sealed         []byte
	UpdatedAt      moment `gorm:"autoUpdateTime:false"`
}

func (namedSecretRow) TableName() string { return "named_secrets" }

func (r namedSecretRow) domain() storage.NamedSecret {
	return storage.NamedSecret{
		OrganizationID: r.OrganizationID, InstallationID: r.InstallationID, Name: r.Name,
		Sealed: r.Sealed, UpdatedAt: r.UpdatedAt.time(),
	}
}

// PutNamedSecret implements [storage.NamedSecretStore]. It locks the installation's
// row: of two that come at once one finds the other's secret, and none is left
// behind by one that comes while the extension is uninstalled.
func (s *Store) PutNamedSecret(ctx context.Context, n storage.NamedSecret) (bool, error) {
	const doing = "writing a named secret"
	row := namedSecretRow{
		OrganizationID: n.OrganizationID, InstallationID: n.InstallationID, Name: n.Name,
		Sealed: notNull(n.Sealed), UpdatedAt: moment(n.UpdatedAt),
	}
	if err := storable(row.Name); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	created := false
	err := s.Transaction(ctx, func(ctx context.Context) error {
		err := s.mustChange(ctx, doing, `UPDATE installations SET name = name
			WHERE organization_id = ? AND id = ? AND uninstalled_at IS NULL`, row.OrganizationID, row.InstallationID)
		if err != nil {
			return err
		}
		replaced, err := s.change(ctx, doing, `UPDATE named_secrets SET sealed = ?, updated_at = ?
			WHERE organization_id = ? AND installation_id = ? AND name = ?`,
			row.Sealed, row.UpdatedAt, row.OrganizationID, row.InstallationID, row.Name)
		if err != nil || replaced {
			return err
		}
		created = true
		return s.create(ctx, doing, &row)
	})
	return created && err == nil, err
}

// NamedSecretByName implements [storage.NamedSecretStore].
func (s *Store) NamedSecretByName(ctx context.Context, organizationID, installationID int64, name string) (storage.NamedSecret, error) {
	var row namedSecretRow
	err := s.first(ctx, "reading a named secret", &row,
		"organization_id = ? AND installation_id = ? AND name = ?", organizationID, installationID, name)
	if err != nil {
		return storage.NamedSecret{}, err
	}
	return row.domain(), nil
}

// NamedSecretNames implements [storage.NamedSecretStore].
func (s *Store) NamedSecretNames(ctx context.Context, organizationID, installationID int64) ([]string, error) {
	var names []string
	err := s.read(ctx, "reading the names of secrets", func(db *gorm.DB) error {
		return db.Model(&namedSecretRow{}).
			Where("organization_id = ? AND installation_id = ?", organizationID, installationID).
			Order("name").Pluck("name", &names).Error
	})
	return names, err
}

// NamedSecretsAfter implements [storage.NamedSecretStore].
func (s *Store) NamedSecretsAfter(ctx context.Context, after storage.NamedSecret, limit int) ([]storage.NamedSecret, error) {
	var rows []namedSecretRow
	err := s.read(ctx, "reading the named secrets", func(db *gorm.DB) error {
		return db.Where("(organization_id, installation_id, name) > (?, ?, ?)", after.OrganizationID, after.InstallationID, after.Name).
			Order("organization_id, installation_id, name").Limit(limit).Find(&rows).Error
	})
	secrets := make([]storage.NamedSecret, len(rows))
	for i, r := range rows {
		secrets[i] = r.domain()
	}
	return secrets, err
}

// ResealNamedSecret implements [storage.NamedSecretStore].
func (s *Store) ResealNamedSecret(ctx context.Context, n storage.NamedSecret, was []byte) (bool, error) {
	return s.change(ctx, "sealing a named secret anew",
		"UPDATE named_secrets SET sealed = ? WHERE organization_id = ? AND installation_id = ? AND name = ? AND sealed = ?",
		n.Sealed, n.OrganizationID, n.InstallationID, n.Name, was)
}

// DeleteNamedSecret implements [storage.NamedSecretStore].
func (s *Store) DeleteNamedSecret(ctx context.Context, organizationID, installationID int64, name string) error {
	const doing = "deleting a named secret"
	if err := findable(name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing,
		"DELETE FROM named_secrets WHERE organization_id = ? AND installation_id = ? AND name = ?",
		organizationID, installationID, name)
}

// DeleteNamedSecrets implements [storage.NamedSecretStore].
func (s *Store) DeleteNamedSecrets(ctx context.Context, organizationID, installationID int64) error {
	_, err := s.change(ctx, "deleting the secrets of an installation",
		"DELETE FROM named_secrets WHERE organization_id = ? AND installation_id = ?", organizationID, installationID)
	return err
}
