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

// AuthMethods are the methods that an application can be registered for. One that is
// registered for none in particular may use each.
var AuthMethods = []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost}

// ApplicationRequest asks for an OAuth application.
type ApplicationRequest struct {
	OrganizationID int64
	Name           string // 1 to 100 characters
	Scopes         storage.Scopes
	AuthMethods    []storage.AuthMethod // none: all
	// AccessTokenLifetime is in whole seconds; 0: the server's setting.
	AccessTokenLifetime time.Duration
}

// RegisterApplication registers an application with one secret. It returns
// access.ErrDenied, also if the application could do more than the caller, or
// storage.ErrInvalid.
func (s *Service) RegisterApplication(ctx context.Context, caller access.Caller, r ApplicationRequest) (Registered, error) {
	if err := caller.Require(storage.ScopeAdmin, r.OrganizationID); err != nil {
		return Registered{}, err
	}
	err := errors.Join(
		storage.CheckName("name", r.Name), s.validScopes(r.Scopes), validMethods(r.AuthMethods),
		s.validLifetime(r.AccessTokenLifetime))
	if err != nil {
		return Registered{}, err
	}
	if err := caller.RequireAtMost(r.Scopes); err != nil {
		return Registered{}, err
	}
	return s.register(ctx, caller, "oauth_application.created", storage.Client{
		Kind: storage.Application, OrganizationID: r.OrganizationID, ClientID: newClientID("app_"),
		Name: strings.TrimSpace(r.Name), AuthMethods: orAll(r.AuthMethods), Scopes: r.Scopes,
		AccessTokenLifetime: r.AccessTokenLifetime,
	})
}

// Applications returns a page of the applications of the organization, newest first,
// with their secrets. It returns access.ErrDenied.
func (s *Service) Applications(ctx context.Context, caller access.Caller, organizationID int64, page storage.Page) ([]storage.Client, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	found, err := s.Store.Applications(ctx, organizationID, page)
	if err != nil {
		return nil, fmt.Errorf("listing applications: %w", err)
	}
	return found, nil
}

// Application returns an application with its secrets. It returns access.ErrDenied, or
// storage.ErrNotFound if the organization has none.
func (s *Service) Application(ctx context.Context, caller access.Caller, organizationID, id int64) (storage.Client, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Client{}, err
	}
	return s.application(ctx, organizationID, id)
}

func (s *Service) application(ctx context.Context, organizationID, id int64) (storage.Client, error) {
	found, err := s.Store.ApplicationByID(ctx, organizationID, id)
	if err != nil {
		return storage.Client{}, fmt.Errorf("finding application %d: %w", id, err)
	}
	return found, nil
}

// ApplicationUpdate is a change of an application; nil leaves as it is.
type ApplicationUpdate struct {
	Name        *string
	Scopes      *storage.Scopes
	AuthMethods *[]storage.AuthMethod // none: all
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
			OrganizationID: organizationID, Action: "oauth_application.updated", Target: party(updated), Details: details,
		})
	})
	if err != nil {
		return storage.Client{}, err
	}
	return updated, nil
}

// change runs f on an application in a transaction, one at a time in an organization.
func (s *Service) change(ctx context.Context, organizationID, id int64, f func(context.Context, storage.Client) error) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		application, err := s.application(ctx, organizationID, id)
		if err != nil {
			return err
		}
		return f(ctx, application)
	})
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
	if u.AuthMethods != nil && !slices.Equal(orAll(*u.AuthMethods), before.AuthMethods) {
		methods := orAll(*u.AuthMethods)
		change.AuthMethods = &methods
		differs("token_endpoint_auth_methods", before.AuthMethods, methods)
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

// DeleteApplication removes an application; its tokens stop at once. It returns
// access.ErrDenied, or storage.ErrNotFound if the organization has none.
func (s *Service) DeleteApplication(ctx context.Context, caller access.Caller, organizationID, id int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.change(ctx, organizationID, id, func(ctx context.Context, application storage.Client) error {
		if err := s.Store.DeleteClient(ctx, organizationID, id); err != nil {
			return fmt.Errorf("deleting application %d: %w", id, err)
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: organizationID, Action: "oauth_application.deleted", Target: party(application),
			Details: map[string]any{"client_id": application.ClientID, "scopes": application.Scopes},
		})
	})
}

func (s *Service) validUpdate(u ApplicationUpdate) error {
	var wrong []error
	if u.Name != nil {
		wrong = append(wrong, storage.CheckName("name", *u.Name))
	}
	if u.Scopes != nil {
		wrong = append(wrong, s.validScopes(*u.Scopes))
	}
	if u.AuthMethods != nil {
		wrong = append(wrong, validMethods(*u.AuthMethods))
	}
	if u.AccessTokenLifetime != nil {
		wrong = append(wrong, s.validLifetime(*u.AccessTokenLifetime))
	}
	return errors.Join(wrong...)
}

func (s *Service) validScopes(scopes storage.Scopes) error {
	if len(scopes) == 0 {
		return storage.Invalidf("scopes", "want at least one")
	}
	return s.Catalogue.CheckScopes("scopes", scopes)
}

func validMethods(methods []storage.AuthMethod) error {
	if slices.ContainsFunc(methods, func(m storage.AuthMethod) bool { return !slices.Contains(AuthMethods, m) }) {
		return storage.Invalidf("token_endpoint_auth_method", "want %s or %s", storage.AuthSecretBasic, storage.AuthSecretPost)
	}
	return nil
}

func (s *Service) validLifetime(d time.Duration) error {
	if d < 0 || d%time.Second != 0 || d > s.AccessTokenLifetime {
		return storage.Invalidf("access_token_lifetime", "want 1 to %d, in whole seconds", s.AccessTokenLifetime/time.Second)
	}
	return nil
}

func orAll(methods []storage.AuthMethod) []storage.AuthMethod {
	if len(methods) == 0 {
		return AuthMethods
	}
	return methods
}
