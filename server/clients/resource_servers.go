package clients

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// ResourceServerRequest asks for a resource server.
type ResourceServerRequest struct {
	OrganizationID int64 // 0: of the platform, for all organizations
	Name           string
	Identifier     string // absolute URI without fragment (RFC 8707 section 2)
	Authentication Authentication
}

// RegisterResourceServer registers a resource server, with one secret if it may use
// one. It returns access.ErrDenied, storage.ErrInvalid, or storage.ErrConflict if the
// name is taken.
func (s *Service) RegisterResourceServer(ctx context.Context, caller access.Caller, r ResourceServerRequest) (Registered, error) {
	if err := caller.Require(storage.ScopeAdmin, r.OrganizationID); err != nil {
		return Registered{}, err
	}
	authentication, err := s.checked(r.Authentication)
	if err := errors.Join(storage.CheckName("name", r.Name), validIdentifier(r.Identifier), err); err != nil {
		return Registered{}, err
	}
	return s.register(ctx, caller, "resource_server.created", authentication, storage.Client{
		Kind: storage.ResourceServer, OrganizationID: r.OrganizationID, ClientID: newClientID("rs_"),
		Name: strings.TrimSpace(r.Name), Identifier: r.Identifier,
	})
}

// ResourceServers returns all resource servers, to the operator.
func (s *Service) ResourceServers(ctx context.Context, caller access.Caller) ([]storage.Client, error) {
	if err := caller.Require(storage.ScopeAdmin, 0); err != nil {
		return nil, err
	}
	return s.Store.ResourceServers(ctx)
}

// DeleteResourceServer removes a resource server: it can no longer introspect,
// and no token can be asked for it. It returns storage.ErrNotFound if there is
// no such one.
func (s *Service) DeleteResourceServer(ctx context.Context, caller access.Caller, c storage.Client) error {
	if err := caller.Require(storage.ScopeAdmin, c.OrganizationID); err != nil {
		return err
	}
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.DeleteClient(ctx, c.OrganizationID, c.ID); err != nil {
			return fmt.Errorf("deleting %s: %w", c.Name, err)
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: c.OrganizationID, Action: "resource_server.deleted", Target: c.Party(),
			Details: map[string]any{"client_id": c.ClientID, "identifier": c.Identifier},
		})
	})
}

// changeResourceServer runs f on a resource server in a transaction, one at a time. It
// returns access.ErrDenied, or storage.ErrNotFound if there is no such one.
func (s *Service) changeResourceServer(ctx context.Context, caller access.Caller, name string, f func(context.Context, storage.Client) error) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		c, err := s.resourceServer(ctx, name)
		if err != nil {
			return err
		}
		if err := caller.Require(storage.ScopeAdmin, c.OrganizationID); err != nil {
			return err
		}
		// A change of nothing keeps everybody else from changing it; what they had
		// changed before is seen now.
		if err := s.Store.UpdateClient(ctx, c.OrganizationID, c.ID, storage.ClientUpdate{}); err != nil {
			return fmt.Errorf("holding resource server %q: %w", name, err)
		}
		if c, err = s.resourceServer(ctx, name); err != nil {
			return err
		}
		return f(ctx, c)
	})
}

func (s *Service) resourceServer(ctx context.Context, name string) (storage.Client, error) {
	c, err := s.Store.ResourceServerByName(ctx, name)
	if err != nil {
		return storage.Client{}, fmt.Errorf("finding resource server %q: %w", name, err)
	}
	return c, nil
}

// UpdateResourceServer changes how a resource server authenticates and returns it as
// it is then. It returns access.ErrDenied, storage.ErrInvalid, or storage.ErrNotFound.
func (s *Service) UpdateResourceServer(ctx context.Context, caller access.Caller, name string, u AuthenticationUpdate) (storage.Client, error) {
	var updated storage.Client
	err := s.changeResourceServer(ctx, caller, name, func(ctx context.Context, c storage.Client) error {
		change, details := storage.ClientUpdate{}, map[string]any{}
		if err := s.changeAuthentication(ctx, caller, c, u, &change, details); err != nil {
			return err
		}
		updated = c
		if len(details) == 0 {
			return nil
		}
		if err := s.Store.UpdateClient(ctx, c.OrganizationID, c.ID, change); err != nil {
			return fmt.Errorf("updating resource server %q: %w", name, err)
		}
		var err error
		if updated, err = s.resourceServer(ctx, name); err != nil {
			return err
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: c.OrganizationID, Action: "resource_server.updated", Target: c.Party(), Details: details,
		})
	})
	return updated, err
}

// RotateResourceServerSecret is [Service.RotateSecret] for a resource server.
func (s *Service) RotateResourceServerSecret(ctx context.Context, caller access.Caller, name string, overlap time.Duration) (Registered, error) {
	if err := checkOverlap(overlap); err != nil {
		return Registered{}, err
	}
	var rotated Registered
	err := s.changeResourceServer(ctx, caller, name, func(ctx context.Context, c storage.Client) (err error) {
		rotated, err = s.succeed(ctx, caller, c, overlap, func(ctx context.Context) (storage.Client, error) {
			return s.resourceServer(ctx, name)
		})
		return err
	})
	if err != nil {
		return Registered{}, err
	}
	return rotated, nil
}

// CloseResourceServerSecret closes a secret of a resource server and reports whether
// this call did. It returns access.ErrDenied, or storage.ErrNotFound if the resource
// server never had such a secret.
func (s *Service) CloseResourceServerSecret(ctx context.Context, caller access.Caller, name string, secretID int64) (bool, error) {
	closed := false
	err := s.changeResourceServer(ctx, caller, name, func(ctx context.Context, c storage.Client) (err error) {
		closed, err = s.Store.CloseClientSecret(ctx, c.OrganizationID, c.ID, secretID, s.Clock(), false)
		if err != nil {
			return fmt.Errorf("closing secret %d: %w", secretID, err)
		}
		if !closed {
			return nil
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: c.OrganizationID, Action: "resource_server.secret_closed", Target: c.Party(),
			Details: map[string]any{"secret_id": secretID},
		})
	})
	return closed && err == nil, err
}

const maxIdentifierLength = 500

func validIdentifier(identifier string) error {
	u, err := url.Parse(identifier)
	switch {
	case err != nil, !u.IsAbs(), u.Host == "" && u.Opaque == "", strings.Contains(identifier, "#"):
		return storage.Invalidf("identifier", "want an absolute URI without a fragment")
	case len(identifier) > maxIdentifierLength, strings.ContainsAny(identifier, " \t\n\x00"):
		return storage.Invalidf("identifier", "want at most %d characters without spaces", maxIdentifierLength)
	}
	return nil
}
