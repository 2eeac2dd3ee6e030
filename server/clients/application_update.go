package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// ApplicationUpdate is a change of an application; nil leaves as it is.
type ApplicationUpdate struct {
	Name   *string
	Scopes *storage.Scopes
	// Authentication takes effect on what is asked from then on. Who may no longer use a
	// secret has its secrets closed.
	Authentication AuthenticationUpdate
	// AccessTokenLifetime is in whole seconds; 0: the server's setting.
	AccessTokenLifetime *time.Duration
	Disabled            *bool
}

// UpdateApplication changes an application and returns it as it is then. Fewer scopes
// and disabling take effect on the tokens that it was given. It returns
// access.ErrDenied, also if scopes are added that the caller lacks,
// storage.ErrInvalid, or storage.ErrNotFound if the organization has none.
func (s *Service) UpdateApplication(ctx context.Context, caller access.Caller, organizationID, id int64, u ApplicationUpdate) (storage.Client, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Client{}, err
	}
	if err := s.validUpdate(u); err != nil {
		return storage.Client{}, err
	}
	var updated storage.Client
	err := s.change(ctx, organizationID, id, func(ctx context.Context, before storage.Client) error {
		if u.Scopes != nil {
			added := slices.DeleteFunc(slices.Clone(*u.Scopes), before.Scopes.Covers)
			if err := caller.RequireAtMost(added); err != nil {
				return err
			}
		}
		change, details := u.against(before, s.Clock())
		if err := s.changeAuthentication(ctx, caller, before, u.Authentication, &change, details); err != nil {
			return err
		}
		if len(details) == 0 {
			updated = before
			return nil
		}
		if err := s.Store.UpdateClient(ctx, organizationID, id, change); err != nil {
			return fmt.Errorf("updating application %d: %w", id, err)
		}
		var err error
		if updated, err = s.application(ctx, organizationID, id); err != nil {
			return err
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: organizationID, Action: "oauth_application.updated", Target: updated.Party(), Details: details,
		})
	})
	if err != nil {
		return storage.Client{}, err
	}
	return updated, nil
}

// against returns what differs from the application as it is, for the store and for
// the audit log.
func (u ApplicationUpdate) against(before storage.Client, now time.Time) (storage.ClientUpdate, map[string]any) {
	change, details := storage.ClientUpdate{}, map[string]any{}
	differs := func(member string, from, to any) { details[member] = map[string]any{"from": from, "to": to} }
	if u.Name != nil && strings.TrimSpace(*u.Name) != before.Name {
		name := strings.TrimSpace(*u.Name)
		change.Name = &name
		differs("name", before.Name, name)
	}
	if u.Scopes != nil && !slices.Equal(*u.Scopes, before.Scopes) {
		change.Scopes = u.Scopes
		differs("scopes", before.Scopes, *u.Scopes)
	}
	if u.AccessTokenLifetime != nil && *u.AccessTokenLifetime != before.AccessTokenLifetime {
		change.AccessTokenLifetime = u.AccessTokenLifetime
		differs("access_token_lifetime", before.AccessTokenLifetime.Seconds(), u.AccessTokenLifetime.Seconds())
	}
	if u.Disabled != nil && *u.Disabled == before.Enabled() {
		at := time.Time{}
		if *u.Disabled {
			at = now
		}
		change.DisabledAt = &at
		differs("disabled", !before.Enabled(), *u.Disabled)
	}
	return change, details
}

func (s *Service) validUpdate(u ApplicationUpdate) error {
	var wrong []error
	if u.Name != nil {
		wrong = append(wrong, storage.CheckName("name", *u.Name))
	}
	if u.Scopes != nil {
		wrong = append(wrong, s.validScopes(*u.Scopes))
	}
	if u.AccessTokenLifetime != nil {
		wrong = append(wrong, s.validLifetime(*u.AccessTokenLifetime))
	}
	return errors.Join(wrong...)
}
