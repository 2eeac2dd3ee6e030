package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// presentation is how a request proves who sends it: parameters of the form, and
// the Authorization header.
type presentation struct {
	parameters    url.Values
	authorization string
}

// present presents the credentials by a method of the registry of RFC 7591
// section 4.2, or by the access token type Bearer.
func (i *instance) present(t testing.TB, method string, c credentials) presentation {
	t.Helper()
	switch method {
	case "client_secret_basic":
		r := i.request(http.MethodPost, "/", "")
		r.SetBasicAuth(c.id, c.secret)
		return presentation{authorization: r.Header.Get("Authorization")}
	case "client_secret_post":
		return presentation{parameters: url.Values{"client_id": {c.id}, "client_secret": {c.secret}}}
	case "client_secret_jwt":
		return asserted(signedBySecret(t, c))
	case "private_key_jwt":
		return asserted(keyedClient{c.id, i.signsWith(t, c, jose.ES256)}.assert(t, nil))
	case "none", "tls_client_auth", "self_signed_tls_client_auth":
		return presentation{parameters: url.Values{"client_id": {c.id}}}
	case "Bearer":
		return presentation{authorization: "Bearer " + i.boot.WorkspaceAPIToken.Token}
	}
	t.Fatalf("%s is advertised, and this test does not know it", method)
	return presentation{}
}

// signedBySecret is an assertion of client_secret_jwt.
func signedBySecret(t testing.TB, c credentials) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(c.secret)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signed, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: c.id, Subject: c.id, Audience: jwt.Audience{issuer}, ID: t.Name() + now.String(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// signsWith registers a key of that algorithm with an application, beside its secret.
func (i *instance) signsWith(t testing.TB, c credentials, algorithm jose.SignatureAlgorithm) keyPair {
	t.Helper()
	pair := newKeyPair(t, algorithm, "")
	found, _ := i.client(c)
	i.call(t, "PATCH", fmt.Sprintf("/oauth_applications/%d", found.ID), i.admin(), map[string]any{
		"jwks":                        keySetOf(t, pair),
		"token_endpoint_auth_methods": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
	}).want(t, http.StatusOK)
	return pair
}

// accepted reports whether an endpoint does what it is for when the request is
// authenticated so; if it does not, it must say that authentication failed.
func (i *instance) accepted(t testing.TB, endpoint string, p presentation, application credentials) bool {
	t.Helper()
	token := i.fetch(t, application)
	form := url.Values{}
	for name, values := range p.parameters {
		form[name] = values
	}
	path := "/oauth/token"
	switch endpoint {
	case "token":
		form.Set("grant_type", "client_credentials")
	case "introspection":
		path = "/oauth/introspect"
		form.Set("token", token)
	case "revocation":
		path = "/oauth/revoke"
		form.Set("token", token)
	}
	var headers []string
	if p.authorization != "" {
		headers = []string{"Authorization", p.authorization}
	}
	a := i.postRaw(t, path, form.Encode(), headers...)
	if a.status == http.StatusUnauthorized {
		if a.json(t)["error"] != "invalid_client" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s refused with %s and the challenge %q", endpoint, a.body, a.header.Get("WWW-Authenticate"))
		}
		if !i.active(t, token) {
			t.Errorf("%s refused, and the token is revoked", endpoint)
		}
		return false
	}
	switch endpoint {
	case "token":
		token, _ := a.json(t)["access_token"].(string)
		return i.active(t, token)
	case "introspection":
		return a.json(t)["active"] == true
	}
	return a.status == http.StatusOK && !i.active(t, token)
}

// checkAdvertisedAuthentication tries every registered method at every endpoint.
func checkAdvertisedAuthentication(t *testing.T, i *instance, document map[string]any) {
	application := i.application("issues")
	known := []string{
		"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt",
		"none", "tls_client_auth", "self_signed_tls_client_auth", "Bearer",
	}
	for _, endpoint := range []string{"token", "introspection", "revocation"} {
		advertised := stringsOf(t, document, endpoint+"_endpoint_auth_methods_supported")
		methods := slices.Concat(known, advertised)
		slices.Sort(methods)
		for _, method := range slices.Compact(methods) {
			works := i.accepted(t, endpoint, i.present(t, method, application), application)
			if want := slices.Contains(advertised, method); works != want {
				t.Errorf("%s: %s is advertised: %t, and works: %t", endpoint, method, want, works)
			}
		}
		for _, algorithm := range stringsOf(t, document, endpoint+"_endpoint_auth_signing_alg_values_supported") {
			signer := keyedClient{application.id, i.signsWith(t, application, jose.SignatureAlgorithm(algorithm))}
			if !i.accepted(t, endpoint, asserted(signer.assert(t, nil)), application) {
				t.Errorf("%s: assertions with %s are advertised, and do not work", endpoint, algorithm)
			}
		}
	}
}
