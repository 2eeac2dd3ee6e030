package clients

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
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
		storage.ClientStore
	}
	Audit     *audit.Recorder
	Catalogue storage.Catalogue
	Clock     func() time.Time
}

// Registered is a client with its secret, which is known here and never again.
type Registered struct {
	Client storage.Client
	Secret storage.Secret
}

// ApplicationRequest asks for an OAuth application.
type ApplicationRequest struct {
	OrganizationID int64
	Name           string // 1 to 100 characters
	Scopes         storage.Scopes
	AuthMethods    []storage.AuthMethod // none: client_secret_basic and client_secret_post
	// AccessTokenLifetime is in whole seconds; 0: the server's setting.
	AccessTokenLifetime time.Duration
}

// RegisterApplication registers an application with one secret. It returns
// access.ErrDenied or storage.ErrInvalid.
func (s *Service) RegisterApplication(ctx context.Context, caller access.Caller, r ApplicationRequest) (Registered, error) {
	if err := caller.Require(storage.ScopeAdmin, r.OrganizationID); err != nil {
		return Registered{}, err
	}
	if err := errors.Join(storage.CheckName("name", r.Name), s.validScopes(r.Scopes), validLifetime(r.AccessTokenLifetime)); err != nil {
		return Registered{}, err
	}
	if err := caller.RequireAtMost(r.Scopes); err != nil {
		return Registered{}, err
	}
	methods := r.AuthMethods
	if len(methods) == 0 {
		methods = []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost}
	}
	return s.register(ctx, caller, "oauth_application.created", storage.Client{
		Kind: storage.Application, OrganizationID: r.OrganizationID, ClientID: newClientID("app_"),
		Name: strings.TrimSpace(r.Name), AuthMethods: methods, Scopes: r.Scopes,
		AccessTokenLifetime: r.AccessTokenLifetime,
	})
}

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

func (s *Service) register(ctx context.Context, caller access.Caller, action string, c storage.Client) (Registered, error) {
	now := s.Clock()
	secret := tokens.Generate(tokens.PrefixClientSecret)
	c.CreatedAt = now
	c.Secrets = []storage.ClientSecret{{
		Digest: secret.Digest(), Prefix: tokens.Shown(tokens.PrefixClientSecret, secret), CreatedAt: now,
	}}
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateClient(ctx, &c); err != nil {
			return fmt.Errorf("registering %s: %w", c.Name, err)
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: c.OrganizationID, Action: action, Target: party(c),
			Details: map[string]any{"client_id": c.ClientID, "scopes": c.Scopes, "identifier": c.Identifier},
		})
	})
	if err != nil {
		return Registered{}, err
	}
	return Registered{Client: c, Secret: secret}, nil
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

func party(c storage.Client) storage.Party {
	kind := "oauth_application"
	if c.Kind == storage.ResourceServer {
		kind = "resource_server"
	}
	return storage.Party{Kind: kind, ID: c.ID, Name: c.Name}
}

// newClientID makes a client id of [A-Za-z0-9_], 96 random bits.
func newClientID(prefix string) string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	return prefix + hex.EncodeToString(random)
}

func (s *Service) validScopes(scopes storage.Scopes) error {
	if len(scopes) == 0 {
		return storage.Invalidf("scopes", "want at least one")
	}
	return s.Catalogue.CheckScopes("scopes", scopes)
}

func validLifetime(d time.Duration) error {
	if d < 0 || d%time.Second != 0 {
		return storage.Invalidf("access_token_lifetime", "want a positive number of seconds")
	}
	return nil
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
