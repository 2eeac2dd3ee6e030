package keys_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// A row that is not what the ring has written stops the start, by name, and does
// not stop a ring that is running.
func TestDamagedKeys(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(k *storage.SigningKey, private []byte)
		want   string
	}{
		"public part of another key": {
			func(k *storage.SigningKey, _ []byte) {
				k.KeyID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
			}, "its key id does not belong to its public part",
		},
		"private part in the place of the public": {
			func(k *storage.SigningKey, private []byte) { k.PublicJWK = private }, "its public part is private",
		},
		"not JSON":        {func(k *storage.SigningKey, _ []byte) { k.PublicJWK = []byte("{") }, "reading its public part"},
		"other algorithm": {func(k *storage.SigningKey, _ []byte) { k.Algorithm = "RS256" }, "its key is not for RS256"},
		"no algorithm":    {func(k *storage.SigningKey, _ []byte) { k.Algorithm = "none" }, "its key is not for none"},
		"nothing sealed":  {func(k *storage.SigningKey, _ []byte) { k.Sealed = nil }, "KIKET_AUTH_MASTER_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInstallation(t)
			running := i.loaded(t)
			_, first := sign(t, running)

			private, public := jwk(t, newECDSA(t))
			document, err := json.Marshal(public)
			if err != nil {
				t.Fatal(err)
			}
			later := i.clock.Now().Add(announcement)
			k := storage.SigningKey{
				KeyID: public.KeyID, Algorithm: "ES256", PublicJWK: document,
				Sealed:    seal(t, i.sealer, string(private), "signing-key:"+public.KeyID),
				CreatedAt: i.clock.Now(), ActiveAt: later, TokenLifetime: tokenLifetime,
			}
			test.damage(&k, private)
			if err := i.store.CreateSigningKey(t.Context(), k); err != nil {
				t.Fatal(err)
			}

			err = i.ring(t).Load(t.Context())
			if err == nil || !strings.Contains(err.Error(), k.KeyID) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("starting: got error %v, want %s and %s", err, k.KeyID, test.want)
			}
			maintain(t, running)
			signsWith(t, running, first)
			published, err := running.PublicKeys(t.Context())
			if err != nil || strings.Contains(string(published.JSON), `"d"`) {
				t.Errorf("published %s, error %v", published.JSON, err)
			}
			revoke(t, running, k.KeyID)
			if err := i.ring(t).Load(t.Context()); err != nil {
				t.Errorf("starting once it is revoked: %v", err)
			}
		})
	}
}

// What opens but is no private key of that id does not sign.
func TestDamagedPrivatePart(t *testing.T) {
	private, _ := jwk(t, newECDSA(t))
	for name, plaintext := range map[string]string{"another key": string(private), "not JSON": "{", "no key": "{}"} {
		i := newInstallation(t)
		keyID := i.plant(t, newECDSA(t), keys.ES256)
		stored, err := i.store.SigningKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stored[0].Sealed = seal(t, i.sealer, plaintext, "signing-key:"+keyID)
		if err := i.store.UpdateSigningKey(t.Context(), stored[0]); err != nil {
			t.Fatal(err)
		}
		err = i.ring(t).Load(t.Context())
		if err == nil || errors.Is(err, keys.ErrSealed) || !strings.Contains(err.Error(), "its private part") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}
