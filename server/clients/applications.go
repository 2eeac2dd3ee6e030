package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// ApplicationRequest asks for an OAuth application.
type ApplicationRequest struct {
	OrganizationID int64
	Name           string // 1 to 100 characters
	Scopes         storage.Scopes
	Authentication Authentication
	// AccessTokenLifetime is in whole seconds; 0: the server's setting.
	AccessTokenLifetime time.Duration
}

// RegisterApplication registers an application, with one secret if it may use one. It
// returns access.ErrDenied, also if the application could do more than the caller, or
// storage.ErrInvalid.
func (s *Service) RegisterApplication(ctx context.Context, caller access.Caller, r ApplicationRequest) (Registered, error) {
	if err := caller.Require(storage.ScopeAdmin, r.OrganizationID); err != nil {
		return Registered{}, err
	}
	authentication, err := s.checked(r.Authentication)
	err = errors.Join(storage.CheckName("name", r.Name), s.validScopes(r.Scopes), err, s.validLifetime(r.AccessTokenLifetime))
	if err != nil {
		return Registered{}, err
	}
	if err := caller.RequireAtMost(r.Scopes); err != nil {
		return Registered{}, err
	}
	return s.register(ctx, caller, "oauth_application.created", authentication, storage.Client{
		Kind: storage.Application, OrganizationID: r.OrganizationID, ClientID: newClientID("app_"),
		Name: strings.TrimSpace(r.Name), Scopes: r.Scopes, AccessTokenLifetime: r.AccessTokenLifetime,
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
			OrganizationID: organizationID, Action: "oauth_application.deleted", Target: application.Party(),
			Details: map[string]any{"client_id": application.ClientID, "scopes": application.Scopes},
		})
	})
}

func (s *Service) validScopes(scopes storage.Scopes) error {
	if len(scopes) == 0 {
		return storage.Invalidf("scopes", "want at least one")
	}
	return s.Catalogue.CheckScopes("scopes", scopes)
}

func (s *Service) validLifetime(d time.Duration) error {
	if d < 0 || d%time.Second != 0 || d > s.AccessTokenLifetime {
		return storage.Invalidf("access_token_lifetime", "want 1 to %d, in whole seconds", s.AccessTokenLifetime/time.Second)
	}
	return nil
}
