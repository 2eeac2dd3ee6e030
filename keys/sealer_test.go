package keys_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// masterKey is one of which the test knows the bytes; every n gives another.
func masterKey(n byte) storage.Secret {
	return storage.NewSecret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xf8 + n}, keys.MasterKeyBytes)))
}

func seal(tb testing.TB, s *keys.Sealer, plaintext, purpose string) []byte {
	tb.Helper()
	sealed, err := s.Seal([]byte(plaintext), purpose)
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

func TestMasterKeys(t *testing.T) {
	good := masterKey(1).Reveal()
	spell := func(text string) storage.Secret { return storage.NewSecret(text) }
	urlSafe := strings.NewReplacer("+", "-", "/", "_").Replace(good)
	for _, test := range []struct {
		name string
		keys []storage.Secret
		want string // the error; empty: none
	}{
		{"one", []storage.Secret{masterKey(1)}, ""},
		{"several", []storage.Secret{masterKey(1), masterKey(2), masterKey(3)}, ""},
		{"generated", []storage.Secret{keys.GenerateMasterKey(), keys.GenerateMasterKey()}, ""},
		{"without padding", []storage.Secret{spell(strings.TrimRight(good, "="))}, ""},
		{"for URLs", []storage.Secret{spell(urlSafe)}, ""},
		{"for URLs, without padding", []storage.Secret{spell(strings.TrimRight(urlSafe, "="))}, ""},
		{"from a file", []storage.Secret{spell(good + "\n")}, ""},
		{"none", nil, "no master key is given"},
		{"empty", []storage.Secret{masterKey(1), spell("")}, "master key 2 is of 0 bytes, want 32"},
		{"not base64", []storage.Secret{spell("correct horse battery staple")}, "master key 1 is not base64"},
		{"short", []storage.Secret{spell("c2hvcnQ=")}, "master key 1 is of 5 bytes, want 32"},
		{"long", []storage.Secret{masterKey(1), masterKey(2), spell(strings.Repeat("QUFB", 11))}, "master key 3 is of 33 bytes, want 32"},
		{"twice", []storage.Secret{masterKey(1), masterKey(2), masterKey(1)}, "master key 3 is given twice"},
		{"twice, spelled differently", []storage.Secret{masterKey(1), spell(urlSafe)}, "master key 2 is given twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := keys.NewSealer(test.keys)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || err.Error() != test.want):
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
}

func TestGeneratedMasterKeysDiffer(t *testing.T) {
	one, other := keys.GenerateMasterKey(), keys.GenerateMasterKey()
	if one.Reveal() == other.Reveal() {
		t.Error("two generated master keys are the same")
	}
}

func TestSealAndOpen(t *testing.T) {
	s := newSealer(t)
	for _, plaintext := range []string{"", "a", "a secret", strings.Repeat("long ", 10_000)} {
		sealed := seal(t, s, plaintext, "purpose")
		if len(plaintext) > 4 && bytes.Contains(sealed, []byte(plaintext)) {
			t.Errorf("%q can be read in what is sealed", plaintext)
		}
		opened, err := s.Open(sealed, "purpose")
		if err != nil || string(opened) != plaintext {
			t.Errorf("sealed %.20q, opened %.20q, %v", plaintext, opened, err)
		}
	}
	if bytes.Equal(seal(t, s, "same", "purpose"), seal(t, s, "same", "purpose")) {
		t.Error("the same text is sealed the same way twice")
	}
}

func TestSealedForOnePurpose(t *testing.T) {
	s := newSealer(t)
	sealed := seal(t, s, "a secret", "signing-key:1")
	for _, purpose := range []string{"", "signing-key:", "signing-key:2", "signing-key:11", "extension-secret:1"} {
		if _, err := s.Open(sealed, purpose); !errors.Is(err, keys.ErrSealed) {
			t.Errorf("opened as %q: got error %v, want ErrSealed", purpose, err)
		}
	}
}

func TestSealedUnderAnotherMasterKey(t *testing.T) {
	sealed := seal(t, newSealer(t, masterKey(1)), "a secret", "purpose")
	if _, err := newSealer(t, masterKey(2)).Open(sealed, "purpose"); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("got error %v, want ErrSealed", err)
	}
}

// Every bit counts: the wrapped key, its length and the content.
func TestSealedAndAltered(t *testing.T) {
	s := newSealer(t)
	sealed := seal(t, s, "a secret", "purpose")
	for i := range sealed {
		for bit := range 8 {
			altered := bytes.Clone(sealed)
			altered[i] ^= 1 << bit
			if _, err := s.Open(altered, "purpose"); !errors.Is(err, keys.ErrSealed) {
				t.Fatalf("byte %d, bit %d altered: got error %v, want ErrSealed", i, bit, err)
			}
		}
	}
	for n := range sealed {
		if _, err := s.Open(sealed[:n], "purpose"); !errors.Is(err, keys.ErrSealed) {
			t.Fatalf("cut to %d bytes: got error %v, want ErrSealed", n, err)
		}
	}
	if _, err := s.Open(append(bytes.Clone(sealed), 0), "purpose"); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("one byte longer: got error %v, want ErrSealed", err)
	}
}

// A master key is replaced in three steps, and at each of them everything opens.
func TestMasterKeyRotation(t *testing.T) {
	before := newSealer(t, masterKey(1))
	during := newSealer(t, masterKey(2), masterKey(1))
	after := newSealer(t, masterKey(2))

	old := seal(t, before, "a secret", "purpose")
	if !before.SealedUnderFirst(old) {
		t.Error("before: what the only master key sealed is not under the first")
	}
	opened, err := during.Open(old, "purpose")
	if err != nil || string(opened) != "a secret" {
		t.Fatalf("during: opened %q, %v", opened, err)
	}
	if !during.SealedUnderAny(old) || after.SealedUnderAny(old) {
		t.Error("what the old master key sealed is known afterwards, or not during")
	}
	if during.SealedUnderFirst(old) {
		t.Error("during: what the second master key sealed counts as under the first")
	}
	renewed := seal(t, during, "a secret", "purpose")
	if !during.SealedUnderFirst(renewed) || !after.SealedUnderFirst(renewed) {
		t.Error("during: the first master key does not seal")
	}
	if opened, err = after.Open(renewed, "purpose"); err != nil || string(opened) != "a secret" {
		t.Errorf("after: opened %q, %v", opened, err)
	}
	if _, err = after.Open(old, "purpose"); !errors.Is(err, keys.ErrSealed) {
		t.Errorf("after: what the old master key sealed: got error %v, want ErrSealed", err)
	}
	for _, garbage := range [][]byte{nil, {}, {0, 0, 0}, bytes.Repeat([]byte{1}, 9)} {
		if after.SealedUnderFirst(garbage) || after.SealedUnderAny(garbage) {
			t.Errorf("%v counts as sealed", garbage)
		}
	}
}

// What is derived follows from the first master key and the label, and from nothing else.
func TestDerive(t *testing.T) {
	derive := func(label string, masterKeys ...storage.Secret) string {
		t.Helper()
		s, err := keys.NewSealer(masterKeys)
		if err != nil {
			t.Fatal(err)
		}
		derived, err := s.Derive(label, 13)
		if err != nil || len(derived) != 13 {
			t.Fatalf("%d bytes, %v", len(derived), err)
		}
		return string(derived)
	}
	same := derive("a", masterKey(1))
	if derive("a", masterKey(1)) != same || derive("a", masterKey(1), masterKey(2)) != same {
		t.Error("the same key and label give something else")
	}
	if derive("b", masterKey(1)) == same || derive("a", masterKey(2), masterKey(1)) == same {
		t.Error("another label or key gives the same")
	}
	s, err := keys.NewSealer([]storage.Secret{masterKey(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Derive("a", 1<<20); err == nil {
		t.Error("more than there can be is derived")
	}
}
