// Package organizations creates tenants with what they need to begin, an
// administrator, a project and a credential, and says what they are called.
//
// [Service.Create] and [Service.Bootstrap] do it in one transaction for the operator at
// the command line, [Service.Setup] for whoever has the code that an empty server prints;
// it either all exists afterwards or none of it does. The secrets are in the answer and
// nowhere else.
package organizations

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/throttle"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store           storage.Store
	Tokens          *tokens.Service
	Clients         *clients.Service
	Members         *members.Service
	Audit           *audit.Recorder
	Sealer          *keys.Sealer
	Guesses         *throttle.Attempts // at the setup code, of [SetupGuesses]
	Catalogue       storage.Catalogue
	DefaultAudience string
	Clock           func() time.Time
}

// List returns a page of all organizations, newest first. It returns
// access.ErrDenied unless the operator asks.
func (s *Service) List(ctx context.Context, caller access.Caller, page storage.Page) ([]storage.Organization, error) {
	if err := caller.Require(storage.ScopeAdmin, 0); err != nil {
		return nil, err
	}
	found, err := s.Store.Organizations(ctx, page)
	if err != nil {
		return nil, fmt.Errorf("listing organizations: %w", err)
	}
	return found, nil
}

// Own returns the organization that the caller acts in. Every credential may know
// where it belongs.
func (s *Service) Own(ctx context.Context, caller access.Caller) (storage.Organization, error) {
	return s.organization(ctx, caller.OrganizationID)
}

// Show returns an organization. It returns access.ErrDenied, or storage.ErrNotFound if
// there is none.
func (s *Service) Show(ctx context.Context, caller access.Caller, organizationID int64) (storage.Organization, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Organization{}, err
	}
	return s.organization(ctx, organizationID)
}

func (s *Service) organization(ctx context.Context, id int64) (storage.Organization, error) {
	o, err := s.Store.OrganizationByID(ctx, id)
	if err != nil {
		return storage.Organization{}, fmt.Errorf("finding the organization: %w", err)
	}
	return o, nil
}

func (s *Service) record(ctx context.Context, caller access.Caller, action string, o storage.Organization, details map[string]any) error {
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: o.ID, Action: action,
		Target:  storage.Party{Kind: "organization", ID: o.ID, Name: o.Name},
		Details: details,
	})
}
