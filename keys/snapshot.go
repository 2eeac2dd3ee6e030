package keys

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// snapshot is what the ring knows at one moment. It never changes: a reload
// makes another.
type snapshot struct {
	keys      []storage.SigningKey // in order of ActiveAt
	materials map[string]*material // by key id; without those that cannot be read
	faults    map[string]error     // by key id: why a key cannot be used to the full
}

// newSnapshot reads the stored keys. What previous has opened is taken over, so
// that a key goes on signing when another process seals it under a master key
// that is unknown here.
func newSnapshot(stored []storage.SigningKey, s *Sealer, previous *snapshot) *snapshot {
	next := &snapshot{keys: stored, materials: map[string]*material{}, faults: map[string]error{}}
	for _, k := range stored {
		if !k.RevokedAt.IsZero() {
			continue
		}
		m, err := previous.reuse(k)
		if m == nil {
			m, err = readMaterial(k)
			if err == nil {
				err = m.open(s)
			} else {
				m = nil
			}
		}
		if m != nil {
			next.materials[k.KeyID] = m
		}
		if err != nil {
			next.faults[k.KeyID] = err
		}
	}
	return next
}

// reuse returns the material of a stored key that an earlier snapshot has read,
// unless trying again could give more.
func (s *snapshot) reuse(k storage.SigningKey) (*material, error) {
	if s == nil {
		return nil, nil
	}
	m := s.materials[k.KeyID]
	if m == nil || m.algorithm != Algorithm(k.Algorithm) {
		return nil, nil
	}
	if m.private == nil && !bytes.Equal(m.sealed, k.Sealed) {
		return nil, nil
	}
	return m, s.faults[k.KeyID]
}

// signing returns the material of the key that signs at now.
func (s *snapshot) signing(now time.Time) (*material, error) {
	i := current(s.keys, now)
	if i < 0 {
		return nil, ErrNoSigningKey
	}
	keyID := s.keys[i].KeyID
	if fault := s.faults[keyID]; fault != nil {
		return nil, faultError(keyID, fault)
	}
	return s.materials[keyID], nil
}

// fault returns an error if any key cannot be used to the full.
func (s *snapshot) fault() error {
	var errs []error
	for _, k := range s.keys {
		if fault := s.faults[k.KeyID]; fault != nil {
			errs = append(errs, faultError(k.KeyID, fault))
		}
	}
	return errors.Join(errs...)
}

// faultError says what is wrong with a key and what can be done.
func faultError(keyID string, fault error) error {
	if errors.Is(fault, ErrSealed) {
		return fmt.Errorf("signing key %s %w: KIKET_AUTH_MASTER_KEY lacks the one that sealed it; add that, or revoke the signing key", keyID, fault)
	}
	return fmt.Errorf("signing key %s: %w", keyID, fault)
}

// without returns a snapshot that does not know a key.
func (s *snapshot) without(keyID string, now time.Time) *snapshot {
	next := &snapshot{keys: slices.Clone(s.keys), materials: maps.Clone(s.materials), faults: maps.Clone(s.faults)}
	delete(next.materials, keyID)
	delete(next.faults, keyID)
	for i := range next.keys {
		if next.keys[i].KeyID == keyID {
			next.keys[i].RevokedAt = now
		}
	}
	return next
}

// document returns the JWK Set (RFC 7517 section 5) at now, nil if it would be
// empty. The key that signs comes first: there are verifiers that look no further.
func (s *snapshot) document(now time.Time) []byte {
	signing := current(s.keys, now)
	set := make([][]byte, 0, len(s.keys))
	for i, k := range s.keys {
		m := s.materials[k.KeyID]
		switch {
		case m == nil || !published(s.keys, i, now):
		case i == signing:
			set = slices.Insert(set, 0, m.document)
		default:
			set = append(set, m.document)
		}
	}
	if len(set) == 0 {
		return nil
	}
	return slices.Concat([]byte(`{"keys":[`), bytes.Join(set, []byte(",")), []byte("]}"))
}
