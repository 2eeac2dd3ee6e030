package clients

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// ResourceServerRequest asks for a resource server.
type ResourceServerRequest struct {
	OrganizationID int64 // 0: of the platform, for all organizations
	Name           string
	Identifier     string // absolute URI without fragment (RFC 8707 section 2)
}

// RegisterResourceServer registers a resource server with one secret. It
// returns access.ErrDenied, storage.ErrInvalid, or storage.ErrConflict if the name is
// taken.
func (s *Service) RegisterResourceServer(ctx context.Context, caller access.Caller, r ResourceServerRequest) (Registered, error) {
	if err := caller.Require(storage.ScopeAdmin, r.OrganizationID); err != nil {
		return Registered{}, err
	}
	if err := errors.Join(storage.CheckName("name", r.Name), validIdentifier(r.Identifier)); err != nil {
		return Registered{}, err
	}
	return s.register(ctx, caller, "resource_server.created", storage.Client{
		Kind: storage.ResourceServer, OrganizationID: r.OrganizationID, ClientID: newClientID("rs_"),
		Name: strings.TrimSpace(r.Name), Identifier: r.Identifier,
		AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost},
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
			OrganizationID: c.OrganizationID, Action: "resource_server.deleted", Target: party(c),
			Details: map[string]any{"client_id": c.ClientID, "identifier": c.Identifier},
		})
	})
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
