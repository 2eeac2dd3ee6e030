package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// publishedKey is a member of the JWK Set.
type publishedKey struct{ Kid, Alg, Use, Kty string }

// published returns the key set as a replica publishes it.
func published(t testing.TB, i *instance) []publishedKey {
	t.Helper()
	a := i.get(t, "/.well-known/jwks.json")
	var set struct{ Keys []publishedKey }
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || a.status != 200 {
		t.Fatalf("key set: %d %s", a.status, a.body)
	}
	return set.Keys
}

func publishes(t testing.TB, i *instance, kid string) bool {
	t.Helper()
	return slices.ContainsFunc(published(t, i), func(k publishedKey) bool { return k.Kid == kid })
}

func kidOf(t testing.TB, token string) string {
	t.Helper()
	kid, ok := headerOf(t, token)["kid"].(string)
	if !ok {
		t.Fatalf("no kid in %v", headerOf(t, token))
	}
	return kid
}

// rotated runs keys rotate.
func (d *deployment) rotated() (kid string, activeAt time.Time) {
	d.t.Helper()
	var answer struct {
		Kid      string
		ActiveAt time.Time `json:"active_at"`
	}
	if out := d.run("keys", "rotate", "--json"); json.Unmarshal([]byte(out), &answer) != nil || answer.Kid == "" {
		d.t.Fatalf("keys rotate printed %q", out)
	}
	return answer.Kid, answer.ActiveAt
}

// signedBy waits until every replica signs with a key that is wanted, and
// returns a token of each. Until then nothing but those that were allowed may
// have signed.
func signedBy(t testing.TB, replicas []*instance, c credentials, wanted func(kid string) bool) []string {
	t.Helper()
	var tokens []string
	for _, i := range replicas {
		eventually(t, func() error {
			token := i.fetch(t, c)
			if kid := kidOf(t, token); !wanted(kid) {
				return fmt.Errorf("still signed by %s", kid)
			}
			tokens = append(tokens, token)
			return nil
		})
	}
	return tokens
}

func replicasOf(d *deployment, settings ...string) []*instance {
	replicas := []*instance{d.serve(settings...)}
	if d.engine == postgres {
		replicas = append(replicas, d.serve(settings...))
	}
	return replicas
}

// A new key is published by every replica at once, signs after max-age, and the
// old one stays until the last of its tokens has expired.
func TestRotateSigningKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_JWKS_MAX_AGE=2s")
		replicas := replicasOf(d)
		application := d.application("issues")
		before := replicas[0].fetch(t, application)
		old := kidOf(t, before)

		fresh, activeAt := d.rotated()
		for _, i := range replicas {
			if !publishes(t, i, fresh) || !publishes(t, i, old) {
				t.Errorf("published right after the rotation: %v", published(t, i))
			}
		}
		if until := time.Until(activeAt); until > 3*time.Second {
			t.Errorf("signs in %s only", until)
		}
		tokens := signedBy(t, replicas, application, func(kid string) bool {
			if kid == fresh && time.Now().Before(activeAt) {
				t.Errorf("signs %s too early", time.Until(activeAt))
			}
			return kid == fresh
		})
		for _, i := range replicas {
			for _, token := range append(tokens, before) {
				if !i.active(t, token) {
					t.Errorf("a token of %s is not active after the rotation", kidOf(t, token))
				}
			}
			if !publishes(t, i, old) {
				t.Error("the retired key is gone, and its tokens are alive")
			}
		}
		d.checkDisappearance(t, replicas, old)
	})
}

// checkDisappearance moves the moment at which a key retired into the past, as
// if the time had gone by.
func (d *deployment) checkDisappearance(t *testing.T, replicas []*instance, retired string) {
	t.Helper()
	store := d.verbs().Store
	stored, err := store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := stored[slices.IndexFunc(stored, func(k storage.SigningKey) bool { return k.KeyID == retired })]
	for ago, want := range map[time.Duration]bool{59 * time.Minute: true, 70 * time.Minute: false} {
		k.RetiredAt = time.Now().Add(-ago) // tokens live for an hour
		if err := store.UpdateSigningKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		for _, i := range replicas {
			if got := publishes(t, i, retired); got != want {
				t.Errorf("%s after it retired: published %t", ago, got)
			}
		}
	}
}

// A revoked key's tokens are inactive at once and everywhere; another key signs
// soon, and what it signs is good.
func TestRevokeSigningKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_JWKS_MAX_AGE=1s")
		replicas := replicasOf(d)
		application := d.application("issues")
		token := replicas[0].fetch(t, application)
		revoked := kidOf(t, token)
		d.run("keys", "revoke", revoked)
		for _, i := range replicas {
			if i.active(t, token) {
				t.Error("a token of the revoked key is active")
			}
			if publishes(t, i, revoked) {
				t.Error("the revoked key is published")
			}
		}
		for _, fresh := range signedBy(t, replicas, application, func(kid string) bool { return kid != revoked }) {
			for _, i := range replicas {
				if !i.active(t, fresh) || !publishes(t, i, kidOf(t, fresh)) {
					t.Error("a token of the new key is not active, or its key not published")
				}
			}
		}
		if !replicas[0].active(t, d.boot.WorkspaceAPIToken.Token) {
			t.Error("an opaque token is not active, and no key signed it")
		}
		if _, stderr, err := d.try("keys", "revoke", "nonsense"); err == nil || !strings.Contains(stderr, `no signing key "nonsense"`) {
			t.Errorf("%v %s", err, stderr)
		}
	})
}

// Replicas that start together on an empty database agree on one key.
func TestFirstSigningKey(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres)
	replicas := make([]*instance, 3)
	var all sync.WaitGroup
	for n := range replicas {
		all.Go(func() { replicas[n] = d.serve() })
	}
	all.Wait()
	application := d.application("issues")
	kid := kidOf(t, replicas[0].fetch(t, application))
	for _, i := range replicas {
		if set := published(t, i); len(set) != 1 || set[0] != (publishedKey{kid, "ES256", "sig", "EC"}) {
			t.Errorf("published %v, want %s alone", set, kid)
		}
		if got := kidOf(t, i.fetch(t, application)); got != kid {
			t.Errorf("signed by %s and %s", got, kid)
		}
	}
}

// A server that cannot open the signing keys says which setting is wrong, and
// ends.
func TestWrongMasterKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		i := d.serve()
		token := i.fetch(t, d.application("issues"))
		wrong := *d
		wrong.masterKey = keys.GenerateMasterKey()
		for _, args := range [][]string{{"serve"}, {"keys", "rotate"}} {
			_, stderr, err := wrong.try(args...)
			if err == nil || err.Error() != "exit status 1" || !strings.HasPrefix(stderr, "kiket-auth: ") ||
				!strings.Contains(stderr, "KIKET_AUTH_MASTER_KEY") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%v: %v %q", args, err, stderr)
			}
		}
		if !i.active(t, token) {
			t.Error("the running server suffers from another's mistake")
		}
	})
}

// A master key is replaced step by step: given after the old one, before it,
// then alone.
func TestRotateMasterKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		before, after := d.masterKey.Reveal(), keys.GenerateMasterKey().Reveal()
		application := d.application("issues")
		var token string
		for n, given := range []string{before, before + "," + after, after + "," + before, after} {
			i := d.serve("KIKET_AUTH_MASTER_KEY=" + given)
			if n == 0 {
				token = i.fetch(t, application)
			}
			if !i.active(t, token) || kidOf(t, i.fetch(t, application)) != kidOf(t, token) {
				t.Errorf("step %d: the signing key was lost", n)
			}
			if err := i.stop(); err != nil {
				t.Errorf("step %d: %v", n, err)
			}
		}
		if _, _, err := d.try("serve"); err == nil {
			t.Error("the old master key still opens the signing keys")
		}
	})
}

// The algorithm is a setting, and can be changed under way like any rotation.
func TestSigningAlgorithms(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_JWKS_MAX_AGE=1s")
		application := d.application("issues")
		var tokens []string
		for _, want := range []publishedKey{{Alg: "ES256", Kty: "EC"}, {Alg: "EdDSA", Kty: "OKP"}, {Alg: "RS256", Kty: "RSA"}} {
			i := d.serve("KIKET_AUTH_SIGNING_ALGORITHM=" + want.Alg)
			var token string
			eventually(t, func() error {
				if token = i.fetch(t, application); headerOf(t, token)["alg"] != want.Alg {
					return errors.New("not signed with " + want.Alg)
				}
				return nil
			})
			want.Kid, want.Use = kidOf(t, token), "sig"
			if !slices.Contains(published(t, i), want) {
				t.Errorf("published %v, want %v", published(t, i), want)
			}
			for _, token := range append(tokens, token) {
				if !i.active(t, token) {
					t.Errorf("under %s, a token of %v is not active", want.Alg, headerOf(t, token))
				}
			}
			tokens = append(tokens, token)
			if err := i.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}
