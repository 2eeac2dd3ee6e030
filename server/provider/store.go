package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// tokenStore shows the tokens table to fosite.
type tokenStore struct {
	tokens    storage.TokenStore
	catalogue storage.Catalogue
}

var _ oauth2.AccessTokenStorage = (*tokenStore)(nil)

// CreateAccessTokenSession stores the token that the session describes.
func (s *tokenStore) CreateAccessTokenSession(ctx context.Context, _ string, r fosite.Requester) error {
	described, ok := r.GetSession().(*session)
	if !ok || described.token == nil {
		return errors.New("storing a token that nobody described")
	}
	return s.tokens.CreateToken(ctx, described.token)
}

// GetAccessTokenSession finds a credential, active or not. Unknown is
// fosite.ErrNotFound; a failure of the database is remembered, because fosite
// would make an inactive token of it.
func (s *tokenStore) GetAccessTokenSession(ctx context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	ref, ok := referenceOf(signature)
	if !ok {
		return nil, fosite.ErrNotFound
	}
	c, err := s.tokens.CredentialByReference(ctx, ref)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, fosite.ErrNotFound
	case err != nil:
		err = fmt.Errorf("finding a token: %w", err)
		remember(ctx, err)
		return nil, err
	}
	return found(c, c.Scopes(s.catalogue)), nil
}

// DeleteAccessTokenSession is part of fosite's interface and of none of the
// flows in use; tokens end by revocation.
func (*tokenStore) DeleteAccessTokenSession(context.Context, string) error {
	return errors.New("deleting a token session is not supported")
}

// call is the memory of one request across fosite's interfaces.
type call struct {
	request Request
	// holder says that holding the token is all the authentication needed.
	holder bool
	// secretID is the secret that the client authenticated with.
	secretID int64
	// inactive is the credential that was found and does not work.
	inactive storage.Credential
	// failure is why an answer could not be found out, as opposed to being no.
	failure error
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return &call{}
	}
	return c
}

// remember keeps an error that is not the token's fault.
func remember(ctx context.Context, err error) {
	if c := callOf(ctx); c.failure == nil && !errors.Is(err, keys.ErrInvalidToken) {
		c.failure = err
	}
}
