package keys_test

import (
	"testing"

	"kiket.dev/auth/keys"
)

var algorithms = []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256}

func BenchmarkSign(b *testing.B) {
	for _, a := range algorithms {
		b.Run(string(a), func(b *testing.B) {
			r := newInstallation(b).loaded(b, withAlgorithm(a))
			body := claims()
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := r.Sign(b.Context(), accessToken, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, a := range algorithms {
		b.Run(string(a), func(b *testing.B) {
			r := newInstallation(b).loaded(b, withAlgorithm(a))
			token, _ := sign(b, r)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Verify(b.Context(), token, accessToken); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	s := newSealer(b)
	for b.Loop() {
		if _, err := s.Seal([]byte("a secret"), "extension-secret:7/TOKEN"); err != nil {
			b.Fatal(err)
		}
	}
}
