package storage

import (
	"context"
	"time"
)

// Organization is a tenant. Everything but users and platform resource servers
// belongs to exactly one.
type Organization struct {
	ID        int64
	Slug      string // unique, [a-z0-9-]
	Name      string
	CreatedAt time.Time
	// WorkspaceTokenMaxLifetime is how long after its creation a workspace API token
	// expires at the latest, in whole seconds; 0: there is no such limit.
	WorkspaceTokenMaxLifetime time.Duration
	// ExpiryDigestAt is when members were told last of what expires; zero: never.
	ExpiryDigestAt time.Time
}

// OrganizationUpdate is a change of an organization; nil leaves as it is.
type OrganizationUpdate struct {
	Name                      *string        // the slug stays
	WorkspaceTokenMaxLifetime *time.Duration // 0: none
	ExpiryDigestAt            *time.Time
}

// OrganizationStore keeps organizations.
type OrganizationStore interface {
	// CreateOrganization stores o and sets its ID. ErrConflict if the slug is taken.
	CreateOrganization(ctx context.Context, o *Organization) error
	// OrganizationByID returns ErrNotFound if there is none.
	OrganizationByID(ctx context.Context, id int64) (Organization, error)
	// OrganizationBySlug returns ErrNotFound if there is none.
	OrganizationBySlug(ctx context.Context, slug string) (Organization, error)
	// Organizations returns a page of all organizations, by id.
	Organizations(ctx context.Context, page Page) ([]Organization, error)
	// UpdateOrganization changes an organization; ErrNotFound if there is none.
	UpdateOrganization(ctx context.Context, id int64, u OrganizationUpdate) error
	// LockOrganization makes concurrent transactions that lock the same
	// organization wait for each other until the transaction in ctx ends. Outside a
	// transaction it is an error; ErrNotFound if there is none.
	LockOrganization(ctx context.Context, id int64) error
	// CountOrganizations returns how many there are.
	CountOrganizations(ctx context.Context) (int64, error)
}
