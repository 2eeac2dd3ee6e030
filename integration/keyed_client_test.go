package integration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// assertionType is that of RFC 7523 section 2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// keyPair is a key that a client signs with.
type keyPair struct {
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
	kid       string // "" for none
}

// sharedRSAKey is one for all tests: making one takes long.
var sharedRSAKey = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newKeyPair(t testing.TB, algorithm jose.SignatureAlgorithm, kid string) keyPair {
	t.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jose.EdDSA, ed25519Algorithm:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = sharedRSAKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{algorithm, private, kid}
}

// jwk is the public key; members changes it, nil takes one away.
func (k keyPair) jwk(t testing.TB, members map[string]any) map[string]any {
	t.Helper()
	text, err := jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	public := map[string]any{}
	if err := json.Unmarshal(text, &public); err != nil {
		t.Fatal(err)
	}
	return with(public, members)
}

// jwks is a JWK Set.
func jwks(keys ...map[string]any) map[string]any { return map[string]any{"keys": keys} }

func keySetOf(t testing.TB, pairs ...keyPair) map[string]any {
	t.Helper()
	set := []map[string]any{}
	for _, pair := range pairs {
		set = append(set, pair.jwk(t, nil))
	}
	return jwks(set...)
}

// with returns the members after a change; nil takes one away.
func with(members, change map[string]any) map[string]any {
	changed := maps.Clone(members)
	for name, value := range change {
		if value == nil {
			delete(changed, name)
			continue
		}
		changed[name] = value
	}
	return changed
}

// keyedClient is a client that signs assertions.
type keyedClient struct {
	id  string
	key keyPair
}

// assert signs an assertion, with the claims that the issuer wants and no two alike,
// after a change of them.
func (c keyedClient) assert(t testing.TB, change map[string]any) string {
	t.Helper()
	return c.assertWith(t, nil, change)
}

// assertWith does so with further header parameters; typ is JWT without another one,
// and nil takes it away.
func (c keyedClient) assertWith(t testing.TB, header, change map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	claims, err := json.Marshal(with(map[string]any{
		"iss": c.id, "sub": c.id, "aud": issuer, "jti": rand.Text(), "iat": now, "exp": now + 60,
	}, change))
	if err != nil {
		t.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if c.key.kid != "" {
		options = options.WithHeader("kid", c.key.kid)
	}
	for name, value := range header {
		if value == nil {
			delete(options.ExtraHeaders, jose.HeaderKey(name))
			continue
		}
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	if c.key.algorithm == ed25519Algorithm {
		return c.signFullySpecified(t, options.ExtraHeaders, claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: c.key.algorithm, Key: c.key.private}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ed25519Algorithm is the name of RFC 9864, which go-jose does not know.
const ed25519Algorithm jose.SignatureAlgorithm = "Ed25519"

func (c keyedClient) signFullySpecified(t testing.TB, header map[jose.HeaderKey]any, claims []byte) string {
	t.Helper()
	head := map[string]any{"alg": ed25519Algorithm}
	for name, value := range header {
		head[string(name)] = value
	}
	encoded, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	input := base64url.EncodeToString(encoded) + "." + base64url.EncodeToString(claims)
	signature, err := c.key.private.Sign(rand.Reader, []byte(input), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64url.EncodeToString(signature)
}

// registerKeyed registers an application with keys over the management API.
func (i *instance) registerKeyed(t testing.TB, key keyPair, change map[string]any) (keyedClient, oauthApplication) {
	t.Helper()
	a := read[oauthApplication](t, i.call(t, "POST", "/oauth_applications", i.admin(), with(map[string]any{
		"name": "Application with keys", "scopes": []string{"issues"},
		"token_endpoint_auth_method": "private_key_jwt", "jwks": keySetOf(t, key),
	}, change)), http.StatusCreated)
	return keyedClient{a.ClientID, key}, a
}

// postAsserted posts a form with an assertion.
func (i *instance) postAsserted(t testing.TB, path, assertion string, parameters ...string) answer {
	t.Helper()
	return i.post(t, path, credentials{}, append([]string{"client_assertion_type", assertionType, "client_assertion", assertion}, parameters...)...)
}

// tokenFor asks for a token with an assertion.
func (i *instance) tokenFor(t testing.TB, assertion string, parameters ...string) answer {
	t.Helper()
	return i.postAsserted(t, "/oauth/token", assertion, append([]string{"grant_type", "client_credentials"}, parameters...)...)
}

// fetchAsserted fetches a token that must be given.
func (i *instance) fetchAsserted(t testing.TB, c keyedClient, parameters ...string) string {
	t.Helper()
	token, _ := i.tokenFor(t, c.assert(t, nil), parameters...).want(t, http.StatusOK)["access_token"].(string)
	if token == "" {
		t.Fatal("no access token")
	}
	return token
}

// refusedClient is the one answer to a client that did not prove who it is.
func refusedClient(t testing.TB, name string, a answer) {
	t.Helper()
	want := `{"error":"invalid_client","error_description":"client authentication failed"}`
	if a.status != http.StatusUnauthorized || a.body != want || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("%s: %d %s, challenge %q", name, a.status, a.body, a.header.Get("WWW-Authenticate"))
	}
}

// asserted is the form of a request with an assertion.
func asserted(assertion string) presentation {
	return presentation{parameters: url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}}
}
