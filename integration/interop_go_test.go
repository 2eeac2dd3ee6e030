package integration

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Other people's Go libraries, as their documentation tells to use them.
func TestInteropGo(t *testing.T) {
	t.Parallel()
	i := startAtIssuer(t, sqlite, "KIKET_AUTH_JWKS_MAX_AGE=1s")
	t.Run("x/oauth2", func(t *testing.T) { checkOAuth2(t, i) })
	t.Run("x/oauth2 refused", func(t *testing.T) { checkOAuth2Refusals(t, i) })
	t.Run("zitadel/oidc", func(t *testing.T) { checkZitadel(t, i) })
	t.Run("go-oidc", func(t *testing.T) { checkGoOIDC(t, i) })
}

func (i *instance) clientCredentials(c credentials, scopes ...string) clientcredentials.Config {
	return clientcredentials.Config{ClientID: c.id, ClientSecret: c.secret, TokenURL: i.base + "/oauth/token", Scopes: scopes}
}

// checkOAuth2 fetches tokens in every style and uses one as its client does.
func checkOAuth2(t *testing.T, i *instance) {
	application := i.application("issues", "admin")
	styles := map[string]oauth2.AuthStyle{
		"header": oauth2.AuthStyleInHeader, "parameters": oauth2.AuthStyleInParams, "auto-detect": oauth2.AuthStyleAutoDetect,
	}
	for name, style := range styles {
		config := i.clientCredentials(application, "issues:read", "admin")
		config.AuthStyle = style
		config.EndpointParams = url.Values{"resource": {i.base + "/api"}}
		token, err := config.Token(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if token.Type() != "Bearer" || !token.Valid() || token.Extra("scope") != "issues:read admin" || !i.active(t, token.AccessToken) {
			t.Errorf("%s: answered %s, valid %t, scope %v", name, token.Type(), token.Valid(), token.Extra("scope"))
		}
		if left := time.Until(token.Expiry); left < 59*time.Minute || left > time.Hour {
			t.Errorf("%s: expires in %s", name, left)
		}
	}

	config := i.clientCredentials(application)
	answered, err := config.Client(t.Context()).PostForm(i.base+"/oauth/introspect", url.Values{"token": {i.boot.WorkspaceAPIToken.Token}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answered.Body.Close() }()
	body, err := io.ReadAll(answered.Body)
	if err != nil || answered.StatusCode != http.StatusOK || !strings.Contains(string(body), `"token_kind":"workspace_api_token"`) {
		t.Errorf("introspection with the fetched token: %d %s %v", answered.StatusCode, body, err)
	}
}

// checkOAuth2Refusals reads errors as the library parses them.
func checkOAuth2Refusals(t *testing.T, i *instance) {
	application := i.application("issues")
	wrong := credentials{application.id, i.application("issues").secret}
	tests := []struct {
		name       string
		client     credentials
		scope      string
		parameters url.Values
		status     int
		code       string
	}{
		{"secret of another", wrong, "issues", nil, http.StatusUnauthorized, "invalid_client"},
		{"no such client", credentials{"app_0", wrong.secret}, "issues", nil, http.StatusUnauthorized, "invalid_client"},
		{"scope beyond", application, "projects", nil, http.StatusBadRequest, "invalid_scope"},
		{"resource of nobody", application, "issues", url.Values{"resource": {"https://nobody.test"}}, http.StatusBadRequest, "invalid_target"},
		{"another grant", application, "issues", url.Values{"grant_type": {"password"}}, http.StatusBadRequest, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
			config := i.clientCredentials(tt.client, tt.scope)
			config.AuthStyle, config.EndpointParams = style, tt.parameters
			_, err := config.Token(t.Context())
			var refused *oauth2.RetrieveError
			if !errors.As(err, &refused) {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if refused.Response.StatusCode != tt.status || refused.ErrorCode != tt.code || refused.ErrorDescription == "" {
				t.Errorf("%s: %d %s %q, want %d %s and a description", tt.name, refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription, tt.status, tt.code)
			}
		}
	}
}

// checkGoOIDC verifies access tokens with nothing but what discovery told, and
// goes on doing so when the signing key changes under way.
func checkGoOIDC(t *testing.T, i *instance) {
	provider, err := oidc.NewProvider(t.Context(), i.base)
	if err != nil {
		t.Fatal(err)
	}
	want := oauth2.Endpoint{AuthURL: i.base + "/oauth/authorize", TokenURL: i.base + "/oauth/token"}
	if diff := cmp.Diff(want, provider.Endpoint()); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	// Without a list the library expects ID tokens, of RS256 alone.
	algorithms := []string{oidc.ES256}
	verifier := provider.Verifier(&oidc.Config{ClientID: i.base + "/api", SupportedSigningAlgs: algorithms})
	application := i.application("issues")
	before := i.fetch(t, application)
	fresh, _ := i.rotated()
	after := signedBy(t, []*instance{i}, application, func(kid string) bool { return kid == fresh })[0]
	for name, token := range map[string]string{"before": before, "after": after} {
		verified, err := verifier.Verify(t.Context(), token)
		if err != nil {
			t.Errorf("a token of %s the rotation: %v", name, err)
			continue
		}
		var claims struct{ Scope string }
		if err := verified.Claims(&claims); err != nil || verified.Subject != application.id || claims.Scope != "issues" {
			t.Errorf("subject %s, scope %s, %v", verified.Subject, claims.Scope, err)
		}
	}
	elsewhere := provider.Verifier(&oidc.Config{ClientID: "https://elsewhere.test/api", SupportedSigningAlgs: algorithms})
	if _, err := elsewhere.Verify(t.Context(), after); err == nil {
		t.Error("verified for an audience that it is not meant for")
	}
}

// checkZitadel introspects as a resource server.
func checkZitadel(t *testing.T, i *instance) {
	introspect := func(ctx context.Context, c credentials, token string) (*zitadel.IntrospectionResponse, error) {
		server, err := rs.NewResourceServerClientCredentials(ctx, i.base, c.id, c.secret)
		if err != nil {
			t.Fatal(err)
		}
		return rs.Introspect[*zitadel.IntrospectionResponse](ctx, server, token)
	}
	application := i.application("issues", "projects:read")
	seen, err := introspect(t.Context(), i.resourceServer(), i.fetch(t, application))
	if err != nil {
		t.Fatal(err)
	}
	if !seen.Active || seen.ClientID != application.id || seen.Subject != application.id || seen.Issuer != i.base || seen.TokenType != "Bearer" ||
		!cmp.Equal([]string(seen.Audience), []string{i.base + "/api"}) || !cmp.Equal([]string(seen.Scope), []string{"issues", "projects:read"}) ||
		seen.Expiration.AsTime().Sub(seen.IssuedAt.AsTime()) != time.Hour || seen.JWTID == "" || seen.Claims["token_kind"] != "access_token" {
		t.Errorf("an access token is seen as %+v", seen)
	}
	seen, err = introspect(t.Context(), i.resourceServer(), i.boot.WorkspaceAPIToken.Token)
	if err != nil || !seen.Active || seen.Expiration.AsTime().Year() != 9999 || seen.Claims["token_kind"] != "workspace_api_token" {
		t.Errorf("a workspace token is seen as %+v, %v", seen, err)
	}
	seen, err = introspect(t.Context(), i.resourceServer(), "unknown")
	if err != nil || !cmp.Equal(seen.Claims, map[string]any{"active": false}) {
		t.Errorf("an unknown token is seen as %+v, %v", seen, err)
	}
	if seen, err = introspect(t.Context(), credentials{application.id, i.resourceServer().secret}, "unknown"); err == nil {
		t.Errorf("a wrong secret is told %+v", seen)
	}
}
