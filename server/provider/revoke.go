package provider

import (
	"context"
	"errors"

	"github.com/ory/fosite"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Revoke answers a revocation request (RFC 7009). When it returns nil the token
// is unusable from now on, whether it was known or not. Whoever holds an opaque
// token may revoke it; an access token is revoked by the application it was
// issued to.
func (p *Provider) Revoke(ctx context.Context, r Request) error {
	token := r.Form.Get("token")
	if token == "" {
		return refuse(InvalidRequest, "token is missing")
	}
	presented := clients.Presented{Authorization: r.Authorization, Form: r.Form}.Any()
	_, opaque := tokens.KindOf(token)
	current := &call{request: r, holder: opaque && !presented}
	ctx = withCall(ctx, current)
	err := p.oauth.NewRevocationRequest(ctx, httpRequest(ctx, r.Form, "token", "token_type_hint", "client_id", "client_secret"))
	if current.failure != nil {
		return current.failure
	}
	return translate(err)
}

// revocation is the provider as fosite's handler of revocations. The stock one
// answers 200 when nothing was revoked.
type revocation Provider

var _ fosite.RevocationHandler = (*revocation)(nil)

// RevokeToken revokes a token for a client that fosite has let in. The hint is
// not needed: the form of a token tells its kind.
func (v *revocation) RevokeToken(ctx context.Context, token string, _ fosite.TokenType, by fosite.Client) error {
	request, err := v.store.GetAccessTokenSession(ctx, v.strategy.AccessTokenSignature(ctx, token), nil)
	switch {
	case errors.Is(err, fosite.ErrNotFound):
		return nil // unknown to us; or remembered as a failure by the look-up
	case err != nil:
		return err
	}
	seen, ok := request.GetSession().(*session)
	if !ok {
		return errors.New("revocation lost its session")
	}
	c := seen.credential
	origin := callOf(ctx).request.Origin
	if c.Token.Kind != storage.AccessToken {
		_, err := v.Tokens.Revoke(ctx, access.FromCredential(c, v.Catalogue, origin), c.Token)
		return err
	}
	application, ok := by.(client)
	if !ok || application.Kind != storage.Application || application.ID != c.Token.ClientID {
		return refuse(UnauthorizedClient, "the token was not issued to this client")
	}
	_, err = v.Tokens.Revoke(ctx, access.FromClient(application.Client, origin), c.Token)
	return err
}
