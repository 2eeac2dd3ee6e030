package passwords

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

func secret(text string) storage.Secret { return storage.NewSecret(text) }

func TestHashMatches(t *testing.T) {
	h := NewHasher()
	hash, err := h.Hash(t.Context(), secret("Caf\u00e9 au lait!"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		password string
		hash     storage.Secret
		want     bool
	}{
		{"the same", "Caf\u00e9 au lait!", hash, true},
		{"typed another way", "Cafe\u0301 au lait!", hash, true},
		{"with another space", "Caf\u00e9\u00a0au lait!", hash, true},
		{"another case", "caf\u00e9 au lait!", hash, false},
		{"empty", "", hash, false},
		{"what no password can have", "Caf\u00e9 au lait!\n", hash, false},
		{"nobody's", "Caf\u00e9 au lait!", storage.Secret{}, false},
		{"nobody's empty one", "", storage.Secret{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := h.Matches(t.Context(), secret(tt.password), tt.hash)
			if err != nil || got != tt.want {
				t.Errorf("matches: %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestMatchesAnOlderHash(t *testing.T) {
	hash, err := argon2id.CreateHash("correct horse", argon2id.DefaultParams)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := NewHasher().Matches(t.Context(), secret("correct horse"), secret(hash)); !ok || err != nil {
		t.Errorf("matches: %v, %v", ok, err)
	}
	if _, err := NewHasher().Matches(t.Context(), secret("correct horse"), secret("$argon2id$x")); err == nil {
		t.Error("a hash that is none: no error")
	}
}

// Nobody costs what somebody costs.
func TestNobodyHasTheSameParameters(t *testing.T) {
	hash, err := NewHasher().Hash(t.Context(), secret("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	want, _, _, err := argon2id.DecodeHash(hash.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	got, _, _, err := argon2id.DecodeHash(nobody.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-somebody +nobody):\n%s", diff)
	}
}

// Whoever comes when all turns are taken waits, and not for ever.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hasher{turns: make(chan struct{}, 1)}
		done, err := h.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Hash(t.Context(), secret("correct horse")); !errors.Is(err, ErrBusy) || !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("hashing out of turn: %v", err)
		}
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		if _, err := h.Matches(gone, secret("correct horse"), storage.Secret{}); !errors.Is(err, ErrBusy) {
			t.Errorf("comparing out of turn: %v", err)
		}
		done()
		if _, err := h.Matches(t.Context(), secret("correct horse"), storage.Secret{}); err != nil {
			t.Errorf("in turn: %v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	const email = "avery.long@acme.test"
	const length, characters, address = "want 12 to 200 characters", "has characters that a password cannot have", "must not be the e-mail address"
	tests := []struct{ name, password, want string }{
		{"good", "correct horse", ""},
		{"generated", Generate().Reveal(), ""},
		{"none", "", length},
		{"11 characters", strings.Repeat("é", 11), length},
		{"12 characters", strings.Repeat("é", 12), ""},
		{"12 typed as 24", strings.Repeat("e\u0301", 12), ""},
		{"200 characters", strings.Repeat("é", 200), ""},
		{"201 characters", strings.Repeat("é", 201), length},
		{"a line break", "correct\nhorse battery", characters},
		{"the address", "Avery.Long@ACME.test", address},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Check("password", secret(tt.password), email)
			var invalid *storage.Invalid
			got := ""
			if errors.As(err, &invalid) {
				got = invalid.Problem
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
