package extensions

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// List returns a page of the extensions that are installed in the organization. It
// returns access.ErrDenied.
func (s *Service) List(ctx context.Context, caller access.Caller, organizationID int64, page storage.Page) ([]storage.Installation, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	return s.Store.Installations(ctx, organizationID, page)
}

// Find returns the installation that is named by its number or by the extension's
// own id, for admins and for the installation's own key, for which the extension's
// id always names its own installation. It returns access.ErrDenied,
// storage.ErrNotFound, or an access.Refusal ambiguous_extension if the id alone
// does not say which of several is meant.
func (s *Service) Find(ctx context.Context, caller access.Caller, organizationID int64, name string) (storage.Installation, error) {
	if own := caller.InstallationID; own != 0 {
		if err := requireOwn(caller, organizationID, own); err != nil {
			return storage.Installation{}, err
		}
		i, err := s.installed(ctx, organizationID, own)
		if err == nil && name != i.Key && name != strconv.FormatInt(own, 10) {
			err = fmt.Errorf("an extension other than the caller's own: %w", storage.ErrNotFound)
		}
		if err != nil {
			return storage.Installation{}, err
		}
		return i, nil
	}
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Installation{}, err
	}
	if id, numeric := number(name); numeric {
		return s.installed(ctx, organizationID, id)
	}
	found, err := s.Store.InstallationsByKey(ctx, organizationID, name)
	switch {
	case err != nil:
		return storage.Installation{}, fmt.Errorf("finding the extension: %w", err)
	case len(found) == 0:
		return storage.Installation{}, fmt.Errorf("finding the extension: %w", storage.ErrNotFound)
	case len(found) > 1:
		return storage.Installation{}, ambiguous(name, found)
	}
	return found[0], nil
}

// In returns the installation of the extension with that id in the project. It returns
// access.ErrDenied, or storage.ErrNotFound if it is not installed there.
func (s *Service) In(ctx context.Context, caller access.Caller, organizationID, projectID int64, key string) (storage.Installation, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Installation{}, err
	}
	found, err := s.Store.InstallationsByKey(ctx, organizationID, key)
	if err != nil {
		return storage.Installation{}, fmt.Errorf("finding the extension: %w", err)
	}
	for _, i := range found {
		if i.ProjectID == projectID {
			return i, nil
		}
	}
	return storage.Installation{}, fmt.Errorf("finding the extension: %w", storage.ErrNotFound)
}

// Target is how the audit log names the installation that somebody was refused to
// change, as they named it: by its number, or by the extension's own id. It has the id 0
// if the organization has none of that name, or several.
func (s *Service) Target(ctx context.Context, organizationID int64, name string) (storage.Party, error) {
	target := storage.Party{Kind: "extension"}
	if id, numeric := number(name); numeric {
		target.ID = id
		return target, nil
	}
	if !extensionID.MatchString(name) {
		return target, nil // whatever it is: nothing that anybody has to read
	}
	target.Name = name
	found, err := s.Store.InstallationsByKey(ctx, organizationID, name)
	if err != nil {
		return storage.Party{}, fmt.Errorf("finding the extension: %w", err)
	}
	if len(found) == 1 {
		target.ID, target.Name = found[0].ID, found[0].Name
	}
	return target, nil
}

// number tells a number from an extension's own id, which is never digits alone.
// One that is too large names nothing.
func number(name string) (int64, bool) {
	if name == "" || strings.Trim(name, "0123456789") != "" {
		return 0, false
	}
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0, true
	}
	return id, true
}

func ambiguous(name string, found []storage.Installation) error {
	ids := make([]int64, 0, len(found))
	for _, i := range found {
		ids = append(ids, i.ID)
	}
	return &access.Refusal{
		Code:    "ambiguous_extension",
		Message: fmt.Sprintf("the extension %s is installed in several projects: name one of them by its number, %v", name, ids),
		Details: map[string]any{"ids": ids},
	}
}

// installed returns an installation that has not ended.
func (s *Service) installed(ctx context.Context, organizationID, id int64) (storage.Installation, error) {
	i, err := s.Store.InstallationByID(ctx, organizationID, id)
	if err == nil && !i.UninstalledAt.IsZero() {
		err = fmt.Errorf("%s was uninstalled: %w", i.Key, storage.ErrNotFound)
	}
	if err != nil {
		return storage.Installation{}, fmt.Errorf("finding the extension: %w", err)
	}
	return i, nil
}

// requireOwn returns nil for an admin and for the installation's own key, and
// storage.ErrNotFound for the key of another: to an extension there are no others.
func requireOwn(caller access.Caller, organizationID, installationID int64) error {
	if caller.InstallationID != 0 && caller.InstallationID != installationID {
		return fmt.Errorf("an extension other than the caller's own: %w", storage.ErrNotFound)
	}
	return caller.RequireInstallation(installationID, organizationID)
}
