package storage

import (
	"context"
	"time"
)

// Installation is an extension installed in one project.
type Installation struct {
	ID             int64
	OrganizationID int64
	ProjectID      int64
	Key            string // the manifest's id; unique among those installed in the project
	Name           string
	Version        string
	Permissions    Scopes
	Manifest       []byte // JSON, as accepted
	CreatedAt      time.Time
	UninstalledAt  time.Time // zero: installed
}

// InstallationStore keeps installations.
type InstallationStore interface {
	// CreateInstallation stores i and sets its ID. ErrConflict if the extension
	// is installed in the project already.
	CreateInstallation(ctx context.Context, i *Installation) error
	// InstallationsByKey returns the installations of an extension in an
	// organization, those that were uninstalled not.
	InstallationsByKey(ctx context.Context, organizationID int64, key string) ([]Installation, error)
	// Installations returns a page of the installations of an organization, by id,
	// those that were uninstalled not.
	Installations(ctx context.Context, organizationID int64, page Page) ([]Installation, error)
	// UpdateInstallation replaces name, version, permissions and manifest of an
	// installation; ErrNotFound if the organization has none or it was uninstalled.
	UpdateInstallation(ctx context.Context, i Installation) error
	// InstallationByID returns ErrNotFound if the organization has none, and
	// those that were uninstalled too.
	InstallationByID(ctx context.Context, organizationID, id int64) (Installation, error)
	// Uninstall ends an installation and reports whether this call did: of
	// several at once, one is told true. ErrNotFound if the organization has none.
	Uninstall(ctx context.Context, organizationID, id int64, at time.Time) (bool, error)
}
