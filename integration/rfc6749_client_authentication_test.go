package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// oauthPaths are the endpoints that authenticate clients.
var oauthPaths = []string{"/oauth/token", "/oauth/introspect", "/oauth/revoke"}

// endpoint is the last part of a path, for the name of a subtest.
func endpoint(path string) string { return strings.TrimPrefix(path, "/oauth/") }

// complete is a form that is all right at every one of them, but for who asks.
const complete = "grant_type=client_credentials&token=eyJ.e30.unknown"

// proof is client authentication in a request.
type proof struct {
	authorization []string // values of the header
	body          string   // of the form, further parameters
	query         string
}

// ask sends the proof with a form that is complete.
func (p proof) ask(t testing.TB, i *instance, path string) answer {
	t.Helper()
	var headers []string
	for _, value := range p.authorization {
		headers = append(headers, "Authorization", value)
	}
	return i.postRaw(t, path+p.query, strings.TrimSuffix(complete+"&"+p.body, "&"), headers...)
}

func byBasic(id, secret string) proof { return proof{authorization: []string{basic(id, secret)}} }
func byPost(id, secret string) proof {
	return proof{body: form("client_id", id, "client_secret", secret)}
}

// escaped encodes every character, which RFC 6749 section 2.3.1 allows.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// Who asks, at every endpoint where that matters.
func TestRFC6749ClientAuthentication(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		// The last one fails so often that it is told to wait.
		for _, check := range []func(*testing.T, *instance){checkIdentifiers, checkProofs, checkInvalidClients, checkRotation, checkFailureCost} {
			check(t, i)
		}
	})
}

// Ids and secrets need no encoding, because most clients do not encode them
// (RFC 6749 section 2.3.1 asks for it).
func checkIdentifiers(t *testing.T, i *instance) {
	id, secret := regexp.MustCompile(`^[A-Za-z0-9_-]{10,128}$`), regexp.MustCompile(`^kcs_[0-9a-f]{48}$`)
	seen := map[string]bool{}
	for _, c := range []credentials{i.resourceServer(), i.application("issues"), i.application("issues")} {
		if !id.MatchString(c.id) || !secret.MatchString(c.secret) || strings.ContainsAny(c.id, "%+") {
			t.Errorf("made %q with %q", c.id, c.secret)
		}
		if seen[c.id] || seen[c.secret] {
			t.Errorf("made %q twice", c.id)
		}
		seen[c.id], seen[c.secret] = true, true
	}
}

// RFC 6749 section 2.3: by which proofs a client is who it says it is, alike at
// all endpoints.
func checkProofs(t *testing.T, i *instance) {
	for _, path := range oauthPaths {
		// Of their own for each endpoint: who fails often has to wait.
		c, other := i.application("issues"), i.application("issues")
		for name, p := range map[string]proof{
			"client_secret_basic":                      byBasic(c.id, c.secret),
			"client_secret_post":                       byPost(c.id, c.secret),
			"the scheme in another case":               {authorization: []string{strings.Replace(basic(c.id, c.secret), "Basic", "bAsIc", 1)}},
			"form-encoded within Basic":                byBasic(escaped(c.id), escaped(c.secret)),
			"form-encoded in the body":                 {body: "client_id=" + escaped(c.id) + "&client_secret=" + escaped(c.secret)},
			"the same client in header and body":       {authorization: []string{basic(c.id, c.secret)}, body: form("client_id", c.id)},
			"an empty parameter is no second method":   {authorization: []string{basic(c.id, c.secret)}, body: "client_secret=&client_id=&client_assertion=&client_assertion_type="},
			"an empty header is no second method":      {authorization: []string{""}, body: byPost(c.id, c.secret).body},
			"credentials in the query, beside genuine": {authorization: []string{basic(c.id, c.secret)}, query: "?" + byPost(other.id, wrongSecret).body},
		} {
			t.Run(endpoint(path)+" with "+name, func(t *testing.T) {
				a := p.ask(t, i, path)
				checkUncached(t, a)
				if a.status != http.StatusOK {
					t.Errorf("answered %d %s", a.status, a.body)
				}
			})
		}
		for name, p := range map[string]proof{
			"two methods, both right":              {authorization: []string{basic(c.id, c.secret)}, body: byPost(c.id, c.secret).body},
			"two methods of two clients":           {authorization: []string{basic(c.id, c.secret)}, body: byPost(other.id, other.secret).body},
			"two methods, the second wrong":        {authorization: []string{basic(c.id, c.secret)}, body: byPost(c.id, wrongSecret).body},
			"a secret beside Basic":                {authorization: []string{basic(c.id, c.secret)}, body: form("client_secret", c.secret)},
			"an assertion beside Basic":            {authorization: []string{basic(c.id, c.secret)}, body: form("client_assertion", "x")},
			"an assertion's type beside Basic":     {authorization: []string{basic(c.id, c.secret)}, body: form("client_assertion_type", "x")},
			"an assertion beside a secret":         {body: form("client_id", c.id, "client_secret", c.secret, "client_assertion", "x")},
			"client A with the client_id of B":     {authorization: []string{basic(c.id, c.secret)}, body: form("client_id", other.id)},
			"client A with a client_id of nobody":  {authorization: []string{basic(c.id, c.secret)}, body: form("client_id", "\x00")},
			"two headers":                          {authorization: []string{basic(c.id, c.secret), basic(c.id, c.secret)}},
			"two headers of two schemes":           {authorization: []string{basic(c.id, c.secret), "Bearer " + i.boot.WorkspaceAPIToken.Token}},
			"a secret without a client_id":         {body: form("client_secret", c.secret)},
			"a secret with an empty client_id":     {body: byPost("", c.secret).body},
			"client_id twice":                      {body: byPost(c.id, c.secret).body + "&" + form("client_id", c.id)},
			"client_secret twice, the second time": {body: byPost(c.id, c.secret).body + "&" + form("client_secret", wrongSecret)},
		} {
			t.Run(endpoint(path)+" refuses "+name, func(t *testing.T) { checkRefused(t, p.ask(t, i, path), invalidRequest) })
		}
	}
}

// Whatever is wrong with the proof, the answer is the same.
func checkInvalidClients(t *testing.T, i *instance) {
	const same = `{"error":"invalid_client","error_description":"client authentication failed"}`
	onlyBasic := i.register(clients.ApplicationRequest{Scopes: storage.NewScopes("issues"), Authentication: clients.Authentication{Methods: []storage.AuthMethod{storage.AuthSecretBasic}}})
	onlyPost := i.register(clients.ApplicationRequest{Scopes: storage.NewScopes("issues"), Authentication: clients.Authentication{Methods: []storage.AuthMethod{storage.AuthSecretPost}}})
	disabled, closed, expired := i.application("issues"), i.application("issues"), i.application("issues")
	i.disable(disabled)
	i.closeSecret(closed)
	closing := i.addSecret(expired, time.Now().Add(-time.Second))
	deleted := i.deletedResourceServer()
	for _, path := range oauthPaths {
		c, other := i.application("issues"), i.application("issues")
		for name, p := range map[string]proof{
			"a wrong secret":              byBasic(c.id, wrongSecret),
			"a wrong secret in the body":  byPost(c.id, wrongSecret),
			"a secret of a wrong form":    byBasic(c.id, "secret"),
			"a secret in capitals":        byBasic(c.id, "kcs_"+strings.ToUpper(c.secret[4:])),
			"a secret with more to it":    byBasic(c.id, c.secret+"0"),
			"an empty secret":             byBasic(c.id, ""),
			"another client's secret":     byBasic(c.id, other.secret),
			"a token for a secret":        byBasic(c.id, i.boot.WorkspaceAPIToken.Token),
			"a resource server's secret":  byBasic(c.id, i.resourceServer().secret),
			"nobody":                      byBasic("app_000000000000000000000000", wrongSecret),
			"no client_id":                byBasic("", c.secret),
			"a client_id in capitals":     byBasic(strings.ToUpper(c.id), c.secret),
			"a client_id with a space":    byBasic(c.id+" ", c.secret),
			"a client_id with a wildcard": byBasic(c.id[:len(c.id)-1]+"%25", c.secret),
			"NUL in the client_id":        byBasic(c.id+"%00", c.secret),
			"NUL, not encoded":            byBasic(c.id+"\x00", c.secret),
			"NUL in the body":             byPost(c.id+"\x00", c.secret),
			"no text in the client_id":    byBasic(c.id+"\xff\xfe", c.secret),
			"no text in the body":         byPost("\xc3\x28"+c.id, c.secret),
			"a client_id of 60,000":       byPost(strings.Repeat("a", 60_000), c.secret),
			"Basic without a colon":       {authorization: []string{"Basic " + strings.TrimRight(strings.TrimPrefix(basic(c.id, ""), "Basic "), "=")}},
			"Basic that is not base64":    {authorization: []string{"Basic " + c.id + ":" + c.secret}},
			"Basic with a bad escape":     byBasic(c.id+"%zz", c.secret),
			"Basic and nothing else":      {authorization: []string{"Basic"}},
			"a closed secret":             byBasic(closed.id, closed.secret),
			"an expired secret":           byBasic(expired.id, closing),
			"a disabled client":           byBasic(disabled.id, disabled.secret),
			"a disabled client, in body":  byPost(disabled.id, disabled.secret),
			"a deleted resource server":   byBasic(deleted.id, deleted.secret),
			"Basic, registered for post":  byBasic(onlyPost.id, onlyPost.secret),
			"post, registered for Basic":  byPost(onlyBasic.id, onlyBasic.secret),
			"a scheme that is not served": {authorization: []string{`Digest username="` + c.id + `"`}},
		} {
			t.Run(endpoint(path)+" refuses "+name, func(t *testing.T) {
				a := p.ask(t, i, path)
				checkRefused(t, a, invalidClient)
				if a.body != same {
					t.Errorf("answered %s, others %s", a.body, same)
				}
			})
		}
		for name, p := range map[string]proof{
			"nothing":                      {},
			"a client_id alone":            {body: form("client_id", c.id)},
			"an empty secret in the body":  {body: byPost(c.id, "").body},
			"credentials in the query":     {query: "?" + byPost(c.id, c.secret).body},
			"the secret in the query":      {query: "?" + form("client_secret", c.secret), body: form("client_id", c.id)},
			"an access_token in the query": {query: "?" + form("access_token", i.boot.WorkspaceAPIToken.Token)},
		} {
			t.Run(endpoint(path)+" refuses "+name, func(t *testing.T) {
				want := refusal{Status: 401, Code: "invalid_client", Challenges: []string{challengeBasic}}
				if path == "/oauth/introspect" { // where there are two ways
					want.Challenges = append(want.Challenges, challengeBearer)
				}
				checkRefused(t, p.ask(t, i, path), want)
			})
		}
		for _, p := range []proof{byBasic(c.id, c.secret), byBasic(onlyBasic.id, onlyBasic.secret), byPost(onlyPost.id, onlyPost.secret), byBasic(expired.id, expired.secret)} {
			if a := p.ask(t, i, path); a.status != http.StatusOK {
				t.Errorf("%s: a genuine client is answered %d %s", path, a.status, a.body)
			}
		}
	}
}

// Several secrets are open at once, and a digest that is none matches nothing.
func checkRotation(t *testing.T, i *instance) {
	c := i.application("issues")
	soon := i.addSecret(c, time.Now().Add(time.Hour))
	for _, digest := range []string{"", "$2a$12$C6UzMDM.H6dfI/f/IKcEeO7ZVlQ8VbXw0b3C4pFJ3T4mD5YzqjK5m", strings.Repeat("0", 64), storage.NewSecret("").Digest()} {
		i.addDigest(c, digest, time.Time{})
	}
	i.addDigest(c, strings.ToUpper(storage.NewSecret(wrongSecret).Digest()), time.Time{})
	for _, secret := range []string{c.secret, soon} {
		i.fetch(t, credentials{c.id, secret})
	}
	for _, secret := range []string{"", "kcs_", wrongSecret, strings.Repeat("0", 64), storage.NewSecret(c.secret).Digest()} {
		if a := byBasic(c.id, secret).ask(t, i, "/oauth/token"); a.status != http.StatusUnauthorized {
			t.Errorf("%q: answered %d %s", secret, a.status, a.body)
		}
	}
	i.closeSecret(c)
	checkRefused(t, byBasic(c.id, c.secret).ask(t, i, "/oauth/token"), invalidClient)
	i.fetch(t, credentials{c.id, soon})
}

// A wrong secret costs next to nothing, and takes as long as a client that does
// not exist: how long an answer took says nothing.
func checkFailureCost(t *testing.T, i *instance) {
	c := i.application("issues")
	for range 5 {
		i.addSecret(c, time.Time{}) // each of which is compared
	}
	took := map[string][]time.Duration{}
	for range 100 {
		for name, id := range map[string]string{"wrong secret": c.id, "unknown client": "app_000000000000000000000000"} {
			started := time.Now()
			a, err := i.attempt(t.Context(), "/oauth/token", credentials{id, wrongSecret}, "grant_type", "client_credentials")
			if err != nil || a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
				t.Fatalf("%v, answered %d %s", err, a.status, a.body)
			}
			took[name] = append(took[name], time.Since(started))
		}
	}
	median := func(name string) time.Duration {
		slices.Sort(took[name])
		return took[name][len(took[name])/2]
	}
	wrong, unknown := median("wrong secret"), median("unknown client")
	if max(wrong, unknown) > 100*time.Millisecond || wrong > 3*unknown || unknown > 3*wrong {
		t.Errorf("a wrong secret takes %s, an unknown client %s", wrong, unknown)
	}
}
