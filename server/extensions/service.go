// Package extensions installs extensions into projects and gives each the key
// that its manifest's permissions allow.
//
// [Service.Install] stores the installation and issues its key in one
// transaction; [Service.Uninstall] stops every key of it at once, because a key
// is active only while its installation is.
package extensions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.ProjectStore
		storage.InstallationStore
	}
	Tokens    *tokens.Service
	Audit     *audit.Recorder
	Catalogue storage.Catalogue
	Clock     func() time.Time
}

// Manifest is what an extension says of itself.
type Manifest struct {
	ID          string // 1 to 100 characters
	Name        string // 1 to 100 characters
	Version     string // 1 to 100 characters
	Permissions []string
	Raw         []byte // JSON, kept as it is
}

// Installed is a new installation with its key, which is known here and never
// again.
type Installed struct {
	Installation storage.Installation
	Key          tokens.Issued
}

// Install installs an extension in a project and issues its key. It returns
// access.ErrDenied, storage.ErrInvalid naming the member, storage.ErrNotFound if
// the organization has no such project, or storage.ErrConflict if the extension
// is installed there already.
func (s *Service) Install(ctx context.Context, caller access.Caller, organizationID, projectID int64, m Manifest) (Installed, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Installed{}, err
	}
	permissions, err := s.permissions(m)
	if err != nil {
		return Installed{}, err
	}
	if err := caller.RequireAtMost(permissions); err != nil {
		return Installed{}, err
	}
	project, err := s.Store.ProjectByID(ctx, organizationID, projectID)
	if err != nil {
		return Installed{}, fmt.Errorf("finding the project: %w", err)
	}
	installed := Installed{Installation: storage.Installation{
		OrganizationID: organizationID, ProjectID: project.ID, Key: m.ID, Name: m.Name, Version: m.Version,
		Permissions: permissions, Manifest: m.Raw, CreatedAt: s.Clock(),
	}}
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateInstallation(ctx, &installed.Installation); err != nil {
			return fmt.Errorf("installing %s: %w", m.ID, err)
		}
		if err := s.record(ctx, caller, "extension.installed", installed.Installation); err != nil {
			return err
		}
		installed.Key, err = s.Tokens.IssueExtensionKey(ctx, caller, organizationID, installed.Installation.ID)
		return err
	})
	if err != nil {
		return Installed{}, err
	}
	return installed, nil
}

// permissions reads the manifest's permissions as scopes: read:issues is
// issues:read. An extension is never given admin.
func (s *Service) permissions(m Manifest) (storage.Scopes, error) {
	scopes := make([]string, 0, len(m.Permissions))
	for _, permission := range m.Permissions {
		if action, resource, found := strings.Cut(permission, ":"); found && (action == "read" || action == "write") {
			permission = resource + ":" + action
		}
		scopes = append(scopes, permission)
	}
	set := storage.NewScopes(scopes...)
	err := errors.Join(
		storage.CheckName("extension.id", m.ID), storage.CheckName("extension.name", m.Name),
		storage.CheckName("extension.version", m.Version), s.Catalogue.CheckScopes("extension.permissions", set))
	if set.Covers(storage.ScopeAdmin) {
		err = errors.Join(err, storage.Invalidf("extension.permissions", "an extension cannot have %s", storage.ScopeAdmin))
	}
	return set, err
}

// Uninstall ends an installation; its keys stop at once. Doing so again changes
// nothing. It returns access.ErrDenied, or storage.ErrNotFound if the
// organization has none.
func (s *Service) Uninstall(ctx context.Context, caller access.Caller, organizationID, id int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		i, err := s.Store.InstallationByID(ctx, organizationID, id)
		if err != nil {
			return fmt.Errorf("finding the installation: %w", err)
		}
		changed, err := s.Store.Uninstall(ctx, organizationID, id, s.Clock())
		if err != nil || !changed {
			return err
		}
		return s.record(ctx, caller, "extension.uninstalled", i)
	})
}

func (s *Service) record(ctx context.Context, caller access.Caller, action string, i storage.Installation) error {
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: i.OrganizationID, Action: action,
		Target:  storage.Party{Kind: "extension", ID: i.ID, Name: i.Name},
		Details: map[string]any{"key": i.Key, "version": i.Version, "project_id": i.ProjectID, "permissions": i.Permissions},
	})
}
