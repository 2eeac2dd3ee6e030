package gormstore

import (
	"context"

	"kiket.dev/auth/storage"
)

type projectRow struct {
	ID             int64
	OrganizationID int64
	Key            string
	Name           string
	CreatedAt      moment `gorm:"autoCreateTime:false"`
}

func (projectRow) TableName() string { return "projects" }

func (r projectRow) domain() storage.Project {
	return storage.Project{
		ID: r.ID, OrganizationID: r.OrganizationID, Key: r.Key, Name: r.Name, CreatedAt: r.CreatedAt.time(),
	}
}

// CreateProject implements [storage.ProjectStore].
func (s *Store) CreateProject(ctx context.Context, p *storage.Project) error {
	row := projectRow{OrganizationID: p.OrganizationID, Key: p.Key, Name: p.Name, CreatedAt: moment(p.CreatedAt)}
	if err := s.create(ctx, "creating a project", &row, p.Key, p.Name); err != nil {
		return err
	}
	p.ID = row.ID
	return nil
}

// Projects implements [storage.ProjectStore].
func (s *Store) Projects(ctx context.Context, organizationID int64, page storage.Page) ([]storage.Project, error) {
	rows, err := pageRows[projectRow](ctx, s, "reading projects", "id", page, "organization_id = ?", organizationID)
	return all(rows, projectRow.domain), err
}

// ProjectByID implements [storage.ProjectStore].
func (s *Store) ProjectByID(ctx context.Context, organizationID, id int64) (storage.Project, error) {
	var row projectRow
	err := s.first(ctx, "reading a project", &row, "organization_id = ? AND id = ?", organizationID, id)
	return row.domain(), err
}
