package integration

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/clients"
)

// Access tokens (RFC 9068 section 2): exactly these claims, said alike by the
// token, the answer that it came in, and introspection; and lifetimes of the
// application's choice up to the server's.
func TestAccessToken(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_ACCESS_TOKEN_LIFETIME=30m")
		t.Run("claims", func(t *testing.T) { checkClaims(t, i) })
		t.Run("lifetimes", func(t *testing.T) { checkLifetimes(t, i) })
		t.Run("expiry", func(t *testing.T) { checkExpiry(t, i) })
	})
}

func checkClaims(t *testing.T, i *instance) {
	const tickets = "https://tickets.test/v1"
	i.run("resource-server", "create", "--name", "Tickets", "--identifier", tickets)
	globex := i.bootstrap("Globex").Organization.ID
	application := i.application("issues", "projects:read")
	foreign := i.register(clients.ApplicationRequest{OrganizationID: globex, Scopes: []string{"comments"}})
	acme := i.boot.Organization.ID
	tests := []issue{
		{"all scopes", application, nil, "issues projects:read", audience, acme},
		{"one scope", application, []string{"scope", "issues:write"}, "issues:write", audience, acme},
		{"scopes in another order", application, []string{"scope", "projects:read issues projects:read"}, "projects:read issues", audience, acme},
		{"resource", application, []string{"resource", tickets}, "issues projects:read", tickets, acme},
		{"another organization", foreign, nil, "comments", audience, globex},
	}
	ids := map[string]string{}
	for _, tt := range tests {
		id := tt.check(t, i)
		if len(id) < 22 || ids[id] != "" {
			t.Errorf("%s: jti is %q, also of %q", tt.name, id, ids[id])
		}
		ids[id] = tt.name
	}
}

// issue is a token request and what comes of it.
type issue struct {
	name         string
	application  credentials
	parameters   []string
	scope        string
	audience     string
	organization int64
}

// check fetches the token and returns its jti.
func (tt issue) check(t *testing.T, i *instance) (id string) {
	t.Helper()
	before := time.Now().Unix()
	answered := i.post(t, "/oauth/token", tt.application, append([]string{"grant_type", "client_credentials"}, tt.parameters...)...).json(t)
	token, _ := answered["access_token"].(string)
	want := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 1800.0, "scope": tt.scope}
	if diff := cmp.Diff(want, answered); diff != "" {
		t.Fatalf("%s: answer (-want +got):\n%s", tt.name, diff)
	}
	claims := parseJWS(t, token).claims
	issued, _ := claims["iat"].(float64)
	if issued < float64(before) || issued > float64(time.Now().Unix()) || issued != math.Trunc(issued) {
		t.Errorf("%s: iat is %v, asked at %d", tt.name, claims["iat"], before)
	}
	id, _ = claims["jti"].(string)
	want = map[string]any{
		"iss": issuer, "sub": tt.application.id, "client_id": tt.application.id, "aud": tt.audience, "scope": tt.scope,
		"organization_id": float64(tt.organization), "iat": issued, "exp": issued + 1800, "jti": id,
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("%s: claims (-want +got):\n%s", tt.name, diff)
	}
	seen := i.introspect(t, tt.application, token)
	for name, value := range want {
		if seen[name] != value {
			t.Errorf("%s: introspection has %s %v, the token %v", tt.name, name, seen[name], value)
		}
	}
	return id
}

// checkLifetimes wants what the application says, or the server if that is less.
func checkLifetimes(t *testing.T, i *instance) {
	for lifetime, want := range map[time.Duration]float64{
		0: 1800, time.Second: 1, time.Minute: 60, 30 * time.Minute: 1800, time.Hour: 1800, 90 * 24 * time.Hour: 1800,
	} {
		application := i.register(clients.ApplicationRequest{Scopes: []string{"issues"}, AccessTokenLifetime: lifetime})
		answered := i.post(t, "/oauth/token", application, "grant_type", "client_credentials").json(t)
		token, _ := answered["access_token"].(string)
		claims := parseJWS(t, token).claims
		exp, _ := claims["exp"].(float64)
		iat, _ := claims["iat"].(float64)
		if answered["expires_in"] != want || exp-iat != want {
			t.Errorf("application's lifetime %s: expires_in %v, exp-iat %v, want %v", lifetime, answered["expires_in"], exp-iat, want)
		}
	}
}

// checkExpiry waits for the end of a token's life.
func checkExpiry(t *testing.T, i *instance) {
	application := i.register(clients.ApplicationRequest{Scopes: []string{"issues"}, AccessTokenLifetime: 2 * time.Second})
	token := i.fetch(t, application)
	exp, _ := parseJWS(t, token).claims["exp"].(float64)
	expires := time.Unix(int64(exp), 0)
	if active := i.active(t, token); !active && time.Now().Before(expires) {
		t.Error("not active, and it has not expired")
	}
	eventually(t, func() error {
		asked := time.Now()
		a := i.post(t, "/oauth/introspect", i.resourceServer(), "token", token)
		answered := time.Now()
		switch {
		case a.status == http.StatusOK && a.body == inactive && !answered.Before(expires):
			return nil
		case a.json(t)["active"] != true:
			t.Errorf("%s before its expiry: %d %q", expires.Sub(answered), a.status, a.body)
		case !asked.Before(expires):
			t.Errorf("active %s after its expiry", asked.Sub(expires))
		}
		return errors.New("still active")
	})
}
