package integration

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Revocation: who may end a token, and what the answer promises.
func TestRFC7009(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		t.Run("access token", func(t *testing.T) { checkAccessTokenRevocation(t, i) })
		t.Run("another's access token", func(t *testing.T) { checkForeignRevocation(t, i) })
		t.Run("opaque token", func(t *testing.T) { checkOpaqueRevocation(t, i) })
		t.Run("nothing to revoke", func(t *testing.T) { checkRevocationOfNothing(t, i) })
		t.Run("hint", func(t *testing.T) { checkRevocationHints(t, i) })
	})
}

// checkRevoked compares an answer with the one that says that it is done.
func checkRevoked(t testing.TB, a answer) {
	t.Helper()
	checkUncached(t, a)
	if a.status != http.StatusOK || a.body != "" || a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("answered %d %q", a.status, a.body)
	}
}

// checkAccessTokenRevocation ends access tokens for the application that has them.
func checkAccessTokenRevocation(t *testing.T, i *instance) {
	c := i.application("issues")
	for name, revoke := range map[string]func(token string) answer{
		"with client_secret_basic": func(token string) answer { return i.post(t, "/oauth/revoke", c, "token", token) },
		"with client_secret_post": func(token string) answer {
			return i.post(t, "/oauth/revoke", credentials{}, "token", token, "client_id", c.id, "client_secret", c.secret)
		},
		"with another secret than it was fetched with": func(token string) answer {
			return i.post(t, "/oauth/revoke", credentials{c.id, i.addSecret(c, time.Time{})}, "token", token)
		},
	} {
		t.Run(name, func(t *testing.T) {
			token, sibling := i.fetch(t, c), i.fetch(t, c)
			checkRevoked(t, revoke(token))
			checkRevoked(t, revoke(token)) // again
			for who, asks := range map[string]credentials{"the resource server": i.resourceServer(), "the application": c} {
				if a := i.post(t, "/oauth/introspect", asks, "token", token); a.status != http.StatusOK || a.body != `{"active":false}` {
					t.Errorf("%s is told %d %s of a revoked token", who, a.status, a.body)
				}
			}
			if !i.active(t, sibling) {
				t.Error("another token of the application has ended, too")
			}
		})
	}
	t.Run("whatever else has become of it", func(t *testing.T) {
		short := i.register(clients.ApplicationRequest{Scopes: storage.NewScopes("issues"), AccessTokenLifetime: time.Second})
		expired := i.fetch(t, short)
		eventually(t, func() error {
			if i.active(t, expired) {
				return errors.New("a token of one second does not expire")
			}
			return nil
		})
		checkRevoked(t, i.post(t, "/oauth/revoke", short, "token", expired))
	})
}

// checkForeignRevocation tries to end an access token as everybody whose it is
// not. It is refused, never answered as if it were done.
func checkForeignRevocation(t *testing.T, i *instance) {
	owner := i.application("issues")
	disabled, closed := i.application("issues"), i.application("issues")
	ofDisabled, ofClosed := i.fetch(t, disabled), i.fetch(t, closed)
	i.disable(disabled)
	i.closeSecret(closed)
	globex := i.bootstrap("Globex")
	abroad := i.register(clients.ApplicationRequest{OrganizationID: globex.Organization.ID, Scopes: storage.NewScopes("issues")})
	unauthorized := refusal{Status: 400, Code: "unauthorized_client"}
	token := i.fetch(t, owner)
	bearer := []string{"Authorization", "Bearer " + i.boot.WorkspaceAPIToken.Token}
	for name, tt := range map[string]struct {
		who     credentials
		token   string
		headers []string
		want    refusal
	}{
		"another application":                    {i.application("issues", "admin"), token, nil, unauthorized},
		"an application elsewhere":               {abroad, token, nil, unauthorized},
		"the resource server":                    {i.resourceServer(), token, nil, unauthorized},
		"nobody":                                 {credentials{}, token, nil, invalidClient},
		"an admin's token":                       {credentials{}, token, bearer, invalidClient},
		"the token itself":                       {credentials{}, token, []string{"Authorization", "Bearer " + token}, invalidClient},
		"the owner with a wrong secret":          {credentials{owner.id, wrongSecret}, token, nil, invalidClient},
		"a disabled owner":                       {disabled, ofDisabled, nil, invalidClient},
		"an owner whose secret is closed":        {closed, ofClosed, nil, invalidClient},
		"another application, of a disabled one": {owner, ofDisabled, nil, unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.who.id != "" {
				tt.headers = append(tt.headers, "Authorization", basic(tt.who.id, tt.who.secret))
			}
			checkRefused(t, i.postRaw(t, "/oauth/revoke", form("token", tt.token), tt.headers...), tt.want)
		})
	}
	for name, alive := range map[string]string{"the owner's": token, "the one of a closed secret": ofClosed} {
		if !i.active(t, alive) {
			t.Errorf("%s was revoked by somebody else", name)
		}
	}
}

// checkOpaqueRevocation ends opaque tokens by holding them.
func checkOpaqueRevocation(t *testing.T, i *instance) {
	none, c := credentials{}, i.application("issues")
	kinds := map[string]func() string{
		"workspace token": func() string { return i.workspaceToken(time.Time{}).Secret.Reveal() },
		"session":         func() string { return i.session().Secret.Reveal() },
		"extension key":   func() string { return i.extension("issues").Key.Secret.Reveal() },
	}
	for kind, issue := range kinds {
		for name, tt := range map[string]struct {
			who        credentials
			parameters []string
			headers    []string
		}{
			"by its holder":                   {},
			"by a holder who names itself":    {parameters: []string{"client_id", "workspace_api_token:1"}},
			"by a holder with another's":      {headers: []string{"Authorization", "Bearer " + i.boot.WorkspaceAPIToken.Token}},
			"by a client that has found it":   {who: c},
			"by the resource server that has": {who: i.resourceServer()},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				token, sibling := issue(), issue()
				if !i.active(t, token) {
					t.Fatal("not active to begin with")
				}
				if tt.who != none {
					tt.headers = append(tt.headers, "Authorization", basic(tt.who.id, tt.who.secret))
				}
				body := form(append([]string{"token", token}, tt.parameters...)...)
				checkRevoked(t, i.postRaw(t, "/oauth/revoke", body, tt.headers...))
				if i.active(t, token) || !i.active(t, sibling) {
					t.Errorf("active: %t, its sibling: %t", i.active(t, token), i.active(t, sibling))
				}
				checkRevoked(t, i.post(t, "/oauth/revoke", none, "token", token)) // again
			})
		}
	}
	for name, tt := range map[string]struct {
		body    string
		headers []string
		want    refusal
	}{
		"a wrong secret":              {"", []string{"Authorization", basic(c.id, wrongSecret)}, invalidClient},
		"a wrong secret, in the body": {"&" + form("client_id", c.id, "client_secret", wrongSecret), nil, invalidClient},
		"two methods":                 {"&" + form("client_id", c.id, "client_secret", c.secret), []string{"Authorization", basic(c.id, c.secret)}, invalidRequest},
		"a second token":              {"&token=x", nil, invalidRequest},
	} {
		t.Run("not with "+name, func(t *testing.T) {
			token := i.workspaceToken(time.Time{}).Secret.Reveal()
			checkRefused(t, i.postRaw(t, "/oauth/revoke", form("token", token)+tt.body, tt.headers...), tt.want)
			if !i.active(t, token) {
				t.Error("revoked all the same")
			}
		})
	}
}

// checkRevocationOfNothing asks to end what is not there. What cannot be used is
// as good as revoked (RFC 7009 section 2.2).
func checkRevocationOfNothing(t *testing.T, i *instance) {
	none, c := credentials{}, i.application("issues")
	token := i.fetch(t, c)
	for name, text := range map[string]string{
		"unknown":                  tokens.Generate(tokens.PrefixWorkspaceAPIToken).Reveal(),
		"unknown key":              "kext_x",
		"a prefix alone":           "ksess_",
		"a token that was cut off": i.boot.WorkspaceAPIToken.Token[:50],
		"more than a token":        i.boot.WorkspaceAPIToken.Token + "\x00",
		"expired":                  i.expired(storage.WorkspaceAPIToken),
		"an expired session":       i.expired(storage.Session),
	} {
		t.Run(name+", by whoever holds it", func(t *testing.T) { checkRevoked(t, i.post(t, "/oauth/revoke", none, "token", text)) })
	}
	for name, text := range map[string]string{
		"unknown":                            "x",
		"a client's secret":                  c.secret,
		"tampered with":                      tampered(token),
		"a token without its signature":      token[:len(token)-86],
		"a second spelling of a token":       respelled(token),
		"a token with a space":               token + " ",
		"a JWT of somebody else":             "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl",
		"no text":                            "\x00\xff",
		"a workspace token that is none now": i.expired(storage.WorkspaceAPIToken),
	} {
		t.Run(name+", by a client", func(t *testing.T) { checkRevoked(t, i.post(t, "/oauth/revoke", c, "token", text)) })
	}
	for who, asks := range map[string]credentials{"a client": c, "nobody": none, "a wrong client": {c.id, wrongSecret}} {
		t.Run("no token, by "+who, func(t *testing.T) {
			checkRefused(t, i.post(t, "/oauth/revoke", asks), invalidRequest)
			checkRefused(t, i.post(t, "/oauth/revoke", asks, "token", "", "token_type_hint", "access_token"), invalidRequest)
			checkRefused(t, i.postRaw(t, "/oauth/revoke?"+form("token", token), "x=y", "Authorization", basic(c.id, c.secret)), invalidRequest)
		})
	}
	for name, text := range map[string]string{"an access token": token, "the bootstrap token": i.boot.WorkspaceAPIToken.Token} {
		if !i.active(t, text) {
			t.Errorf("%s has ended by it", name)
		}
	}
}

// checkRevocationHints gives every hint with every kind: a wrong one is no
// obstacle (RFC 7009 section 2.1).
func checkRevocationHints(t *testing.T, i *instance) {
	c := i.application("issues")
	for _, hint := range []string{"access_token", "refresh_token", "workspace_api_token", "urn:nonsense", "\x00"} {
		access, opaque := i.fetch(t, c), i.workspaceToken(time.Time{}).Secret.Reveal()
		checkRevoked(t, i.post(t, "/oauth/revoke", c, "token", access, "token_type_hint", hint))
		checkRevoked(t, i.post(t, "/oauth/revoke", credentials{}, "token", opaque, "token_type_hint", hint))
		if i.active(t, access) || i.active(t, opaque) {
			t.Errorf("hint %q: access token active: %t, workspace token: %t", hint, i.active(t, access), i.active(t, opaque))
		}
	}
}

// respelled returns a JWT whose last character stands for the same bytes: a
// decoder that is not strict takes both.
func respelled(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}
