package storage

import (
	"context"
	"fmt"
	"time"
)

// TokenKind tells the credentials apart that go through the one pipeline.
type TokenKind string

// The kinds of tokens.
const (
	AccessToken       TokenKind = "access_token"
	WorkspaceAPIToken TokenKind = "workspace_api_token"
	ExtensionKey      TokenKind = "extension_key"
	Session           TokenKind = "session"
)

// Token is one credential as it is kept. The secret itself is not.
type Token struct {
	ID             int64
	Kind           TokenKind
	OrganizationID int64
	Reference      string // what it is found by, see TokenReference
	Prefix         string // what may be shown; empty for access tokens
	Name           string
	Scopes         Scopes
	FullAccess     bool // all of the catalogue, as it stands when the token is used
	Audience       string
	CreatedAt      time.Time
	ExpiresAt      time.Time // zero: never; whole seconds for access tokens
	RevokedAt      time.Time // zero: not revoked

	// IdleTimeout ends a session that is not used for so long; 0: it does not.
	IdleTimeout time.Duration

	UserID         int64  // owner of workspace tokens and sessions
	ClientID       int64  // Client.ID of an access token
	ClientSecretID int64  // the secret an access token was fetched with, 0: another way
	KeyID          string // kid that signed an access token
	ProjectID      int64  // of extension keys
	InstallationID int64  // of extension keys

	LastUsedAt        time.Time // zero: never
	LastUsedAddress   string
	LastUsedUserAgent string
	LastUsedServerID  int64 // Client.ID of the resource server that was asked, 0: this server itself
}

// TokenReference is what a token is found by.
type TokenReference struct {
	Kind TokenKind
	// Value is the lower-case hex SHA-256 of an opaque token, or the jti of an
	// access token.
	Value string
	// ExpiresAt is the expiry of an access token, in whole seconds, which tells
	// where its row lies. It is zero for opaque tokens.
	ExpiresAt time.Time
}

// TokenReferenceOf returns what t is found by.
func TokenReferenceOf(t Token) TokenReference {
	ref := TokenReference{Kind: t.Kind, Value: t.Reference}
	if t.Kind == AccessToken {
		ref.ExpiresAt = t.ExpiresAt
	}
	return ref
}

// Credential is a token together with everything that decides whether it works
// and what it may do, read in one look.
type Credential struct {
	Token Token

	Client       Client       // of an access token; without secrets and keys
	Owner        Member       // of a workspace token or session
	Installation Installation // of an extension key; without manifest
	KeyRevoked   bool         // the signing key of an access token is revoked or unknown
	// SecretRevoked says that an access token ended with the client secret that it
	// was fetched with.
	SecretRevoked bool
}

// Active reports whether the credential works at the given time: neither
// revoked nor expired, and all that it depends on is still in place.
func (c Credential) Active(now time.Time) bool {
	t := c.Token
	if !t.RevokedAt.IsZero() || (!t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)) {
		return false
	}
	switch t.Kind {
	case AccessToken:
		return c.Client.ID != 0 && c.Client.Enabled() && !c.KeyRevoked && !c.SecretRevoked &&
			t.ID > c.Client.TokensRevokedThrough
	case WorkspaceAPIToken, Session:
		return c.Owner.UserID != 0 && !t.Idle(now)
	case ExtensionKey:
		return c.Installation.ID != 0 && c.Installation.UninstalledAt.IsZero()
	}
	return false
}

// Idle reports whether the token has ended for not being used.
func (t Token) Idle(now time.Time) bool {
	used := t.CreatedAt
	if t.LastUsedAt.After(used) {
		used = t.LastUsedAt
	}
	return t.IdleTimeout > 0 && !now.Before(used.Add(t.IdleTimeout))
}

// Scopes returns what the credential permits now: what was granted, less what
// its application is no longer registered for or its owner may no longer do. An
// extension key permits what the installed version of its extension may do.
func (c Credential) Scopes(catalogue Catalogue) Scopes {
	scopes := c.Token.Scopes
	if c.Token.FullAccess {
		scopes = catalogue.Names()
	}
	switch c.Token.Kind {
	case AccessToken:
		scopes = scopes.Restrict(c.Client.Scopes)
	case ExtensionKey:
		scopes = c.Installation.Permissions.Without(ScopeAdmin)
	case WorkspaceAPIToken, Session:
		if c.Owner.Role != RoleAdmin {
			scopes = scopes.Without(ScopeAdmin)
		}
	}
	return scopes
}

// PublicClientID returns the name under which the credential appears as a
// client: the application's client id, or the kind and number of an opaque token.
func (c Credential) PublicClientID() string {
	if c.Token.Kind == AccessToken {
		return c.Client.ClientID
	}
	return fmt.Sprintf("%s:%d", c.Token.Kind, c.Token.ID)
}

// Subject returns whom the credential stands for: user:N, extension:N, or the
// client id of an application acting for itself (RFC 9068 section 2.2).
func (c Credential) Subject() string {
	switch c.Token.Kind {
	case WorkspaceAPIToken, Session:
		return fmt.Sprintf("user:%d", c.Token.UserID)
	case ExtensionKey:
		return fmt.Sprintf("extension:%d", c.Token.InstallationID)
	default:
		return c.Client.ClientID
	}
}

// TokenUse is the latest use of a credential.
type TokenUse struct {
	Kind           TokenKind
	ID             int64 // Token.ID of an opaque token, Client.ID for an access token
	ClientSecretID int64 // the secret an access token was fetched with, 0: none
	At             time.Time
	Address        string
	UserAgent      string
	// ResourceServerID is the Client.ID of the resource server that it was used at; 0:
	// at this server itself.
	ResourceServerID int64
}

// TokenFilter names opaque tokens of an organization. What is zero does not
// matter, but for the organization.
type TokenFilter struct {
	OrganizationID int64
	Kinds          []TokenKind // none: all opaque kinds
	ID             int64
	Except         int64 // an id that is not meant
	UserID         int64
	InstallationID int64
	FullAccess     bool
	Revoked        bool
	NotRevoked     bool
	ActiveAt       time.Time // neither revoked nor expired then
	ExpiredAt      time.Time // expired then, revoked or not
	UnusedSince    time.Time // not used since then, and made before
	NeverUsed      bool
	OwnerGone      bool      // workspace API tokens whose owner is no admin of the organization, or no member
	ExpiringBefore time.Time // with an expiry before then
}

// OwnedToken is an opaque token with its owner's name, which outlives the
// membership, or the installation that it is the key of, without the manifest.
type OwnedToken struct {
	Token        Token
	OwnerName    string
	Installation Installation
}

// TokenStore keeps the tokens of all kinds.
type TokenStore interface {
	// CreateToken stores t and sets its ID. ErrConflict if the reference is taken.
	// It returns when the token is durable.
	CreateToken(ctx context.Context, t *Token) error
	// CredentialByReference returns the token with what it depends on, ErrNotFound
	// if there is none. Revoked and expired ones are returned too. The answer
	// holds everything that was committed before the call.
	CredentialByReference(ctx context.Context, ref TokenReference) (Credential, error)
	// OpaqueTokenByID returns a token of the organization that is not an access
	// token, ErrNotFound if there is none.
	OpaqueTokenByID(ctx context.Context, organizationID int64, kind TokenKind, id int64) (Token, error)
	// OpaqueTokens returns a page of the opaque tokens that the filter names, by id,
	// each with its owner.
	OpaqueTokens(ctx context.Context, f TokenFilter, page Page) ([]OwnedToken, error)
	// RenameToken changes what a token of the organization that is not an access token
	// is called; ErrNotFound if there is none.
	RenameToken(ctx context.Context, organizationID int64, kind TokenKind, id int64, name string) error
	// RevokeTokens revokes those opaque tokens that the filter names and that are
	// not revoked yet, and returns them.
	RevokeTokens(ctx context.Context, f TokenFilter, at time.Time) ([]Token, error)
	// ExpireTokens makes those opaque tokens that the filter names expire no later
	// than at.
	ExpireTokens(ctx context.Context, f TokenFilter, at time.Time) error
	// ReassignTokens gives the unrevoked workspace API tokens of one member of the
	// organization to another and returns how many. ErrNotFound if the other is no
	// member.
	ReassignTokens(ctx context.Context, organizationID, from, to int64) (int64, error)
	// RevokeToken revokes a token and reports whether this call did: of several
	// at once, one is told true. An unknown token is false, too.
	RevokeToken(ctx context.Context, ref TokenReference, at time.Time) (bool, error)
	// RecordUses writes the latest uses down, forward only: an older use never
	// replaces a later one. Uses of unknown tokens are ignored.
	RecordUses(ctx context.Context, uses []TokenUse) error
	// PrepareTokens makes room for tokens that expire until the given time.
	PrepareTokens(ctx context.Context, now, until time.Time) error
	// SweepSessions removes sessions that expired or were revoked before the given
	// time, and returns how many.
	SweepSessions(ctx context.Context, before time.Time) (int64, error)
	// SweepTokens removes access tokens that expired before the given time, at
	// a cost that does not depend on how many live tokens there are, and
	// returns how many rows or, where it drops them whole, partitions went.
	SweepTokens(ctx context.Context, before time.Time) (int64, error)
}
