package provider

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"

	"kiket.dev/auth/server/usage"
	"kiket.dev/auth/storage"
)

// TokenPath is where the token endpoint is below the issuer.
const TokenPath = "/oauth/token"

// TokenResponse is a successful answer (RFC 6749 section 5.1).
type TokenResponse struct {
	AccessToken storage.Secret
	ExpiresIn   time.Duration
	Scopes      storage.Scopes
	// Token is the row, for the log.
	Token storage.Token
}

// Token answers a token request: client credentials (RFC 6749 section 4.4) with
// an optional resource (RFC 8707).
func (p *Provider) Token(ctx context.Context, r Request) (TokenResponse, error) {
	switch grant := r.Form.Get("grant_type"); grant {
	case clientCredentials:
	case "":
		return TokenResponse{}, refuse(InvalidRequest, "grant_type is missing")
	default:
		return TokenResponse{}, refuse(UnsupportedGrantType, "the only supported grant_type is client_credentials")
	}
	current := &call{request: r}
	ctx = withCall(ctx, current)
	granted := &session{token: &storage.Token{}}
	request, err := p.oauth.NewAccessRequest(ctx, httpRequest(ctx, r.Form, "grant_type"), granted)
	if err != nil {
		return TokenResponse{}, translate(err)
	}
	application, ok := request.GetClient().(client)
	if !ok || application.Kind != storage.Application {
		return TokenResponse{}, refuse(UnauthorizedClient, "only applications fetch tokens")
	}
	if err := p.grant(ctx, request, application.Client, r.Form); err != nil {
		return TokenResponse{}, err
	}
	*granted.token = p.describe(request, application.Client, current.secretID)
	response, err := p.oauth.NewAccessResponse(ctx, request)
	if err != nil {
		return TokenResponse{}, translate(err)
	}
	t := *granted.token
	p.Watch.Fetched(t, application.Client)
	// An application that asks for nothing is given everything, and has named nothing.
	p.Usage.RecordFetch(application.Client, current.secretID, usage.Use{
		Address: r.Origin.Address, UserAgent: r.Origin.UserAgent, Scopes: storage.ParseScopes(r.Form.Get("scope")),
	})
	return TokenResponse{
		AccessToken: storage.NewSecret(response.GetAccessToken()),
		ExpiresIn:   t.ExpiresAt.Sub(t.CreatedAt),
		Scopes:      t.Scopes,
		Token:       t,
	}, nil
}

// grant settles scopes and audience, which fosite leaves to the endpoint. No
// scope asked means all that the application is registered for.
func (p *Provider) grant(ctx context.Context, request fosite.AccessRequester, application storage.Client, form url.Values) error {
	scopes := storage.ParseScopes(form.Get("scope"))
	if len(scopes) == 0 {
		scopes = application.Scopes
	}
	switch {
	case len(scopes) == 0:
		return refuse(InvalidScope, "the client is not registered for any scope")
	case !application.Allows(scopes):
		return refuse(InvalidScope, "the client is not registered for a requested scope")
	}
	for _, scope := range scopes {
		request.GrantScope(scope)
	}
	audience, err := p.audience(ctx, application.OrganizationID, form["resource"])
	if err != nil {
		return err
	}
	request.GrantAudience(audience)
	return nil
}

// audience returns the registered identifier that the resource parameters name.
// A trailing slash more or less makes no difference.
func (p *Provider) audience(ctx context.Context, organizationID int64, resources []string) (string, error) {
	switch len(resources) {
	case 0:
		return p.DefaultAudience, nil
	case 1:
	default:
		return "", refuse(InvalidTarget, "one resource in each request")
	}
	other, slash := strings.CutSuffix(resources[0], "/")
	switch {
	case !slash:
		other += "/"
	case strings.HasSuffix(other, "/"): // two are no more or less
		other = resources[0]
	}
	for _, identifier := range []string{resources[0], other} {
		if identifier == p.DefaultAudience {
			return identifier, nil
		}
		server, err := p.Store.ResourceServerByIdentifier(ctx, organizationID, identifier)
		if err == nil {
			return server.Identifier, nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return "", err
		}
	}
	return "", refuse(InvalidTarget, "the resource is not the identifier of a registered resource server")
}

// describe says what token to make.
func (p *Provider) describe(request fosite.AccessRequester, application storage.Client, secretID int64) storage.Token {
	now := p.Clock().UTC().Truncate(time.Second)
	return storage.Token{
		Kind:           storage.AccessToken,
		OrganizationID: application.OrganizationID,
		Scopes:         storage.Scopes(request.GetGrantedScopes()),
		Audience:       request.GetGrantedAudience()[0],
		CreatedAt:      now,
		ExpiresAt:      now.Add(application.Lifetime(p.AccessTokenLifetime).Truncate(time.Second)),
		ClientID:       application.ID,
		ClientSecretID: secretID,
	}
}

// Issue makes an opaque token through the same strategy and storage as access
// tokens. It implements tokens.Issuer.
func (p *Provider) Issue(ctx context.Context, t *storage.Token) (storage.Secret, error) {
	request := fosite.NewAccessRequest(&session{token: t})
	response := fosite.NewAccessResponse()
	if _, err := p.helper.IssueAccessToken(ctx, p.AccessTokenLifetime, request, response); err != nil {
		return storage.Secret{}, err
	}
	return storage.NewSecret(response.GetAccessToken()), nil
}
