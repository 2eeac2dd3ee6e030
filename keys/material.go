package keys

import (
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/storage"
)

// material is the cryptographic part of a signing key, which never changes:
// snapshots share it.
type material struct {
	keyID          string
	algorithm      Algorithm
	public         any    // what verifies
	document       []byte // the public JWK with kid, use and alg
	signatureBytes int

	private any // nil: could not be opened
	sealed  []byte
	signers sync.Map // of typ: jose.Signer
}

func sealingPurpose(keyID string) string { return "signing-key:" + keyID }

// generateMaterial makes a new key. Its id does not begin with a hyphen, which the
// command line would take for a flag: one key in 64 is thrown away.
func generateMaterial(a Algorithm) (*material, error) {
	for {
		private, err := a.generate()
		if err != nil {
			return nil, fmt.Errorf("generating a signing key: %w", err)
		}
		jwk := jose.JSONWebKey{Key: private}
		public := jwk.Public()
		keyID, err := thumbprint(public)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(keyID, "-") {
			m := &material{private: private}
			return m, m.describe(keyID, a, public)
		}
	}
}

// describe fills in everything that follows from the public key.
func (m *material) describe(keyID string, a Algorithm, public jose.JSONWebKey) error {
	public = jose.JSONWebKey{Key: public.Key, KeyID: keyID, Algorithm: string(a), Use: "sig"}
	document, err := public.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encoding a public key: %w", err)
	}
	m.keyID, m.algorithm, m.public, m.document = keyID, a, public.Key, document
	m.signatureBytes = a.signatureBytes(public.Key)
	if m.signatureBytes == 0 {
		return fmt.Errorf("its key is not for %s", a)
	}
	return nil
}

// seal encrypts the private key for storage.
func (m *material) seal(s *Sealer) ([]byte, error) {
	document, err := jose.JSONWebKey{Key: m.private, KeyID: m.keyID, Algorithm: string(m.algorithm), Use: "sig"}.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return s.Seal(document, sealingPurpose(m.keyID))
}

// readMaterial reads the public part of a stored key.
func readMaterial(k storage.SigningKey) (*material, error) {
	var public jose.JSONWebKey
	if err := public.UnmarshalJSON(k.PublicJWK); err != nil {
		return nil, fmt.Errorf("reading its public part: %w", err)
	}
	if !public.IsPublic() {
		return nil, errors.New("its public part is private")
	}
	if id, err := thumbprint(public); err != nil || id != k.KeyID {
		return nil, errors.New("its key id does not belong to its public part")
	}
	m := &material{sealed: k.Sealed}
	return m, m.describe(k.KeyID, Algorithm(k.Algorithm), public)
}

// open decrypts the private part. Errors match [ErrSealed] if the master keys
// are to blame.
func (m *material) open(s *Sealer) error {
	document, err := s.Open(m.sealed, sealingPurpose(m.keyID))
	if err != nil {
		return err
	}
	var private jose.JSONWebKey
	if err := private.UnmarshalJSON(document); err != nil {
		return errors.New("its private part cannot be read") // the library's error may quote it
	}
	if id, err := thumbprint(private.Public()); err != nil || id != m.keyID {
		return errors.New("its private part does not belong to its public part")
	}
	m.private = private.Key
	return nil
}

// signer returns the signer for tokens of a type, made at the first use.
func (m *material) signer(typ string) (jose.Signer, error) {
	if s, ok := m.signers.Load(typ); ok {
		return s.(jose.Signer), nil
	}
	key := jose.SigningKey{Algorithm: m.algorithm.jose(), Key: jose.JSONWebKey{Key: m.private, KeyID: m.keyID}}
	s, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, fmt.Errorf("preparing signing key %s: %w", m.keyID, err)
	}
	m.signers.Store(typ, s)
	return s, nil
}

// thumbprint is the key id: RFC 7638 with SHA-256.
func thumbprint(public jose.JSONWebKey) (string, error) {
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("computing a key id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
