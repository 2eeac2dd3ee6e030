package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// The keys of applications: registered, shown, changed, and what that does.
func TestClientKeys(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"what is kept": keysThatAreKept, "what is refused": keysThatAreRefused, "rotation": rotateClientKeys,
			"from a secret to keys": fromSecretToKeys, "which key": whichKey, "who may": whoMayChangeKeys,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func keysThatAreKept(t *testing.T, i *instance) {
	pair := newKeyPair(t, jose.ES256, "k1")
	public := pair.jwk(t, nil)
	told := pair.jwk(t, map[string]any{"use": "sig", "alg": "ES256", "key_ops": []string{"verify"}, "x5t": "AAAA", "note": "of the nightly export"})
	_, application := i.registerKeyed(t, pair, map[string]any{"jwks": with(jwks(told), map[string]any{"version": 2})})
	want := map[string]any{"keys": []any{with(public, map[string]any{"use": "sig", "alg": "ES256"})}}
	shown := i.shown(t, application)
	if diff := cmp.Diff(want, shown.JWKS); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if shown.JWKSURI != nil || shown.TokenURLAudience || !slices.Equal(shown.AuthMethods, []string{"private_key_jwt"}) {
		t.Errorf("shown %+v", shown)
	}
	// Keys say enough by themselves.
	if _, implied := i.registerKeyed(t, pair, map[string]any{"token_endpoint_auth_method": nil}); implied.AuthMethod != "private_key_jwt" || implied.ClientSecret != "" {
		t.Errorf("registered with keys and no method: %+v", implied)
	}
	published := read[oauthApplication](t, i.call(t, "POST", "/oauth_applications", i.admin(), map[string]any{
		"name": "Published", "scopes": []string{"issues"}, "jwks_uri": "https://client.example.com/keys.json",
	}), http.StatusCreated)
	if published.AuthMethod != "private_key_jwt" || published.JWKSURI == nil || *published.JWKSURI != "https://client.example.com/keys.json" || published.JWKS != nil {
		t.Errorf("registered with an address: %+v", published)
	}
	// One takes the other's place.
	if moved := i.patch(t, published, map[string]any{"jwks": keySetOf(t, pair)}); moved.JWKSURI != nil || moved.JWKS == nil {
		t.Errorf("with keys instead: %+v", moved)
	}
	if moved := i.patch(t, published, map[string]any{"jwks_uri": "https://client.example.com/2"}); moved.JWKSURI == nil || moved.JWKS != nil {
		t.Errorf("with an address instead: %+v", moved)
	}
}

func keysThatAreRefused(t *testing.T, i *instance) {
	pair, rsa := newKeyPair(t, jose.ES256, "k1"), newKeyPair(t, jose.RS256, "")
	private, err := jose.JSONWebKey{Key: pair.private}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	_, keyed := i.registerKeyed(t, pair, nil)
	for name, tt := range map[string]struct {
		members map[string]any
		field   string
		says    string
	}{
		"a private key":       {map[string]any{"jwks": fmt.Sprintf(`{"keys":[%s]}`, private)}, "jwks", ""},
		"a symmetric key":     {map[string]any{"jwks": jwks(map[string]any{"kty": "oct", "k": "c2VjcmV0"})}, "jwks", "keys[0]"},
		"the second is wrong": {map[string]any{"jwks": jwks(pair.jwk(t, nil), pair.jwk(t, map[string]any{"x": nil}))}, "jwks", "keys[1]"},
		"for encryption":      {map[string]any{"jwks": jwks(pair.jwk(t, map[string]any{"use": "enc"}))}, "jwks", "use"},
		"another algorithm":   {map[string]any{"jwks": jwks(rsa.jwk(t, map[string]any{"alg": "ES256"}))}, "jwks", "alg"},
		"no keys":             {map[string]any{"jwks": map[string]any{"keys": []any{}}}, "jwks", "1 to 20"},
		"a list":              {map[string]any{"jwks": []any{}}, "jwks", ""},
		"text":                {map[string]any{"jwks": "x"}, "jwks", ""},
		"http":                {map[string]any{"jwks": nil, "jwks_uri": "http://client.example.com/keys"}, "jwks_uri", "https"},
		"loopback":            {map[string]any{"jwks": nil, "jwks_uri": "https://127.0.0.1/keys"}, "jwks_uri", "public"},
		"a private network":   {map[string]any{"jwks": nil, "jwks_uri": "https://[fd00::1]/keys"}, "jwks_uri", "public"},
		"the cloud's own":     {map[string]any{"jwks": nil, "jwks_uri": "https://169.254.169.254/latest"}, "jwks_uri", "public"},
		"a password":          {map[string]any{"jwks": nil, "jwks_uri": "https://a:b@client.example.com/keys"}, "jwks_uri", ""},
		"no address":          {map[string]any{"jwks": nil, "jwks_uri": "keys"}, "jwks_uri", ""},
		"neither":             {map[string]any{"jwks": nil}, "jwks", "needs"},
	} {
		body := with(map[string]any{
			"name": "a", "scopes": []string{"issues"}, "token_endpoint_auth_method": "private_key_jwt", "jwks": keySetOf(t, pair),
		}, tt.members)
		if text, ok := body["jwks"].(string); ok && strings.HasPrefix(text, "{") {
			body["jwks"] = rawJSON(text)
		}
		a := i.call(t, "POST", "/oauth_applications", i.admin(), body)
		a.wantInvalid(t, tt.field)
		if !strings.Contains(a.body, tt.says) || strings.Contains(a.body, "c2VjcmV0") || strings.Contains(a.body, string(private[:40])) {
			t.Errorf("%s: refused with %s", name, a.body)
		}
		change := map[string]any{}
		for member, value := range tt.members {
			change[member] = value
		}
		if text, ok := change["jwks"].(string); ok && strings.HasPrefix(text, "{") {
			change["jwks"] = rawJSON(text)
		}
		i.call(t, "PATCH", keyed.path(), i.admin(), change).wantInvalid(t, tt.field)
	}
	i.call(t, "POST", keyed.path()+"/secrets", i.admin(), nil).wantProblem(t, http.StatusConflict, "no_secrets")
	if diff := cmp.Diff(keyed, i.shown(t, keyed)); diff != "" {
		t.Errorf("refused changes have changed it (-before +after):\n%s", diff)
	}
}

// rawJSON is sent as it is.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// rotateClientKeys changes keys with an overlap, as a set can hold several.
func rotateClientKeys(t *testing.T, i *instance) {
	before, after := newKeyPair(t, jose.ES256, "2026-1"), newKeyPair(t, jose.EdDSA, "2026-2")
	c, application := i.registerKeyed(t, before, nil)
	next := keyedClient{c.id, after}
	refusedClient(t, "not registered yet", i.tokenFor(t, next.assert(t, nil)))
	i.patch(t, application, map[string]any{"jwks": keySetOf(t, before, after)})
	token := i.fetchAsserted(t, c)
	i.fetchAsserted(t, next)
	i.patch(t, application, map[string]any{"jwks": keySetOf(t, after)})
	refusedClient(t, "no longer registered", i.tokenFor(t, c.assert(t, nil)))
	i.fetchAsserted(t, next)
	if !i.active(t, token) {
		t.Error("a token has ended with the key that fetched it")
	}
	i.call(t, "DELETE", application.path()+"/tokens", i.admin(), nil).want(t, http.StatusNoContent)
	if i.active(t, token) {
		t.Error("the tokens of the application are revoked, and one is active")
	}
}

func fromSecretToKeys(t *testing.T, i *instance) {
	application := i.registered(t, "Goes over", "issues")
	pair := newKeyPair(t, jose.ES384, "")
	keyed := keyedClient{application.ClientID, pair}
	// The keys first, which changes nothing; then both, then keys alone.
	if now := i.patch(t, application, map[string]any{"jwks": keySetOf(t, pair)}); len(now.AuthMethods) != 2 || len(now.Secrets) != 1 {
		t.Errorf("with keys: %+v", now)
	}
	refusedClient(t, "keys that it may not use yet", i.tokenFor(t, keyed.assert(t, nil)))
	i.patch(t, application, map[string]any{"token_endpoint_auth_methods": []string{"client_secret_basic", "private_key_jwt"}})
	if !i.opens(t, application.credentials()) {
		t.Error("the secret does not work beside keys")
	}
	i.fetchAsserted(t, keyed)
	if now := i.patch(t, application, map[string]any{"token_endpoint_auth_method": "private_key_jwt"}); len(now.Secrets) != 0 {
		t.Errorf("keys alone: %+v", now)
	}
	if i.opens(t, application.credentials()) {
		t.Error("the secret works although the application has keys alone")
	}
	i.fetchAsserted(t, keyed)
	// Back again, with another secret: the one before stays closed.
	i.patch(t, application, map[string]any{"token_endpoint_auth_method": nil, "jwks": nil})
	again := i.rotateSecret(t, application, nil)
	if i.opens(t, application.credentials()) || !i.opens(t, again.credentials()) {
		t.Error("back again the first secret works, or the new one does not")
	}
	refusedClient(t, "keys that are gone", i.tokenFor(t, keyed.assert(t, nil)))
}

// whichKey is found with and without kid, use and alg, also among several.
func whichKey(t *testing.T, i *instance) {
	one, two, nameless := newKeyPair(t, jose.ES256, "one"), newKeyPair(t, jose.ES256, "two"), newKeyPair(t, jose.ES256, "")
	c, _ := i.registerKeyed(t, one, map[string]any{"jwks": jwks(
		newKeyPair(t, jose.EdDSA, "one").jwk(t, nil), two.jwk(t, map[string]any{"use": "sig"}),
		nameless.jwk(t, nil), one.jwk(t, map[string]any{"alg": "ES256"}), newKeyPair(t, jose.RS256, "").jwk(t, nil),
	)})
	named := func(pair keyPair, kid string) string {
		pair.kid = kid
		return keyedClient{c.id, pair}.assert(t, nil)
	}
	for name, assertion := range map[string]string{
		"the first":                 named(one, "one"),
		"the second":                named(two, "two"),
		"the first, unnamed":        named(one, ""),
		"the second, unnamed":       named(two, ""),
		"the nameless":              named(nameless, ""),
		"the nameless by a name":    named(nameless, "thumbprint"),
		"the nameless by another's": named(nameless, "two"),
		"RSA, unnamed":              named(newKeyPair(t, jose.RS256, ""), ""),
		"RSA with another padding":  named(newKeyPair(t, jose.PS256, ""), ""),
		"RSA with a longer hash":    named(newKeyPair(t, jose.RS512, ""), ""),
	} {
		if a := i.tokenFor(t, assertion); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	refusedClient(t, "the first by the second's name", i.tokenFor(t, named(one, "two")))
	refusedClient(t, "another case of the name", i.tokenFor(t, named(one, "One")))
}

// Who may give an application keys may do what it may.
func whoMayChangeKeys(t *testing.T, i *instance) {
	some := i.mint(t, i.admin(), "some", "admin", "issues:read").Token
	pair := newKeyPair(t, jose.ES256, "")
	_, more := i.registerKeyed(t, pair, map[string]any{"scopes": []string{"projects"}})
	for _, change := range []map[string]any{
		{"jwks": keySetOf(t, pair, newKeyPair(t, jose.ES256, ""))},
		{"jwks_uri": "https://client.example.com/keys"},
		{"token_endpoint_auth_methods": []string{"private_key_jwt", "client_secret_post"}},
		{"token_url_audience": true},
	} {
		i.call(t, "PATCH", more.path(), some, change).wantProblem(t, http.StatusForbidden, "forbidden")
	}
	i.call(t, "PATCH", more.path(), some, map[string]any{"name": "renamed", "jwks": keySetOf(t, pair)}).want(t, http.StatusOK)
	if now := i.shown(t, more); now.Name != "renamed" || len(now.AuthMethods) != 1 {
		t.Errorf("now it is %+v", now)
	}
}
