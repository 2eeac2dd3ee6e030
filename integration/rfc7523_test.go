package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client authentication with a key (RFC 7523 section 2.2, draft-ietf-oauth-rfc7523bis).
func TestPrivateKeyJWT(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_TRUSTED_PROXIES=127.0.0.0/8")
		key := newKeyPair(t, jose.ES256, "k1")
		client, application := i.registerKeyed(t, key, nil)
		if application.ClientSecret != "" || len(application.Secrets) != 0 || application.AuthMethod != "private_key_jwt" {
			t.Errorf("registered as %+v", application)
		}
		for name, test := range map[string]func(*testing.T){
			"endpoints":   func(t *testing.T) { assertAtEveryEndpoint(t, i, client) },
			"good":        func(t *testing.T) { goodAssertions(t, i, client) },
			"refused":     func(t *testing.T) { refusedAssertions(t, i) },
			"requests":    func(t *testing.T) { requestsWithAssertions(t, i, client) },
			"used once":   func(t *testing.T) { assertionsAreUsedOnce(t, i) },
			"sixteen":     func(t *testing.T) { oneOfSixteen(t, i, e) },
			"token URL":   func(t *testing.T) { tokenURLAsAudience(t, i) },
			"not a token": func(t *testing.T) { assertionsAreNoTokens(t, i, client) },
			"disabled":    func(t *testing.T) { disabledWithKeys(t, i) },
		} {
			t.Run(name, test)
		}
	})
}

func assertAtEveryEndpoint(t *testing.T, i *instance, c keyedClient) {
	token := i.fetchAsserted(t, c)
	if seen := i.postAsserted(t, "/oauth/introspect", c.assert(t, nil), "token", token).want(t, 200); seen["active"] != true || seen["client_id"] != c.id {
		t.Errorf("introspected as %v", seen)
	}
	if a := i.postAsserted(t, "/oauth/revoke", c.assert(t, nil), "token", token); a.status != 200 || i.active(t, token) {
		t.Errorf("revocation: %d %s, active %t", a.status, a.body, i.active(t, token))
	}
}

// goodAssertions are all that the specifications allow.
func goodAssertions(t *testing.T, i *instance, c keyedClient) {
	now := time.Now().Unix()
	nameless := c
	nameless.key.kid = ""
	for name, assertion := range map[string]string{
		"audience in a list":        c.assert(t, map[string]any{"aud": []string{issuer}}),
		"without iat":               c.assert(t, map[string]any{"iat": nil}),
		"a fraction of a second":    c.assert(t, map[string]any{"exp": float64(now) + 30.5}),
		"not before now":            c.assert(t, map[string]any{"nbf": now}),
		"a clock that is ahead":     c.assert(t, map[string]any{"iat": now + 10, "nbf": now + 10, "exp": now + 70}),
		"a clock that is behind":    c.assert(t, map[string]any{"iat": now - 70, "exp": now - 10}),
		"an hour":                   c.assert(t, map[string]any{"exp": now + 3600}),
		"further claims":            c.assert(t, map[string]any{"name": "x", "scope": "admin", "client_id": "other"}),
		"without a kid":             nameless.assert(t, nil),
		"without a type":            c.assertWith(t, map[string]any{"typ": nil}, nil),
		"the type of the draft":     c.assertWith(t, map[string]any{"typ": "client-authentication+jwt"}, nil),
		"that as a whole":           c.assertWith(t, map[string]any{"typ": "application/client-authentication+jwt"}, nil),
		"the type in lower case":    c.assertWith(t, map[string]any{"typ": "jwt"}, nil),
		"a long jti":                c.assert(t, map[string]any{"jti": strings.Repeat("j", 255)}),
		"a jti of other characters": c.assert(t, map[string]any{"jti": "ü \u2028 '\"; --"}),
	} {
		if a := i.tokenFor(t, assertion); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// refusedAssertions are wrong in one point each, and all are told the same.
func refusedAssertions(t *testing.T, i *instance) {
	now := time.Now().Unix()
	key := newKeyPair(t, jose.ES256, "k1")
	c, _ := i.registerKeyed(t, key, nil)
	other, _ := i.registerKeyed(t, newKeyPair(t, jose.ES256, "k1"), nil)
	stranger, unknownKey, rsa := newKeyPair(t, jose.ES256, "k1"), newKeyPair(t, jose.ES256, "k2"), newKeyPair(t, jose.RS256, "k1")
	bySecret := i.application("issues")
	good := c.assert(t, nil)
	head, rest, _ := strings.Cut(good, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	addresses := 0
	for name, assertion := range map[string]func(keyedClient) string{
		"audience: the token endpoint":     func(c keyedClient) string { return c.assert(t, map[string]any{"aud": issuer + "/oauth/token"}) },
		"audience: another server":         func(c keyedClient) string { return c.assert(t, map[string]any{"aud": "https://auth.example.com"}) },
		"audience: the issuer and a slash": func(c keyedClient) string { return c.assert(t, map[string]any{"aud": issuer + "/"}) },
		"audience: the issuer and another": func(c keyedClient) string {
			return c.assert(t, map[string]any{"aud": []string{issuer, "https://auth.example.com"}})
		},
		"audience: the issuer twice":        func(c keyedClient) string { return c.assert(t, map[string]any{"aud": []string{issuer, issuer}}) },
		"audience: none":                    func(c keyedClient) string { return c.assert(t, map[string]any{"aud": nil}) },
		"audience: empty":                   func(c keyedClient) string { return c.assert(t, map[string]any{"aud": ""}) },
		"audience: an empty list":           func(c keyedClient) string { return c.assert(t, map[string]any{"aud": []string{}}) },
		"audience: a number":                func(c keyedClient) string { return c.assert(t, map[string]any{"aud": 1}) },
		"issuer: another":                   func(c keyedClient) string { return c.assert(t, map[string]any{"iss": other.id}) },
		"issuer: none":                      func(c keyedClient) string { return c.assert(t, map[string]any{"iss": nil}) },
		"issuer: this server":               func(c keyedClient) string { return c.assert(t, map[string]any{"iss": issuer}) },
		"subject: another":                  func(c keyedClient) string { return c.assert(t, map[string]any{"sub": other.id}) },
		"subject: none":                     func(c keyedClient) string { return c.assert(t, map[string]any{"sub": nil}) },
		"another client's name, own key":    func(c keyedClient) string { return keyedClient{other.id, c.key}.assert(t, nil) },
		"nobody's name":                     func(c keyedClient) string { return keyedClient{"app_000000000000000000000000", c.key}.assert(t, nil) },
		"a name that nobody can have":       func(c keyedClient) string { return keyedClient{"a'b\x00", c.key}.assert(t, nil) },
		"expired":                           func(c keyedClient) string { return c.assert(t, map[string]any{"iat": now - 120, "exp": now - 60}) },
		"never expires":                     func(c keyedClient) string { return c.assert(t, map[string]any{"exp": nil}) },
		"expires in two hours":              func(c keyedClient) string { return c.assert(t, map[string]any{"exp": now + 7200}) },
		"lives for two hours":               func(c keyedClient) string { return c.assert(t, map[string]any{"iat": now - 5400, "exp": now + 1800}) },
		"expires as text":                   func(c keyedClient) string { return c.assert(t, map[string]any{"exp": fmt.Sprint(now + 60)}) },
		"expires at the end of numbers":     func(c keyedClient) string { return c.assert(t, map[string]any{"exp": 1e300}) },
		"expires before time":               func(c keyedClient) string { return c.assert(t, map[string]any{"exp": -1}) },
		"issued in the future":              func(c keyedClient) string { return c.assert(t, map[string]any{"iat": now + 600, "exp": now + 660}) },
		"not valid yet":                     func(c keyedClient) string { return c.assert(t, map[string]any{"nbf": now + 600}) },
		"without jti":                       func(c keyedClient) string { return c.assert(t, map[string]any{"jti": nil}) },
		"an empty jti":                      func(c keyedClient) string { return c.assert(t, map[string]any{"jti": ""}) },
		"a jti that is a number":            func(c keyedClient) string { return c.assert(t, map[string]any{"jti": 1}) },
		"a jti too long":                    func(c keyedClient) string { return c.assert(t, map[string]any{"jti": strings.Repeat("j", 256)}) },
		"signed by a stranger":              func(c keyedClient) string { return keyedClient{c.id, stranger}.assert(t, nil) },
		"signed by a key that is not known": func(c keyedClient) string { return keyedClient{c.id, unknownKey}.assert(t, nil) },
		"another algorithm than the key's":  func(c keyedClient) string { return keyedClient{c.id, rsa}.assert(t, nil) },
		"a client with a secret":            func(c keyedClient) string { return keyedClient{bySecret.id, c.key}.assert(t, nil) },
		"the type of an access token":       func(c keyedClient) string { return c.assertWith(t, map[string]any{"typ": "at+jwt"}, nil) },
		"the type of a signed introspection": func(c keyedClient) string {
			return c.assertWith(t, map[string]any{"typ": "token-introspection+jwt"}, nil)
		},
		"the type of a logout token":     func(c keyedClient) string { return c.assertWith(t, map[string]any{"typ": "logout+jwt"}, nil) },
		"longer than anybody needs":      func(c keyedClient) string { return c.assert(t, map[string]any{"x": strings.Repeat("x", 9<<10)}) },
		"not signed":                     func(c keyedClient) string { return head + "." + claims + "." },
		"its signature with a stray bit": func(c keyedClient) string { return head + "." + claims + "." + mistyped64(signature) },
		"its claims with padding":        func(c keyedClient) string { return head + "." + claims + "=." + signature },
		"a line break":                   func(c keyedClient) string { return head + ".\n" + claims + "." + signature },
		"four parts":                     func(c keyedClient) string { return good + ".x" },
		"two parts":                      func(c keyedClient) string { return head + "." + claims },
		"text":                           func(c keyedClient) string { return "x" },
		"an access token":                func(c keyedClient) string { return i.fetchAsserted(t, c) },
		"a workspace token":              func(c keyedClient) string { return i.admin() },
		"a client secret":                func(c keyedClient) string { return bySecret.secret },
	} {
		one, _ := i.registerKeyed(t, key, nil) // not the others', whose failures count
		for n, path := range []string{"/oauth/token", "/oauth/introspect", "/oauth/revoke"} {
			form := asserted(assertion(one)).parameters
			form.Set("grant_type", "client_credentials")
			form.Set("token", "x")
			addresses++
			from := fmt.Sprintf("10.%d.%d.1", n, addresses)
			refusedClient(t, name+" at "+path, i.postRaw(t, path, form.Encode(), "X-Forwarded-For", from))
		}
	}
	if a := i.tokenFor(t, good); a.status != http.StatusOK {
		t.Errorf("what was made from the good one spent it: %d %s", a.status, a.body)
	}
}

// mistyped64 changes the bits of the last character that base64url does not use.
func mistyped64(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last^1])
}

// requestsWithAssertions are about the parameters around an assertion (RFC 7521
// section 4.2).
func requestsWithAssertions(t *testing.T, i *instance, c keyedClient) {
	post := func(parameters ...string) answer {
		return i.post(t, "/oauth/token", credentials{}, append([]string{"grant_type", "client_credentials"}, parameters...)...)
	}
	if a := post("client_id", c.id, "client_assertion_type", assertionType, "client_assertion", c.assert(t, nil)); a.status != 200 {
		t.Errorf("with its client_id: %d %s", a.status, a.body)
	}
	refusedClient(t, "another client_id", post("client_id", "app_1", "client_assertion_type", assertionType, "client_assertion", c.assert(t, nil)))
	refusedClient(t, "no type", post("client_assertion", c.assert(t, nil)))
	refusedClient(t, "another type", post("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client_assertion", c.assert(t, nil)))
	refusedClient(t, "no assertion", post("client_assertion_type", assertionType, "client_id", c.id))
	for name, a := range map[string]answer{
		"and Basic": i.post(t, "/oauth/token", i.application("issues"), "grant_type", "client_credentials",
			"client_assertion_type", assertionType, "client_assertion", c.assert(t, nil)),
		"and client_secret": post("client_secret", "x", "client_assertion_type", assertionType, "client_assertion", c.assert(t, nil)),
		"twice":             post("client_assertion_type", assertionType, "client_assertion", c.assert(t, nil), "client_assertion", c.assert(t, nil)),
	} {
		if a.status != http.StatusBadRequest || a.json(t)["error"] != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := i.post(t, "/oauth/token?client_assertion_type="+assertionType+"&client_assertion="+c.assert(t, nil), credentials{}, "grant_type", "client_credentials"); a.status != 401 {
		t.Errorf("in the query: %d %s", a.status, a.body)
	}
}

func assertionsAreUsedOnce(t *testing.T, i *instance) {
	key := newKeyPair(t, jose.ES256, "k")
	one, _ := i.registerKeyed(t, key, nil)
	two, _ := i.registerKeyed(t, key, nil)
	same := map[string]any{"jti": "the same"}
	first := one.assert(t, same)
	refusedClient(t, "wrong", i.tokenFor(t, one.assert(t, with(same, map[string]any{"aud": "https://elsewhere.example.com"}))))
	refusedClient(t, "for another client_id", i.tokenFor(t, first, "client_id", two.id))
	if a := i.tokenFor(t, first, "scope", "projects"); a.status != 400 || a.json(t)["error"] != "invalid_scope" {
		t.Errorf("a scope too many: %d %s", a.status, a.body)
	}
	refusedClient(t, "after it has authenticated a request", i.tokenFor(t, first))
	refusedClient(t, "at another endpoint", i.postAsserted(t, "/oauth/introspect", first, "token", "x"))
	refusedClient(t, "signed anew", i.tokenFor(t, one.assert(t, same)))
	if a := i.tokenFor(t, one.assert(t, map[string]any{"jti": "The same"})); a.status != 200 {
		t.Errorf("in another case: %d %s", a.status, a.body)
	}
	if a := i.tokenFor(t, two.assert(t, same)); a.status != 200 {
		t.Errorf("of another client: %d %s", a.status, a.body)
	}
	i.kill()
	again := i.serve()
	refusedClient(t, "after the server was killed", again.tokenFor(t, first))
	i.base, i.cmd = again.base, again.cmd
}

// Of sixteen requests with one assertion at once one passes, whichever replica they
// are sent to.
func oneOfSixteen(t *testing.T, i *instance, e engine) {
	replicas := []*instance{i}
	if e == postgres {
		replicas = append(replicas, i.deployment.serve())
	}
	c, _ := i.registerKeyed(t, newKeyPair(t, jose.ES256, "k"), nil)
	for range 5 {
		assertion := c.assert(t, nil)
		var mu sync.Mutex
		var all sync.WaitGroup
		answers := map[int]int{}
		for n := range 16 {
			all.Go(func() {
				a, err := replicas[n%len(replicas)].attempt(t.Context(), "/oauth/token", credentials{}, "grant_type", "client_credentials",
					"client_assertion_type", assertionType, "client_assertion", assertion)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				answers[a.status]++
			})
		}
		all.Wait()
		if answers[200] != 1 || answers[200]+answers[401]+answers[429] != 16 {
			t.Errorf("answered %v", answers)
		}
	}
}

func tokenURLAsAudience(t *testing.T, i *instance) {
	since := len(i.events(t))
	c, application := i.registerKeyed(t, newKeyPair(t, jose.ES256, ""), map[string]any{"token_url_audience": true})
	if made := i.events(t)[since]; made.Details["token_url_audience"] != true {
		t.Errorf("recorded %+v", made)
	}
	url := issuer + "/oauth/token"
	try := func(name string, aud any, want bool) {
		t.Helper()
		a := i.tokenFor(t, c.assert(t, map[string]any{"aud": aud}))
		if want != (a.status == http.StatusOK) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	try("the token endpoint", url, true)
	try("the issuer", issuer, true)
	try("a list of one", []string{url}, true)
	try("both", []string{issuer, url}, false)
	try("another endpoint", issuer+"/oauth/introspect", false)
	if a := i.postAsserted(t, "/oauth/introspect", c.assert(t, map[string]any{"aud": url}), "token", "x"); a.status != 200 {
		t.Errorf("for introspection: %d %s", a.status, a.body)
	}
	i.patch(t, application, map[string]any{"token_url_audience": false})
	try("switched off", url, false)
	try("the issuer still", issuer, true)
}

func assertionsAreNoTokens(t *testing.T, i *instance, c keyedClient) {
	assertion := c.assert(t, nil)
	if i.active(t, assertion) {
		t.Error("an assertion is introspected as active")
	}
	if a := i.call(t, "GET", "/me", assertion, nil); a.status != 401 {
		t.Errorf("the management API took an assertion: %d %s", a.status, a.body)
	}
	if a := i.post(t, "/oauth/introspect", credentials{}, "token", "x", "client_id", c.id, "client_secret", assertion); a.status != 401 {
		t.Errorf("as a secret: %d %s", a.status, a.body)
	}
}

func disabledWithKeys(t *testing.T, i *instance) {
	c, application := i.registerKeyed(t, newKeyPair(t, jose.ES256, ""), nil)
	assertion := c.assert(t, nil)
	i.patch(t, application, map[string]any{"disabled": true})
	refusedClient(t, "disabled", i.tokenFor(t, assertion))
	i.patch(t, application, map[string]any{"disabled": false})
	if a := i.tokenFor(t, assertion); a.status != 200 {
		t.Errorf("enabled again, its refused assertion: %d %s", a.status, a.body)
	}
	i.call(t, "DELETE", application.path(), i.admin(), nil).want(t, http.StatusNoContent)
	refusedClient(t, "deleted", i.tokenFor(t, c.assert(t, nil)))
}
