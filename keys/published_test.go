package keys_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/keys"
)

func decoded(tb testing.TB, text string) []byte {
	tb.Helper()
	raw, err := base64url.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// rfc8037 is the private key of RFC 8037 appendix A.1, whose thumbprint is given
// in A.3.
func rfc8037(tb testing.TB) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(decoded(tb, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
}

// rfc7515 is the private key of RFC 7515 appendix A.3.
func rfc7515(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), decoded(tb, "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"))
	if err != nil {
		tb.Fatal(err)
	}
	return private
}

func TestPublishedDocument(t *testing.T) {
	i := newInstallation(t)
	i.plant(t, rfc8037(t), keys.EdDSA)
	i.clock.Advance(time.Hour)
	i.plant(t, rfc7515(t), keys.ES256)
	published, err := i.loaded(t).PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"keys":[` +
		`{"use":"sig","kty":"EC","kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U","crv":"P-256","alg":"ES256",` +
		`"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},` +
		`{"use":"sig","kty":"OKP","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","crv":"Ed25519","alg":"EdDSA",` +
		`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	check(t, "document", string(published.JSON), want)
	check(t, "tag", published.ETag, `"T-saIFdvMDqfH6COy6KeCA"`)
}

// No member beyond those that verifiers need, whatever the algorithm.
func TestPublishedMembers(t *testing.T) {
	for a, want := range map[keys.Algorithm]string{
		keys.ES256: "alg crv kid kty use x y",
		keys.EdDSA: "alg crv kid kty use x",
		keys.RS256: "alg e kid kty n use",
	} {
		i := newInstallation(t)
		r := i.loaded(t, withAlgorithm(a))
		rotate(t, r)
		published, err := r.PublicKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var set map[string][]map[string]string
		if err := json.Unmarshal(published.JSON, &set); err != nil {
			t.Fatal(err)
		}
		check(t, "members of the set", len(set), 1)
		check(t, "keys", len(set["keys"]), 2)
		for _, key := range set["keys"] {
			var members []string
			for name := range key {
				members = append(members, name)
			}
			slices.Sort(members)
			check(t, string(a), strings.Join(members, " "), want)
			check(t, "alg and use", key["alg"]+" "+key["use"], string(a)+" sig")
		}
	}
}

// While keys of two algorithms are published, either may have signed what is met.
func TestAlgorithms(t *testing.T) {
	i := newInstallation(t)
	check(t, "before any key is known", fmt.Sprint(i.ring(t, withAlgorithm(keys.RS256)).Algorithms()), "[RS256]")
	check(t, "of one key", fmt.Sprint(i.loaded(t).Algorithms()), "[ES256]")
	changed := i.loaded(t, withAlgorithm(keys.EdDSA)) // publishes the next key
	check(t, "after the algorithm was changed", fmt.Sprint(changed.Algorithms()), "[ES256 EdDSA]")
}

func TestTagFollowsTheDocument(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	tag := func() string {
		published, err := r.PublicKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return published.ETag
	}
	first := tag()
	check(t, "unchanged", tag(), first)
	rotate(t, r)
	if tag() == first {
		t.Error("the document has changed and its tag has not")
	}
}

// Neither a log nor a listing shows a private key.
func TestNothingPrivateIsShown(t *testing.T) {
	i := newInstallation(t)
	i.plant(t, rfc7515(t), keys.ES256)
	r := i.loaded(t)
	_, keyID := sign(t, r)
	rotate(t, r)
	revoke(t, r, keyID)
	listed, err := json.Marshal(list(t, r))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"log": i.log.String(), "listing": string(listed)} {
		if strings.Contains(text, "jpsQnnGQmL") || strings.Contains(text, `"d"`) {
			t.Errorf("the %s shows a private key: %s", what, text)
		}
	}
	if !strings.Contains(i.log.String(), keyID) {
		t.Errorf("the log does not name the key: %s", i.log)
	}
}
