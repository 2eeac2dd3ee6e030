package storage

import (
	"context"
	"time"
)

// NamedSecret is a value that an extension keeps under a name, sealed.
type NamedSecret struct {
	OrganizationID int64
	InstallationID int64
	Name           string // [A-Z][A-Z0-9_]*, unique in the installation
	Sealed         []byte
	UpdatedAt      time.Time
}

// NamedSecretStore keeps named secrets.
type NamedSecretStore interface {
	// PutNamedSecret stores n, in place of one with the same name if there is one,
	// and reports whether there was none. ErrNotFound if the organization has no such
	// installation or it was uninstalled.
	PutNamedSecret(ctx context.Context, n NamedSecret) (bool, error)
	// NamedSecretByName returns ErrNotFound if there is none.
	NamedSecretByName(ctx context.Context, organizationID, installationID int64, name string) (NamedSecret, error)
	// NamedSecretNames returns the names of an installation's secrets in order.
	NamedSecretNames(ctx context.Context, organizationID, installationID int64) ([]string, error)
	// NamedSecretsAfter returns secrets of all organizations in the order of
	// organization, installation and name, at most limit, after the one with those of
	// after.
	NamedSecretsAfter(ctx context.Context, after NamedSecret, limit int) ([]NamedSecret, error)
	// ResealNamedSecret replaces what is sealed by n.Sealed if it is still was, and
	// reports whether it did.
	ResealNamedSecret(ctx context.Context, n NamedSecret, was []byte) (bool, error)
	// DeleteNamedSecret returns ErrNotFound if there is none.
	DeleteNamedSecret(ctx context.Context, organizationID, installationID int64, name string) error
	// DeleteNamedSecrets removes all of an installation's.
	DeleteNamedSecrets(ctx context.Context, organizationID, installationID int64) error
}
