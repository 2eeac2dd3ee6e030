// Package projects is the parts of an organization into which extensions are
// installed.
//
// A verb asks whether the caller may read or write projects; a credential that is for
// one project alone, as an extension's key is, sees that one and makes none.
package projects

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// The scopes that projects need.
const (
	ScopeRead  = "projects:read"
	ScopeWrite = "projects:write"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.ProjectStore
	}
	Audit *audit.Recorder
	Clock func() time.Time
}

// Request asks for a project.
type Request struct {
	Key  string // unique in the organization, 1 to 20 of A-Z and 0-9, a letter first
	Name string // 1 to 100 characters
}

var validKey = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,19}$`)

// Create makes a project. It returns access.ErrDenied, storage.ErrInvalid, or an
// access.Refusal conflict if the key is taken.
func (s *Service) Create(ctx context.Context, caller access.Caller, organizationID int64, r Request) (storage.Project, error) {
	if err := caller.Require(ScopeWrite, organizationID); err != nil {
		return storage.Project{}, err
	}
	if caller.ProjectID != 0 {
		return storage.Project{}, fmt.Errorf("%w: the credential is for one project alone", access.ErrDenied)
	}
	wrong := storage.CheckName("name", r.Name)
	if !validKey.MatchString(r.Key) {
		wrong = errors.Join(wrong, storage.Invalidf("key", "want 1 to 20 capital letters A-Z and digits, a letter first"))
	}
	if wrong != nil {
		return storage.Project{}, wrong
	}
	p := storage.Project{OrganizationID: organizationID, Key: r.Key, Name: strings.TrimSpace(r.Name), CreatedAt: s.Clock()}
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateProject(ctx, &p); err != nil {
			return err
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: organizationID, Action: "project.created",
			Target:  storage.Party{Kind: "project", ID: p.ID, Name: p.Name},
			Details: map[string]any{"key": p.Key},
		})
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return storage.Project{}, access.Refuse("conflict", "there is a project with the key %s", r.Key)
	case err != nil:
		return storage.Project{}, fmt.Errorf("creating project %s: %w", r.Key, err)
	}
	return p, nil
}

// Projects returns a page of the projects that the caller's credential is for, newest
// first. It returns access.ErrDenied.
func (s *Service) Projects(ctx context.Context, caller access.Caller, organizationID int64, page storage.Page) ([]storage.Project, error) {
	if err := caller.Require(ScopeRead, organizationID); err != nil {
		return nil, err
	}
	if caller.ProjectID == 0 {
		found, err := s.Store.Projects(ctx, organizationID, page)
		if err != nil {
			return nil, fmt.Errorf("listing projects: %w", err)
		}
		return found, nil
	}
	if page.Before != 0 && page.Before <= caller.ProjectID {
		return nil, nil
	}
	only, err := s.project(ctx, organizationID, caller.ProjectID)
	if err != nil {
		return nil, err
	}
	return []storage.Project{only}, nil
}

// Project returns a project. It returns access.ErrDenied, or storage.ErrNotFound if
// the organization has none, or the caller's credential is for another.
func (s *Service) Project(ctx context.Context, caller access.Caller, organizationID, id int64) (storage.Project, error) {
	if err := caller.Require(ScopeRead, organizationID); err != nil {
		return storage.Project{}, err
	}
	if caller.ProjectID != 0 && caller.ProjectID != id {
		return storage.Project{}, fmt.Errorf("project %d: %w", id, storage.ErrNotFound)
	}
	return s.project(ctx, organizationID, id)
}

func (s *Service) project(ctx context.Context, organizationID, id int64) (storage.Project, error) {
	found, err := s.Store.ProjectByID(ctx, organizationID, id)
	if err != nil {
		return storage.Project{}, fmt.Errorf("finding project %d: %w", id, err)
	}
	return found, nil
}
