package keys

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"

	"kiket.dev/auth/storage"
)

// MasterKeyBytes is the length of a master key.
const MasterKeyBytes = 32

// Sealer encrypts what is secret at rest with Tink's envelope encryption: every
// piece under an AES-256-GCM key of its own, which is kept beside it encrypted
// under a master key, also with AES-256-GCM. The first master key encrypts, all
// of them decrypt. A Sealer is safe for concurrent use.
type Sealer struct {
	envelope tink.AEAD
	// beginnings are how what each of the master keys encrypts begins.
	beginnings [][]byte
	// root is what [Sealer.Derive] derives from; the first master key follows from it no
	// more than from what is derived.
	root []byte
}

// NewSealer returns a Sealer under the master keys, each the base64 (RFC 4648
// section 4 or 5, padded or not) of [MasterKeyBytes] random bytes. At least one
// is needed and none may be given twice. An error names the position of a wrong
// key, from 1, and never its text.
func NewSealer(masterKeys []storage.Secret) (*Sealer, error) {
	if len(masterKeys) == 0 {
		return nil, errors.New("no master key is given")
	}
	keyset := keyset.NewManager()
	var seen [][]byte
	var ids []uint32
	for i, secret := range masterKeys {
		raw, err := decodeMasterKey(secret)
		if err != nil {
			return nil, fmt.Errorf("master key %d %w", i+1, err)
		}
		if slices.ContainsFunc(seen, func(other []byte) bool { return string(other) == string(raw) }) {
			return nil, fmt.Errorf("master key %d is given twice", i+1)
		}
		seen = append(seen, raw)
		id, err := addMasterKey(keyset, raw)
		if err != nil {
			return nil, fmt.Errorf("master key %d cannot be used: %w", i+1, err)
		}
		ids = append(ids, id)
	}
	s, err := newSealer(keyset, ids)
	if err != nil {
		return nil, err
	}
	if s.root, err = hkdf.Key(sha256.New, seen[0], nil, "kiket-auth derived secrets", MasterKeyBytes); err != nil {
		return nil, fmt.Errorf("deriving from the first master key: %w", err)
	}
	return s, nil
}

func newSealer(keys *keyset.Manager, ids []uint32) (*Sealer, error) {
	if err := keys.SetPrimary(ids[0]); err != nil {
		return nil, fmt.Errorf("choosing the first master key: %w", err)
	}
	handle, err := keys.Handle()
	if err != nil {
		return nil, fmt.Errorf("gathering the master keys: %w", err)
	}
	master, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("preparing the master keys: %w", err)
	}
	s := &Sealer{envelope: aead.NewKMSEnvelopeAEAD2(aead.AES256GCMKeyTemplate(), master)}
	for _, id := range ids {
		s.beginnings = append(s.beginnings, binary.BigEndian.AppendUint32([]byte{tinkPrefix}, id))
	}
	return s, nil
}

// decodeMasterKey returns the bytes of a master key. Its errors continue
// "master key 1".
func decodeMasterKey(secret storage.Secret) ([]byte, error) {
	text := strings.TrimRight(strings.TrimSpace(secret.Reveal()), "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil: // which quotes what it was given
		return nil, errors.New("is not base64")
	case len(raw) != MasterKeyBytes:
		return nil, fmt.Errorf("is of %d bytes, want %d", len(raw), MasterKeyBytes)
	}
	return raw, nil
}

// addMasterKey adds a master key under an id that follows from the key alone, so
// that every process knows which of its keys sealed what it reads.
func addMasterKey(keys *keyset.Manager, raw []byte) (uint32, error) {
	derived, err := hkdf.Key(sha256.New, raw, nil, "kiket-auth master key id", 4)
	if err != nil {
		return 0, fmt.Errorf("deriving its id: %w", err)
	}
	parameters, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: MasterKeyBytes, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink,
	})
	if err != nil {
		return 0, fmt.Errorf("describing it: %w", err)
	}
	secret := secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{})
	key, err := aesgcm.NewKey(secret, binary.BigEndian.Uint32(derived), parameters)
	if err != nil {
		return 0, fmt.Errorf("reading it: %w", err)
	}
	return keys.AddKey(key)
}

// GenerateMasterKey returns a new master key in the form that [NewSealer] takes.
func GenerateMasterKey() storage.Secret {
	raw := make([]byte, MasterKeyBytes)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	return storage.NewSecret(base64.StdEncoding.EncodeToString(raw))
}

// Seal encrypts plaintext. The purpose says what it is, and of whom, for example
// "signing-key:" and the key id: it is not kept, but only who names the same one
// can open what was sealed, so that nothing sealed can be put in another's place.
func (s *Sealer) Seal(plaintext []byte, purpose string) ([]byte, error) {
	sealed, err := s.envelope.Encrypt(plaintext, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed, nil
}

// Open decrypts what [Sealer.Seal] returned for the same purpose, under any of
// the master keys. Whatever is wrong is [ErrSealed].
func (s *Sealer) Open(sealed []byte, purpose string) ([]byte, error) {
	plaintext, err := s.envelope.Decrypt(sealed, []byte(purpose))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// Derive returns n secret bytes that follow from the first master key and the label (HKDF,
// RFC 5869), and so are the same in every process that has the key: what needs to be kept
// nowhere. What was derived says nothing of the key, or of what another label gives.
func (s *Sealer) Derive(label string, n int) ([]byte, error) {
	derived, err := hkdf.Expand(sha256.New, s.root, label, n)
	if err != nil {
		return nil, fmt.Errorf("deriving %s: %w", label, err)
	}
	return derived, nil
}

// The form of what is sealed, as Tink defines it: the length of the encrypted
// key in 4 bytes, the encrypted key, the encrypted content. What a Tink key
// encrypts begins with a 1 and the id of that key in 4 bytes.
const (
	lengthBytes = 4
	tinkPrefix  = 1
)

// SealedUnderFirst reports whether the first master key sealed it. If not, it
// has to be opened and sealed again before the other master keys are taken away.
func (s *Sealer) SealedUnderFirst(sealed []byte) bool {
	return begins(sealed, s.beginnings[0])
}

// SealedUnderAny reports whether one of the master keys sealed it, as far as it says so
// itself. If not, the key was taken away.
func (s *Sealer) SealedUnderAny(sealed []byte) bool {
	return slices.ContainsFunc(s.beginnings, func(b []byte) bool { return begins(sealed, b) })
}

func begins(sealed, beginning []byte) bool {
	return len(sealed) >= lengthBytes && bytes.HasPrefix(sealed[lengthBytes:], beginning)
}
