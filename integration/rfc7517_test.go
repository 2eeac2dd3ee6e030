package integration

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The key set (RFC 7517 section 5): what is published of each key, and that who
// caches it as he is told never meets a key that he does not know.
func TestKeySet(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_JWKS_MAX_AGE=1s")
		replicas := replicasOf(d)
		t.Run("members", func(t *testing.T) {
			for _, i := range replicas {
				for _, key := range keySet(t, i.get(t, pathJWKS)) {
					checkKeyMembers(t, key, "EC", "crv", "x", "y")
				}
			}
		})
		t.Run("conditional requests", func(t *testing.T) { checkConditional(t, replicas) })
		t.Run("caching verifier", func(t *testing.T) { checkCachingVerifier(t, d, replicas) })
	})
}

// keySet decodes the answer, which must be the set and nothing more.
func keySet(t testing.TB, a answer) []map[string]any {
	t.Helper()
	var set map[string][]map[string]any
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || a.status != http.StatusOK || len(set) != 1 || len(set["keys"]) == 0 {
		t.Fatalf("key set: %d %s", a.status, a.body)
	}
	return set["keys"]
}

// checkKeyMembers wants kid, use and alg beside the members of a public key of
// that type, and no private one. The key id is the thumbprint (RFC 7638).
func checkKeyMembers(t testing.TB, key map[string]any, kty string, public ...string) {
	t.Helper()
	want := slices.Sorted(slices.Values(append([]string{"kty", "kid", "use", "alg"}, public...)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(key))); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	hashed := map[string]any{"kty": key["kty"]}
	for _, name := range public {
		hashed[name] = key[name]
	}
	canonical, err := json.Marshal(hashed) // in order of names and without spaces, as RFC 7638 section 3 has it
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(canonical)
	if thumbprint := base64.RawURLEncoding.EncodeToString(sum[:]); key["kty"] != kty || key["use"] != "sig" || key["kid"] != thumbprint {
		t.Errorf("%v, want kty %s, use sig, kid %s", key, kty, thumbprint)
	}
}

// checkConditional asks with tags that match and with others.
func checkConditional(t *testing.T, replicas []*instance) {
	tag := replicas[0].get(t, pathJWKS).header.Get("ETag")
	if len(tag) < 18 || !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) {
		t.Fatalf("ETag is %s", tag)
	}
	tests := []struct {
		name        string
		ifNoneMatch []string
		want        int
	}{
		{"none", nil, http.StatusOK},
		{"the tag", []string{tag}, http.StatusNotModified},
		{"weak", []string{"W/" + tag}, http.StatusNotModified},
		{"among others", []string{`"a", ` + tag + ` , "b"`}, http.StatusNotModified},
		{"in another line", []string{`"a"`, tag}, http.StatusNotModified},
		{"any", []string{"*"}, http.StatusNotModified},
		{"another", []string{`"a"`}, http.StatusOK},
		{"without quotes", []string{strings.Trim(tag, `"`)}, http.StatusOK},
		{"in another case", []string{strings.ToUpper(tag), strings.ToLower(tag)}, http.StatusOK},
	}
	for _, i := range replicas {
		for _, tt := range tests {
			var headers []string
			for _, line := range tt.ifNoneMatch {
				headers = append(headers, "If-None-Match", line)
			}
			a := i.get(t, pathJWKS, headers...)
			if a.status != tt.want || (a.body == "") != (tt.want == http.StatusNotModified) || a.header.Get("ETag") != tag || a.header.Get("Cache-Control") != "public, max-age=1" {
				t.Errorf("If-None-Match %s: %d %q, headers %v", tt.name, a.status, a.body, a.header)
			}
		}
	}
}

// cache is a verifier's copy of the key set, kept for as long as it may be.
type cache struct {
	etag    string
	kids    []string
	expires time.Time
}

// refresh asks a replica again once the copy is too old.
func (c *cache) refresh(t testing.TB, i *instance) (answered bool) {
	t.Helper()
	asked := time.Now()
	if asked.Before(c.expires) {
		return false
	}
	var headers []string
	if c.etag != "" {
		headers = []string{"If-None-Match", c.etag}
	}
	a := i.get(t, pathJWKS, headers...)
	var seconds int
	if _, err := fmt.Sscanf(a.header.Get("Cache-Control"), "public, max-age=%d", &seconds); err != nil || seconds == 0 {
		t.Fatalf("Cache-Control is %q", a.header.Get("Cache-Control"))
	}
	c.expires = asked.Add(time.Duration(seconds) * time.Second) // the answer is as old as the question (RFC 9111 section 4.2.3)
	if a.status != http.StatusNotModified {
		c.etag, c.kids = a.header.Get("ETag"), nil
		for _, key := range keySet(t, a) {
			c.kids = append(c.kids, key["kid"].(string))
		}
	}
	return true
}

// checkCachingVerifier rotates, and then revokes, while a verifier looks at
// tokens.
func checkCachingVerifier(t *testing.T, d *deployment, replicas []*instance) {
	application := d.application("issues")
	var known cache
	answered := 0
	see := func(wanted string) func() error {
		return func() error {
			for _, i := range replicas {
				kid := kidOf(t, i.fetch(t, application))
				if known.refresh(t, i) {
					answered++
				}
				if !slices.Contains(known.kids, kid) {
					t.Errorf("a token of %s, and the set has %v for another %s", kid, known.kids, time.Until(known.expires))
				}
				if wanted != "" && kid != wanted {
					return fmt.Errorf("signed by %s", kid)
				}
			}
			return nil
		}
	}
	eventually(t, see(""))
	before := known.etag
	fresh, _ := d.rotated()
	eventually(t, see(fresh))
	if answered < 2 || known.etag == before {
		t.Errorf("the verifier was answered %d times, ETag %s before and %s after", answered, before, known.etag)
	}
	d.run("keys", "revoke", fresh)
	for _, i := range replicas {
		a := i.get(t, pathJWKS, "If-None-Match", known.etag)
		if slices.ContainsFunc(keySet(t, a), func(key map[string]any) bool { return key["kid"] == fresh }) {
			t.Errorf("published after its revocation: %s", a.body)
		}
	}
}
