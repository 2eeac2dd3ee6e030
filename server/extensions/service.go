// Package extensions installs extensions into projects, gives each the keys that
// its manifest's permissions allow, and keeps the secrets that it asks to be kept.
//
// # How a request moves through it
//
// [ParseManifest] reads what an extension says of itself. [Service.Install] stores
// the installation and issues its first key in one transaction; [Service.Update]
// puts another version in its place, with the consent of an admin if that asks for
// more; [Service.RotateKey] and [Service.CloseKey] replace keys;
// [Service.WriteSecret] and [Service.ReadSecret] serve the extension itself.
// [Service.Uninstall] stops all of it at once, because a key is active only while
// its installation is.
//
// What changes an installation or what belongs to it holds the lock of the
// organization, so that of two changes the second sees what the first has done.
package extensions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.ProjectStore
		storage.InstallationStore
		storage.NamedSecretStore
		storage.TokenStore
	}
	Tokens    *tokens.Service
	Audit     *audit.Recorder
	Sealer    *keys.Sealer // of named secrets
	Catalogue storage.Catalogue
	Clock     func() time.Time
}

// Installed is a new installation with its key, which is known here and never
// again.
type Installed struct {
	Installation storage.Installation
	Key          tokens.Issued
}

// Install installs the extension that the manifest describes in a project and
// issues its key. It returns access.ErrDenied, also if the extension would be
// permitted more than the caller, storage.ErrInvalid naming the member of the
// manifest (see [ParseManifest]), storage.ErrNotFound if the organization has no
// such project, or an access.Refusal already_installed.
func (s *Service) Install(ctx context.Context, caller access.Caller, organizationID, projectID int64, manifest []byte) (Installed, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Installed{}, err
	}
	m, err := ParseManifest(manifest, s.Catalogue)
	if err := errors.Join(checkProject(projectID), err); err != nil {
		return Installed{}, err
	}
	if err := caller.RequireAtMost(m.Permissions); err != nil {
		return Installed{}, err
	}
	project, err := s.Store.ProjectByID(ctx, organizationID, projectID)
	if err != nil {
		return Installed{}, fmt.Errorf("finding the project: %w", err)
	}
	installed := Installed{Installation: storage.Installation{
		OrganizationID: organizationID, ProjectID: project.ID, Key: m.ID, Name: m.Name, Version: m.Version,
		Permissions: m.Permissions, Manifest: m.Document, CreatedAt: s.Clock(),
	}}
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		err := s.Store.CreateInstallation(ctx, &installed.Installation)
		switch {
		case errors.Is(err, storage.ErrConflict):
			return access.Refuse("already_installed", "the extension %s is installed in project %s already", m.ID, project.Key)
		case err != nil:
			return fmt.Errorf("installing %s: %w", m.ID, err)
		}
		if err := s.record(ctx, caller, "extension.installed", installed.Installation, described(installed.Installation)); err != nil {
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

func checkProject(id int64) error {
	if id <= 0 {
		return storage.Invalidf("project_id", "want the number of a project")
	}
	return nil
}

// Uninstall ends an installation: its keys stop at once and its secrets are
// removed. It returns access.ErrDenied, or storage.ErrNotFound if the organization
// has no such extension installed.
func (s *Service) Uninstall(ctx context.Context, caller access.Caller, organizationID, id int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.change(ctx, organizationID, id, func(ctx context.Context, i storage.Installation) error {
		now := s.Clock()
		if _, err := s.Store.Uninstall(ctx, organizationID, id, now); err != nil {
			return err
		}
		if _, err := s.Store.RevokeTokens(ctx, keysOf(i), now); err != nil {
			return fmt.Errorf("closing the keys of %s: %w", i.Key, err)
		}
		if err := s.Store.DeleteNamedSecrets(ctx, organizationID, id); err != nil {
			return fmt.Errorf("removing the secrets of %s: %w", i.Key, err)
		}
		return s.record(ctx, caller, "extension.uninstalled", i, described(i))
	})
}

// change runs f with an installation that nobody else changes meanwhile, in one
// transaction. It returns storage.ErrNotFound if the organization has no such
// extension installed.
func (s *Service) change(ctx context.Context, organizationID, id int64, f func(context.Context, storage.Installation) error) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		i, err := s.installed(ctx, organizationID, id)
		if err != nil {
			return err
		}
		return f(ctx, i)
	})
}

func (s *Service) record(ctx context.Context, caller access.Caller, action string, i storage.Installation, details map[string]any) error {
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: i.OrganizationID, Action: action,
		Target:  storage.Party{Kind: "extension", ID: i.ID, Name: i.Name},
		Details: details,
	})
}

// described returns what the audit log says of an installation.
func described(i storage.Installation) map[string]any {
	return map[string]any{
		"key": i.Key, "name": i.Name, "version": i.Version, "project_id": i.ProjectID, "permissions": i.Permissions,
	}
}
