package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"kiket.dev/auth/storage"
)

// SealUnder encrypts plaintext so that it takes both the master key and the text of
// a key that somebody else holds, and of which we keep no more than a digest, to
// open it. The purpose is as for [Sealer.Seal].
func (s *Sealer) SealUnder(key storage.Secret, plaintext []byte, purpose string) ([]byte, error) {
	inner, err := derived(key, purpose)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return s.Seal(inner.Seal(nil, nil, plaintext, []byte(purpose)), purpose)
}

// OpenUnder decrypts what [Sealer.SealUnder] returned for the same key and purpose.
// Whatever is wrong is [ErrSealed].
func (s *Sealer) OpenUnder(key storage.Secret, sealed []byte, purpose string) ([]byte, error) {
	outer, err := s.Open(sealed, purpose)
	if err != nil {
		return nil, err
	}
	inner, err := derived(key, purpose)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	plaintext, err := inner.Open(nil, nil, outer, []byte(purpose))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// derived returns AES-256-GCM with random nonces under a key derived from a text.
func derived(key storage.Secret, purpose string) (cipher.AEAD, error) {
	raw, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "kiket-auth "+purpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
