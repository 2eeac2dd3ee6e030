package storage

import (
	"context"
	"time"
)

// Project is a part of an organization into which extensions are installed.
type Project struct {
	ID             int64
	OrganizationID int64
	Key            string // unique in the organization, [A-Z][A-Z0-9]*
	Name           string
	CreatedAt      time.Time
}

// ProjectStore keeps projects.
type ProjectStore interface {
	// CreateProject stores p and sets its ID. ErrConflict if the key is taken
	// in the organization.
	CreateProject(ctx context.Context, p *Project) error
	// Projects returns a page of the projects of an organization, by id.
	Projects(ctx context.Context, organizationID int64, page Page) ([]Project, error)
	// ProjectByID returns ErrNotFound if the organization has no such project.
	ProjectByID(ctx context.Context, organizationID, id int64) (Project, error)
}
