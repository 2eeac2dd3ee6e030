package keys_test

import (
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/keys"
)

func TestWrongMasterKey(t *testing.T) {
	i := newInstallation(t)
	_, keyID := sign(t, i.loaded(t))
	wrong := i.ring(t, withSealer(newSealer(t, masterKey(2))))

	want := "signing key " + keyID + " cannot be opened with the master keys that are given: " +
		"KIKET_AUTH_MASTER_KEY lacks the one that sealed it; add that, or revoke the signing key"
	_, _, rotating := wrong.Rotate(t.Context())
	for name, err := range map[string]error{"Load": wrong.Load(t.Context()), "Check": wrong.Check(t.Context()), "Rotate": rotating} {
		if !errors.Is(err, keys.ErrSealed) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got error %v, want … %s", name, err, want)
		}
	}
	check(t, "nothing has changed", len(list(t, wrong)), 1)
	check(t, "with the right one", i.ring(t).Check(t.Context()), nil)
}

// Whoever has lost the master key begins anew.
func TestLostMasterKey(t *testing.T) {
	i := newInstallation(t)
	token, keyID := sign(t, i.loaded(t))
	r := i.ring(t, withSealer(newSealer(t, masterKey(2))))
	revoke(t, r, keyID)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	refuses(t, r, token)
	token, _ = sign(t, r)
	verifies(t, r, token)
}

func TestKeysAreSealedUnderTheFirstMasterKey(t *testing.T) {
	i := newInstallation(t)
	before := newSealer(t, masterKey(1))
	during := newSealer(t, masterKey(2), masterKey(1))
	after := newSealer(t, masterKey(2))
	old := i.loaded(t, withSealer(before))
	token, keyID := sign(t, old)
	rotate(t, old)

	next := i.loaded(t, withSealer(newSealer(t, masterKey(1), masterKey(2))))
	i.loaded(t, withSealer(during))
	maintain(t, next) // knows both and was started before: it must not seal back
	if err := i.ring(t, withSealer(after)).Check(t.Context()); err != nil {
		t.Errorf("the old master key is needed still: %v", err)
	}
	r := i.loaded(t, withSealer(after))
	verifies(t, r, token)
	signsWith(t, r, keyID)

	// A process that knows the old one alone goes on with what it has opened.
	maintain(t, old)
	signsWith(t, old, keyID)
}

// A replica without the newest master key cannot sign with a key sealed under it,
// but trusts and publishes it like the others.
func TestKeyOfAnotherReplicaCannotBeOpened(t *testing.T) {
	i := newInstallation(t)
	r := i.loaded(t)
	_, first := sign(t, r)
	document, err := i.store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	richer := newInstallation(t)
	richer.store, richer.clock = i.store, i.clock
	check(t, "keys", len(document), 1)
	private := newECDSA(t)
	i.clock.Advance(announcement)
	second := richer.plant(t, private, keys.ES256) // sealed under a master key that r lacks

	maintain(t, r)
	check(t, "published", publishedIDs(t, r), []string{second, first})
	verifies(t, r, es256(t, private, headerOf(t, second, nil), payload))
	if _, _, err := r.Sign(t.Context(), accessToken, claims()); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("signing: got error %v, want ErrSealed", err)
	}
	maintain(t, r)
	check(t, "times logged", strings.Count(i.log.String(), "cannot be used"), 1)
}

// Whoever can write to the database but lacks the master key cannot exchange keys.
func TestExchangedPrivateKey(t *testing.T) {
	i := newInstallation(t)
	i.loaded(t)
	other := newInstallation(t)
	other.sealer = i.sealer
	other.loaded(t)
	ours, err := i.store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ours[0].Sealed = theirs[0].Sealed
	if err := i.store.UpdateSigningKey(t.Context(), ours[0]); err != nil {
		t.Fatal(err)
	}
	if err := i.ring(t).Load(t.Context()); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("got error %v, want ErrSealed", err)
	}
}
