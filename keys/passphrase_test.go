package keys

import (
	"bytes"
	"errors"
	"testing"

	"kiket.dev/auth/storage"
)

func TestSealUnder(t *testing.T) {
	s, err := NewSealer([]storage.Secret{GenerateMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewSealer([]storage.Secret{GenerateMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	key, plain := storage.NewSecret("order-4711"), []byte("kcs_something")
	sealed, err := s.SealUnder(key, plain, "answer:1")
	if err != nil || bytes.Contains(sealed, plain) {
		t.Fatalf("sealed as %q, %v", sealed, err)
	}
	if got, err := s.OpenUnder(key, sealed, "answer:1"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened as %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another key":          func() ([]byte, error) { return s.OpenUnder(storage.NewSecret("order-4712"), sealed, "answer:1") },
		"another purpose":      func() ([]byte, error) { return s.OpenUnder(key, sealed, "answer:2") },
		"the master key alone": func() ([]byte, error) { return s.OpenUnder(storage.NewSecret(""), sealed, "answer:1") },
		"another master key":   func() ([]byte, error) { return other.OpenUnder(key, sealed, "answer:1") },
		"altered": func() ([]byte, error) {
			return s.OpenUnder(key, append(sealed[:len(sealed)-1:len(sealed)-1], sealed[len(sealed)-1]^1), "answer:1")
		},
		"something else sealed": func() ([]byte, error) {
			plain, _ := s.Seal(plain, "answer:1")
			return s.OpenUnder(key, plain, "answer:1")
		},
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
