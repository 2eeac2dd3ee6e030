package provider

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/i18n"
	"github.com/ory/fosite/token/jwt"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/server/usage"
	"kiket.dev/auth/storage"
)

const clientCredentials = "client_credentials"

// Options are what a provider is made of. All fields are required.
type Options struct {
	Store interface {
		storage.Transactor
		storage.TokenStore
		storage.ClientStore
		storage.UserStore
		storage.InstallationStore
	}
	Ring                *keys.Ring
	Clients             *clients.Authenticator
	Tokens              *tokens.Service
	Usage               *usage.Recorder
	Watch               *alerts.Watch
	Failures            *audit.Failures
	Issuer              string        // iss of access tokens
	DefaultAudience     string        // aud when no resource is asked for
	AccessTokenLifetime time.Duration // upper bound for every application
	Catalogue           storage.Catalogue
	Clock               func() time.Time
}

// Provider answers the OAuth endpoints. Make one with [New].
type Provider struct {
	Options
	oauth    *fosite.Fosite
	helper   *oauth2.HandleHelper
	strategy *strategy
	store    *tokenStore
}

// Request is what an endpoint was sent.
type Request struct {
	// Form is the decoded body, without empty parameters and, but for
	// resource, without repeated ones.
	Form url.Values
	// Authorization is the value of that header, "" if there is none.
	Authorization string
	Origin        access.Origin
}

// New assembles a provider. It sets the token service's issuer to itself.
func New(o Options) *Provider {
	p := &Provider{
		Options:  o,
		strategy: &strategy{ring: o.Ring, issuer: o.Issuer, clock: o.Clock},
		store:    &tokenStore{tokens: o.Store, catalogue: o.Catalogue},
	}
	config := p.configuration()
	p.helper = &oauth2.HandleHelper{AccessTokenStrategy: p.strategy, AccessTokenStorage: p.store, Config: config}
	config.TokenEndpointHandlers = fosite.TokenEndpointHandlers{
		&oauth2.ClientCredentialsGrantHandler{HandleHelper: p.helper, Config: config},
	}
	config.TokenIntrospectionHandlers = fosite.TokenIntrospectionHandlers{
		&oauth2.CoreValidator{CoreStrategy: accessOnlyStrategy{AccessTokenStrategy: p.strategy}, CoreStorage: accessOnlyStorage{AccessTokenStorage: p.store}, Config: config},
	}
	config.RevocationHandlers = fosite.RevocationHandlers{(*revocation)(p)}
	// fosite's own store is for its own client authentication and for code
	// flows; neither is in use.
	p.oauth = fosite.NewOAuth2Provider(nil, config)
	o.Tokens.Issuer = p
	return p
}

// configuration sets every field that a flow in use reads, up front: those that
// are filled when first read would race.
func (p *Provider) configuration() *fosite.Config {
	return &fosite.Config{
		AccessTokenLifespan:           p.AccessTokenLifetime,
		DisableRefreshTokenValidation: true,
		ScopeStrategy: func(granted []string, want string) bool {
			return storage.Scopes(granted).Covers(want)
		},
		// Audiences are settled before fosite is asked.
		AudienceMatchingStrategy:     func([]string, []string) error { return nil },
		ClientAuthenticationStrategy: p.authenticateClient,
		ClientSecretsHasher:          noHasher{},
		AccessTokenIssuer:            p.Issuer,
		JWTScopeClaimKey:             jwt.JWTScopeFieldString,
		MessageCatalog:               i18n.NewDefaultMessageCatalog(nil),
	}
}

// authenticateClient is fosite's way to our authenticator.
func (p *Provider) authenticateClient(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
	current := callOf(ctx)
	if current.holder {
		return holder(""), nil
	}
	authenticated, err := p.authenticate(ctx, current.request)
	if err != nil {
		return nil, err
	}
	current.secretID = authenticated.SecretID
	return client{authenticated.Client}, nil
}

func (p *Provider) authenticate(ctx context.Context, r Request) (clients.Authenticated, error) {
	a, err := p.Clients.Authenticate(ctx, clients.Presented{Authorization: r.Authorization, Form: r.Form}, r.Origin.Address)
	if err != nil {
		return a, err
	}
	p.Usage.RecordClient(a.Client, a.SecretID, usage.Use{Address: r.Origin.Address, UserAgent: r.Origin.UserAgent})
	p.Watch.Authenticated(a.Client, alerts.Sighting{Address: r.Origin.Address, UserAgent: r.Origin.UserAgent})
	return a, nil
}

// httpRequest is the form that fosite wants a request in. It holds only the
// parameters named, so that fosite does not act on others.
func httpRequest(ctx context.Context, form url.Values, parameters ...string) *http.Request {
	kept := url.Values{}
	for _, name := range parameters {
		if form.Has(name) {
			kept[name] = form[name]
		}
	}
	r := &http.Request{Method: http.MethodPost, Form: kept, PostForm: kept, Header: http.Header{}, URL: &url.URL{}}
	return r.WithContext(ctx)
}

// noHasher matches nothing: fosite never sees a secret.
type noHasher struct{}

func (noHasher) Compare(context.Context, []byte, []byte) error { return fosite.ErrInvalidClient }

func (noHasher) Hash(context.Context, []byte) ([]byte, error) { return nil, fosite.ErrServerError }

// accessOnlyStrategy and accessOnlyStorage complete the interfaces that
// CoreValidator asks for. Refresh tokens and codes do not exist here and their
// embedded interfaces are nil: DisableRefreshTokenValidation keeps fosite away.
type (
	accessOnlyStrategy struct {
		oauth2.AccessTokenStrategy
		oauth2.RefreshTokenStrategy
		oauth2.AuthorizeCodeStrategy
	}
	accessOnlyStorage struct {
		oauth2.AccessTokenStorage
		oauth2.RefreshTokenStorage
		oauth2.AuthorizeCodeStorage
	}
)
