package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/usage"
	"kiket.dev/auth/storage"
)

// Introspection is an answer about a token (RFC 7662 section 2.2).
type Introspection struct {
	Active bool
	// Audience is who asked, by all names that it has: the client id, and the
	// identifier of a resource server.
	Audience   []string
	Credential storage.Credential
	Scopes     storage.Scopes
}

// Introspect answers an introspection request of a resource server, an
// application, or the bearer of a token with the scope admin. Whoever may not
// see the token is told that it is not active.
func (p *Provider) Introspect(ctx context.Context, r Request) (Introspection, error) {
	viewer, err := p.viewer(ctx, r)
	if err != nil {
		return Introspection{}, translate(err)
	}
	token := r.Form.Get("token")
	if token == "" {
		return Introspection{}, refuse(InvalidRequest, "token is missing")
	}
	wanted := storage.ParseScopes(r.Form.Get("scope"))
	seen := alerts.Sighting{Address: r.Form.Get("client_ip"), UserAgent: r.Form.Get("user_agent"), By: viewer.server.Name}
	c, scopes, err := p.look(ctx, token, wanted...)
	switch {
	case errors.Is(err, ErrInactive):
		if viewer.serves && viewer.sees(c) {
			p.Watch.Inactive(c, seen)
		}
		return Introspection{Audience: viewer.names}, nil
	case errors.Is(err, ErrInsufficientScope):
		return Introspection{Audience: viewer.names}, nil
	case err != nil:
		return Introspection{}, err
	case !viewer.sees(c):
		return Introspection{Audience: viewer.names}, nil
	}
	if viewer.serves {
		p.Usage.Record(c, usage.Use{Address: seen.Address, UserAgent: seen.UserAgent, Server: viewer.server, Scopes: wanted})
		p.Watch.Used(c, seen)
	}
	return Introspection{Active: true, Audience: viewer.names, Credential: c, Scopes: scopes}, nil
}

// viewer is who asks about a token.
type viewer struct {
	server storage.Client // zero: none
	names  []string       // see Introspection.Audience
	sees   func(storage.Credential) bool
	// serves says that the viewer is a resource server, whose question means
	// that the token is being used.
	serves bool
}

func (p *Provider) viewer(ctx context.Context, r Request) (viewer, error) {
	presented := clients.Presented{Authorization: r.Authorization, Form: r.Form}
	if token, bearer := bearerToken(r.Authorization); bearer {
		if presented.Any() {
			return viewer{}, refuse(InvalidRequest, "more than one method of authentication")
		}
		return p.bearerViewer(ctx, token, r.Origin)
	}
	a, err := p.authenticate(ctx, r)
	if err != nil {
		return viewer{}, err
	}
	if a.Client.Kind == storage.ResourceServer {
		return viewer{server: a.Client, names: []string{a.Client.ClientID, a.Client.Identifier}, serves: true, sees: func(c storage.Credential) bool {
			mine := a.Client.OrganizationID == 0 || a.Client.OrganizationID == c.Token.OrganizationID
			return mine && c.Token.Audience == a.Client.Identifier
		}}, nil
	}
	return viewer{names: []string{a.Client.ClientID}, sees: func(c storage.Credential) bool {
		return c.Token.Kind == storage.AccessToken && c.Token.ClientID == a.Client.ID
	}}, nil
}

func (p *Provider) bearerViewer(ctx context.Context, token string, origin access.Origin) (viewer, error) {
	c, err := p.Bearer(ctx, token, origin, storage.ScopeAdmin)
	if err != nil {
		return viewer{}, err
	}
	if !c.Scopes(p.Catalogue).Covers(storage.ScopeAdmin) {
		return viewer{}, refuse(InsufficientScope, "introspection needs the scope admin")
	}
	return viewer{names: []string{c.PublicClientID()}, sees: func(other storage.Credential) bool {
		return other.Token.OrganizationID == c.Token.OrganizationID
	}}, nil
}

// Bearer returns the active credential that somebody presents to this server
// itself, and records its use for those of the scopes that it permits; whether it
// permits all is left to the caller. It returns an [*Error] with [InvalidToken], a
// *clients.ThrottledError if too many that were not active came from the address, or
// an error that wraps storage.ErrUnavailable.
func (p *Provider) Bearer(ctx context.Context, token string, origin access.Origin, scopes ...string) (storage.Credential, error) {
	c, permitted, err := p.look(ctx, token)
	seen := alerts.Sighting{Address: origin.Address, UserAgent: origin.UserAgent}
	if errors.Is(err, ErrInactive) && c.Token.Audience == p.DefaultAudience {
		p.Watch.Inactive(c, seen)
	}
	switch {
	case errors.Is(err, ErrInactive), err == nil && c.Token.Audience != p.DefaultAudience:
		p.Failures.Token(c, origin)
		if wait := p.Clients.Throttle.Failed("", origin.Address); wait > 0 {
			return storage.Credential{}, &clients.ThrottledError{RetryAfter: wait}
		}
		return storage.Credential{}, refuse(InvalidToken, "the bearer token is not active")
	case err != nil:
		return storage.Credential{}, err
	}
	used := slices.DeleteFunc(storage.NewScopes(scopes...), func(scope string) bool { return !permitted.Covers(scope) })
	p.Usage.Record(c, usage.Use{Address: origin.Address, UserAgent: origin.UserAgent, Scopes: used})
	p.Watch.Used(c, seen)
	return c, nil
}

func bearerToken(authorization string) (string, bool) {
	scheme, token, _ := strings.Cut(authorization, " ")
	return strings.TrimLeft(token, " "), strings.EqualFold(scheme, "Bearer")
}

// Credential returns the active credential that the token is, if it covers the
// scopes. It returns ErrInactive, ErrInsufficientScope, or an error that wraps
// storage.ErrUnavailable.
func (p *Provider) Credential(ctx context.Context, token string, scopes ...string) (storage.Credential, error) {
	c, _, err := p.look(ctx, token, scopes...)
	if err != nil {
		return storage.Credential{}, err
	}
	return c, nil
}

// look introspects through fosite. What fosite would make an inactive token of
// although it is a failure comes back as that failure. With ErrInactive comes the
// credential if there is one, and zero otherwise.
func (p *Provider) look(ctx context.Context, token string, scopes ...string) (storage.Credential, storage.Scopes, error) {
	current := &call{}
	_, request, err := p.oauth.IntrospectToken(withCall(ctx, current), token, fosite.AccessToken, &session{}, scopes...)
	switch {
	case current.failure != nil:
		return storage.Credential{}, nil, current.failure
	case errors.Is(err, fosite.ErrInvalidScope):
		return storage.Credential{}, nil, ErrInsufficientScope
	case err != nil:
		return current.inactive, nil, ErrInactive
	}
	seen, ok := request.GetSession().(*session)
	if !ok {
		return storage.Credential{}, nil, errors.New("introspection lost its session")
	}
	return seen.credential, storage.Scopes(request.GetGrantedScopes()), nil
}
