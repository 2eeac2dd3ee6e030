package integration

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

const signedIntrospection = "application/token-introspection+jwt"

// Signed introspection (RFC 9701).
func TestSignedIntrospection(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		t.Run("ES256", func(t *testing.T) { signedIntrospectionBy(t, start(t, e), jose.ES256) })
		if e == postgres {
			return // what signs does not depend on the database
		}
		t.Run("EdDSA", func(t *testing.T) {
			d := prepare(t, e, "KIKET_AUTH_SIGNING_ALGORITHM=EdDSA")
			d.boot = d.bootstrap("Acme")
			signedIntrospectionBy(t, d.serve(), jose.EdDSA)
		})
	})
}

func signedIntrospectionBy(t *testing.T, i *instance, algorithm jose.SignatureAlgorithm) {
	if advertised := stringsOf(t, i.metadata(t), "introspection_signing_alg_values_supported"); !cmp.Equal(advertised, []string{string(algorithm)}) {
		t.Errorf("advertised %v", advertised)
	}
	application := i.application("issues")
	elsewhere := i.registerResourceServer("Elsewhere", "https://elsewhere.example.com", "")
	token, workspace := i.fetch(t, application), i.workspaceToken(time.Time{}).Secret.Reveal()
	inactive := map[string]any{"active": false}
	for name, tt := range map[string]struct {
		asks     credentials
		token    string
		audience []any
		want     map[string]any
	}{
		"an access token":              {i.resourceServer(), token, []any{i.resourceServer().id, audience}, i.introspect(t, i.resourceServer(), token)},
		"a workspace token":            {i.resourceServer(), workspace, []any{i.resourceServer().id, audience}, i.introspect(t, i.resourceServer(), workspace)},
		"its own, by an application":   {application, token, []any{application.id}, i.introspect(t, application, token)},
		"one that is meant for others": {elsewhere, token, []any{elsewhere.id, "https://elsewhere.example.com"}, inactive},
		"an unknown one":               {i.resourceServer(), "x", []any{i.resourceServer().id, audience}, inactive},
		"another's, by an application": {application, workspace, []any{application.id}, inactive},
	} {
		t.Run(name, func(t *testing.T) {
			before := time.Now().Unix()
			a := do(t, i.basicRequest(tt.asks, "/oauth/introspect", "token="+tt.token, "Accept", signedIntrospection))
			if a.status != http.StatusOK || a.header.Get("Content-Type") != signedIntrospection || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v %s", a.status, a.header, a.body)
			}
			header, claims := i.verifySigned(t, a.body, algorithm)
			if header["typ"] != "token-introspection+jwt" {
				t.Errorf("header %v", header)
			}
			if at, _ := claims["iat"].(float64); int64(at) < before || int64(at) > time.Now().Unix() {
				t.Errorf("iat %v", claims["iat"])
			}
			delete(claims, "iat")
			want := map[string]any{"iss": issuer, "aud": tt.audience, "token_introspection": tt.want}
			if diff := cmp.Diff(want, claims); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			signedIsNothingElse(t, i, application, a.body)
		})
	}
	t.Run("negotiation", func(t *testing.T) { negotiateIntrospection(t, i, token) })
}

// basicRequest posts a form as a client, with more headers.
func (i *instance) basicRequest(c credentials, path, body string, headers ...string) *http.Request {
	r := i.request(http.MethodPost, path, body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
	r.SetBasicAuth(c.id, c.secret)
	return r
}

// verifySigned verifies a JWT by the published keys and returns its header and claims.
func (i *instance) verifySigned(t testing.TB, text string, algorithm jose.SignatureAlgorithm) (header, claims map[string]any) {
	t.Helper()
	var published jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(i.get(t, pathJWKS).body), &published); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	found := published.Key(signed.Signatures[0].Header.KeyID)
	if len(found) != 1 {
		t.Fatalf("%d published keys have the kid", len(found))
	}
	payload, err := signed.Verify(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return parseJWS(t, text).header, claims
}

// signedIsNothingElse holds that a signed answer is no token and no assertion.
func signedIsNothingElse(t *testing.T, i *instance, application credentials, signed string) {
	t.Helper()
	if i.active(t, signed) {
		t.Error("a signed answer is introspected as an active token")
	}
	if a := i.call(t, "GET", "/me", signed, nil); a.status != 401 {
		t.Errorf("the management API took a signed answer: %d %s", a.status, a.body)
	}
	refusedClient(t, "a signed answer as an assertion", i.tokenFor(t, signed))
	if a := i.post(t, "/oauth/introspect", credentials{application.id, signed}, "token", "x"); a.status != 401 {
		t.Errorf("as a secret: %d %s", a.status, a.body)
	}
}

// negotiateIntrospection asks for either form in all ways (RFC 9110 section 12.5.1).
func negotiateIntrospection(t *testing.T, i *instance, token string) {
	for accept, signed := range map[string]bool{
		"":                                    false,
		"*/*":                                 false,
		"application/*":                       false,
		"application/json":                    false,
		"text/html":                           false,
		signedIntrospection:                   true,
		"APPLICATION/Token-Introspection+JWT": true,
		signedIntrospection + ", application/json":                          true,
		"application/json, " + signedIntrospection:                          true,
		signedIntrospection + ", */*":                                       true,
		signedIntrospection + ";q=0.5, application/json":                    false,
		signedIntrospection + ";q=0.5, application/json;q=0.4":              true,
		signedIntrospection + ";q=0.5, */*;q=0.4":                           true,
		signedIntrospection + ";q=0.5, */*":                                 false,
		signedIntrospection + ";q=0.5, */*, application/json;q=0.1":         true,
		signedIntrospection + ";q=0":                                        false,
		signedIntrospection + ";q=2":                                        false,
		signedIntrospection + ";q=NaN":                                      false,
		signedIntrospection + ";q=x, application/json":                      false,
		"application/token-introspection, application/jwt":                  false,
		"text/html;level=1, ;;;, " + signedIntrospection + ";charset=utf-8": true,
	} {
		a := do(t, i.basicRequest(i.resourceServer(), "/oauth/introspect", "token="+token, "Accept", accept))
		want := "application/json"
		if signed {
			want = signedIntrospection
		}
		if a.status != http.StatusOK || a.header.Get("Content-Type") != want {
			t.Errorf("Accept: %s: %d %s", accept, a.status, a.header.Get("Content-Type"))
		}
	}
	a := do(t, i.request(http.MethodPost, "/oauth/introspect", "token=x", "Content-Type", "application/x-www-form-urlencoded", "Accept", signedIntrospection))
	if a.status != http.StatusUnauthorized || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("a refusal: %d %s", a.status, a.header.Get("Content-Type"))
	}
}
