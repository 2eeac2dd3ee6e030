package credentials

import (
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.TokenStore
		storage.ClientStore
		storage.UsageStore
	}
	Tokens    *tokens.Service
	Clients   *clients.Service
	Catalogue storage.Catalogue
	Clock     func() time.Time
}

// Credential is a token or a client secret, as one of many.
type Credential struct {
	Reference  Reference
	Name       string // of the token, or of the secret's application
	Prefix     string // what may be shown
	Scopes     storage.Scopes
	FullAccess bool
	OwnerID    int64 // of workspace API tokens and sessions
	OwnerName  string
	// Application is whose secret it is, Installation whose key; zero if it is neither.
	Application     storage.Client
	Installation    storage.Installation
	CreatedAt       time.Time
	ExpiresAt       time.Time // zero: never
	LastUsedAt      time.Time // zero: never
	LastUsedAddress string    // of tokens
	// LastUsedUserAgent is what the program called itself that used a token.
	LastUsedUserAgent string
	LastUsedServerID  int64         // of the resource server that it was used at, 0: this server itself
	RevokedAt         time.Time     // zero: not revoked; also when a client secret was closed
	IdleTimeout       time.Duration // of sessions
	// UnusedScopes are those that it grants, and that no use in the last 60 days named;
	// nil if it cannot be told.
	UnusedScopes storage.Scopes
}

// Active reports whether the credential has neither been revoked nor ended by itself.
func (c Credential) Active(now time.Time) bool {
	t := storage.Token{CreatedAt: c.CreatedAt, LastUsedAt: c.LastUsedAt, IdleTimeout: c.IdleTimeout}
	return c.RevokedAt.IsZero() && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt)) && !t.Idle(now)
}

// Position is a place in the list: what comes after it has a lower id in its table. The
// zero value is the beginning.
type Position struct {
	Token  int64
	Secret int64
}

// merge puts the newer of the two heads first, at most limit times, and returns the
// position after them if anything is left.
func merge(fromTokens, fromSecrets []Credential, from Position, limit int) ([]Credential, *Position) {
	after := Position{Token: begin(from.Token, fromTokens), Secret: begin(from.Secret, fromSecrets)}
	merged := make([]Credential, 0, limit)
	for len(fromTokens)+len(fromSecrets) > 0 && len(merged) < limit {
		if len(fromSecrets) == 0 || (len(fromTokens) > 0 && !fromTokens[0].CreatedAt.Before(fromSecrets[0].CreatedAt)) {
			merged, after.Token, fromTokens = append(merged, fromTokens[0]), fromTokens[0].Reference.ID, fromTokens[1:]
		} else {
			merged, after.Secret, fromSecrets = append(merged, fromSecrets[0]), fromSecrets[0].Reference.ID, fromSecrets[1:]
		}
	}
	if len(fromTokens)+len(fromSecrets) == 0 {
		return merged, nil
	}
	return merged, &after
}

// begin is the place before the first of a table, so that what is added to it later
// does not come after what was listed already.
func begin(from int64, head []Credential) int64 {
	switch {
	case from != 0:
		return from
	case len(head) > 0:
		return head[0].Reference.ID + 1
	}
	return 1
}

func ofToken(o storage.OwnedToken) Credential {
	t := o.Token
	c := Credential{
		Reference: Reference{Kind: Kind(t.Kind), ID: t.ID}, Name: t.Name, Prefix: t.Prefix,
		Scopes: t.Scopes, FullAccess: t.FullAccess, OwnerID: t.UserID, OwnerName: o.OwnerName,
		Installation: o.Installation, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
		LastUsedAt: t.LastUsedAt, LastUsedAddress: t.LastUsedAddress, LastUsedUserAgent: t.LastUsedUserAgent,
		LastUsedServerID: t.LastUsedServerID,
		RevokedAt:        t.RevokedAt, IdleTimeout: t.IdleTimeout,
	}
	if t.Kind == storage.ExtensionKey {
		c.Scopes = o.Installation.Permissions
	}
	return c
}

func ofSecret(s storage.ApplicationSecret) Credential {
	return Credential{
		Reference: Reference{Kind: ClientSecret, ID: s.Secret.ID}, Name: s.Application.Name, Prefix: s.Secret.Prefix,
		Scopes: s.Application.Scopes, Application: s.Application, CreatedAt: s.Secret.CreatedAt,
		ExpiresAt: s.Secret.ExpiresAt, LastUsedAt: s.Secret.LastUsedAt, RevokedAt: s.Secret.ClosedAt,
		LastUsedAddress: s.Secret.LastUsedAddress, LastUsedUserAgent: s.Secret.LastUsedUserAgent, LastUsedServerID: s.Secret.LastUsedServerID,
	}
}
