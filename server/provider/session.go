package provider

import (
	"time"

	"github.com/ory/fosite"

	"kiket.dev/auth/storage"
)

// session is what fosite carries from one of its interfaces to the next: the
// token to be made, or the credential that was found. The columns of the row
// are authoritative; nothing is serialised.
type session struct {
	token      *storage.Token
	credential storage.Credential
}

var _ fosite.Session = (*session)(nil)

// SetExpiresAt is ignored: the token's own expiry, in whole seconds and of the
// injected clock, is set by whoever describes the token.
func (*session) SetExpiresAt(fosite.TokenType, time.Time) {}

func (s *session) GetExpiresAt(fosite.TokenType) time.Time {
	if s.token != nil {
		return s.token.ExpiresAt
	}
	return s.credential.Token.ExpiresAt
}

func (*session) GetUsername() string { return "" }

func (s *session) GetSubject() string { return s.credential.Subject() }

func (s *session) Clone() fosite.Session {
	clone := *s
	return &clone
}

// client shows a storage.Client to fosite. The secret is not part of it:
// authentication is ours.
type client struct{ storage.Client }

var _ fosite.Client = client{}

func (c client) GetID() string                    { return c.ClientID }
func (client) GetHashedSecret() []byte            { return nil }
func (client) GetRedirectURIs() []string          { return nil }
func (client) GetResponseTypes() fosite.Arguments { return nil }
func (c client) GetScopes() fosite.Arguments      { return fosite.Arguments(c.Scopes) }
func (client) GetAudience() fosite.Arguments      { return nil }
func (client) IsPublic() bool                     { return false }

func (c client) GetGrantTypes() fosite.Arguments {
	if c.Kind != storage.Application {
		return nil
	}
	return fosite.Arguments{clientCredentials}
}

// holder is the client of an opaque token, and whoever shows one.
func holder(id string) client {
	return client{storage.Client{ClientID: id}}
}

// found shows a credential to fosite as the request that made it.
func found(c storage.Credential, scopes storage.Scopes) *fosite.Request {
	r := fosite.NewRequest()
	r.ID = c.Token.Reference
	r.RequestedAt = c.Token.CreatedAt
	r.GrantedScope = fosite.Arguments(scopes)
	r.GrantedAudience = fosite.Arguments{c.Token.Audience}
	r.Session = &session{credential: c}
	if c.Token.Kind == storage.AccessToken {
		r.Client = client{c.Client}
	} else {
		r.Client = holder(c.PublicClientID())
	}
	return r
}
