package storage

import (
	"context"
	"slices"
	"time"
)

// ClientKind tells what a client is.
type ClientKind string

// The kinds of clients.
const (
	// Application fetches access tokens; it belongs to an organization.
	Application ClientKind = "application"
	// ResourceServer is an API that introspects tokens meant for it.
	ResourceServer ClientKind = "resource_server"
)

// AuthMethod is how a client authenticates (RFC 7591 section 2, OpenID Connect Core
// section 9).
type AuthMethod string

// The methods.
const (
	AuthSecretBasic   AuthMethod = "client_secret_basic"
	AuthSecretPost    AuthMethod = "client_secret_post"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
)

// Client is whoever authenticates at the OAuth endpoints (RFC 6749 section 2):
// an application or a resource server.
type Client struct {
	ID             int64
	Kind           ClientKind
	OrganizationID int64  // 0: a resource server of the platform, for all organizations
	ClientID       string // unique, [A-Za-z0-9_-]
	Name           string
	AuthMethods    []AuthMethod // those registered; one request uses exactly one
	CreatedAt      time.Time
	DisabledAt     time.Time // zero: enabled
	LastUsedAt     time.Time // zero: never
	// Where that was, as far as it is known; see Token.
	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedServerID  int64
	Secrets           []ClientSecret

	// JWKS is the set of the public keys that a client signs its assertions with (RFC
	// 7517, JSON); nil: none.
	JWKS []byte
	// JWKSURI is where the client publishes that set; empty: nowhere.
	JWKSURI string
	// TokenURLAudience permits the client's assertions to name the URL of the token
	// endpoint as their audience in place of the issuer (RFC 7523 section 3).
	TokenURLAudience bool

	// Scopes is what an application may ask for.
	Scopes Scopes
	// AccessTokenLifetime is how long an application's access tokens live;
	// 0: as long as the server's setting says.
	AccessTokenLifetime time.Duration

	// TokensRevokedThrough is the highest Token.ID of the access tokens of an
	// application that were all revoked at once; 0: they never were.
	TokensRevokedThrough int64

	// Identifier is the resource indicator (RFC 8707) of a resource server and
	// the audience of the tokens meant for it.
	Identifier string
}

// ClientSecret is one of the secrets a client may authenticate with.
type ClientSecret struct {
	ID         int64
	Digest     string // lower-case hex SHA-256
	Prefix     string // what may be shown
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: never
	// Where that was, as far as it is known; see Token.
	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedServerID  int64
	ClosedAt          time.Time // zero: not closed. A closed secret is kept for what was fetched with it
	// TokensRevoked says that the access tokens fetched with it ended.
	TokensRevoked bool
}

// ApplicationSecret is a client secret with the application that it belongs to,
// without the others.
type ApplicationSecret struct {
	Secret      ClientSecret
	Application Client
}

// ClientSecretFilter names secrets of the applications of an organization. What is
// zero does not matter, but for the organization.
type ClientSecretFilter struct {
	OrganizationID int64
	ID             int64
	OpenAt         time.Time // neither closed nor expired then
	UnusedSince    time.Time // not used since then, and made before
	NeverUsed      bool
	ExpiringBefore time.Time // with an expiry before then
}

// ClientUpdate is a change of a client; nil leaves as it is.
type ClientUpdate struct {
	Name                *string
	Scopes              *Scopes
	AuthMethods         *[]AuthMethod
	JWKS                *[]byte // empty: none
	JWKSURI             *string
	TokenURLAudience    *bool
	AccessTokenLifetime *time.Duration
	DisabledAt          *time.Time // zero: enabled
}

// Party returns what the client is called where it is told of.
func (c Client) Party() Party {
	kind := "oauth_application"
	if c.Kind == ResourceServer {
		kind = "resource_server"
	}
	return Party{Kind: kind, ID: c.ID, Name: c.Name}
}

// Enabled reports whether the client may act at all.
func (c Client) Enabled() bool { return c.DisabledAt.IsZero() }

// Allows reports whether the client is registered for every one of the scopes.
func (c Client) Allows(scopes Scopes) bool { return c.Scopes.CoversAll(scopes) }

// Uses reports whether the client is registered for the method.
func (c Client) Uses(method AuthMethod) bool { return slices.Contains(c.AuthMethods, method) }

// Lifetime returns how long the access tokens of an application live on a server
// whose own live for most.
func (c Client) Lifetime(most time.Duration) time.Duration {
	if c.AccessTokenLifetime > 0 {
		return min(most, c.AccessTokenLifetime)
	}
	return most
}

// OpenSecrets returns those of the client's secrets that may be used at the given
// time.
func (c Client) OpenSecrets(now time.Time) []ClientSecret {
	return slices.DeleteFunc(slices.Clone(c.Secrets), func(s ClientSecret) bool { return !s.Open(now) })
}

// Open reports whether the secret may be used at the given time.
func (s ClientSecret) Open(now time.Time) bool {
	return s.ClosedAt.IsZero() && (s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt))
}

// ClientStore keeps clients and their secrets.
type ClientStore interface {
	// CreateClient stores c with its secrets and sets their IDs. ErrConflict if
	// the client id is taken, or the name of a resource server.
	CreateClient(ctx context.Context, c *Client) error
	// ClientByClientID returns a client of any organization with its secrets,
	// ErrNotFound if there is none. Disabled clients and expired secrets are
	// returned too, closed secrets are not. It is on the path of every token request.
	ClientByClientID(ctx context.Context, clientID string) (Client, error)
	// ApplicationByID returns an application of the organization with its secrets
	// that are not closed, ErrNotFound if there is none.
	ApplicationByID(ctx context.Context, organizationID, id int64) (Client, error)
	// Applications returns a page of the applications of an organization, by id,
	// with their secrets that are not closed.
	Applications(ctx context.Context, organizationID int64, page Page) ([]Client, error)
	// ApplicationSecrets returns a page of the secrets that the filter names, by id,
	// also of those that are closed.
	ApplicationSecrets(ctx context.Context, f ClientSecretFilter, page Page) ([]ApplicationSecret, error)
	// RevokeClientTokens makes every access token inactive that the application of
	// that organization was given before the call; ErrNotFound if there is none.
	RevokeClientTokens(ctx context.Context, organizationID, id int64) error
	// ResourceServerByIdentifier returns a resource server with exactly that
	// identifier which serves the organization: one of the platform or one of
	// its own, without secrets. ErrNotFound if there is none.
	ResourceServerByIdentifier(ctx context.Context, organizationID int64, identifier string) (Client, error)
	// ResourceServerByName returns a resource server with its secrets that are not
	// closed, ErrNotFound if there is none. Names are compared byte by byte.
	ResourceServerByName(ctx context.Context, name string) (Client, error)
	// ResourceServers returns all resource servers in order of their names, with
	// their secrets that are not closed.
	ResourceServers(ctx context.Context) ([]Client, error)
	// UpdateClient changes a client of the organization (0: of the platform);
	// ErrNotFound if there is none.
	UpdateClient(ctx context.Context, organizationID, id int64, u ClientUpdate) error
	// DeleteClient removes a client of the organization (0: of the platform)
	// with its secrets; ErrNotFound if there is none.
	DeleteClient(ctx context.Context, organizationID, id int64) error
	// AddClientSecret stores s for the client and sets its ID; ErrNotFound if
	// the organization has no such client.
	AddClientSecret(ctx context.Context, organizationID, clientID int64, s *ClientSecret) error
	// ExpireClientSecrets makes the open secrets of the client, except the one to
	// keep, expire no later than at; ErrNotFound if the organization has no such
	// client.
	ExpireClientSecrets(ctx context.Context, organizationID, clientID, keep int64, at time.Time) error
	// CloseClientSecret closes a secret, and with revokeTokens ends the access
	// tokens that were fetched with it. It reports whether this call closed it: of
	// several at once, one is told true. The tokens of one that is closed already are
	// ended, too. ErrNotFound if the client of that organization never had such a
	// secret.
	CloseClientSecret(ctx context.Context, organizationID, clientID, secretID int64, at time.Time, revokeTokens bool) (bool, error)
}
