package extensions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Update puts the version that the manifest describes in the place of the one that
// is installed; all keys of the installation permit what the new one asks for, at
// once. What it asks for beyond the old one must be accepted, in the words of the
// manifest or as scopes. It returns access.ErrDenied, also if what is added is more
// than the caller may do itself, storage.ErrInvalid naming the member of the manifest,
// storage.ErrNotFound, or an access.Refusal consent_required, which names what is
// added.
func (s *Service) Update(ctx context.Context, caller access.Caller, organizationID, id int64, manifest []byte, accepted []string) (storage.Installation, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Installation{}, err
	}
	m, err := ParseManifest(manifest, s.Catalogue)
	consent, errConsent := readPermissions("accept_permissions", accepted, s.Catalogue)
	if err := errors.Join(err, errConsent); err != nil {
		return storage.Installation{}, err
	}
	var after storage.Installation
	err = s.change(ctx, organizationID, id, func(ctx context.Context, before storage.Installation) error {
		if m.ID != before.Key {
			return storage.Invalidf("manifest.extension.id", "want %s, which is installed", before.Key)
		}
		if err := mayAdd(caller, m.Permissions, before.Permissions, consent); err != nil {
			return err
		}
		after = before
		after.Name, after.Version, after.Permissions, after.Manifest = m.Name, m.Version, m.Permissions, m.Document
		if err := s.Store.UpdateInstallation(ctx, after); err != nil {
			return fmt.Errorf("updating %s: %w", before.Key, err)
		}
		return s.record(ctx, caller, "extension.updated", after, map[string]any{
			"before": described(before), "after": described(after),
		})
	})
	if err != nil {
		return storage.Installation{}, err
	}
	return after, nil
}

// mayAdd compares what a new version wants with what the old one has.
func mayAdd(caller access.Caller, wanted, had, consent storage.Scopes) error {
	added := slices.DeleteFunc(slices.Clone(wanted), had.Covers)
	if err := caller.RequireAtMost(added); err != nil {
		return err
	}
	if consent.CoversAll(added) {
		return nil
	}
	return &access.Refusal{
		Code:    "consent_required",
		Message: fmt.Sprintf("the new version asks for more than the installed one: accept %s", added),
		Details: map[string]any{"added_permissions": added},
	}
}
