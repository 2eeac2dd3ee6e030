package assertions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"kiket.dev/auth/storage"
)

// Limits of a JWK Set.
const (
	MaxKeysBytes = 64 << 10
	MaxKeys      = 20
)

// Keys are the public keys of a client, with one of which it signs. The zero value
// has none. They do not change.
type Keys struct {
	list []key
	// serial tells one fetching of keys from another; 0 if they were not fetched.
	serial uint64
}

// ParseKeys reads the JWK Set (RFC 7517 section 5) that a client is registered
// with: 1 to [MaxKeys] public keys, in at most [MaxKeysBytes]. A key is on P-256,
// P-384, P-521 or Ed25519, or RSA of 2048 to 8192 bits, and for signatures as far as
// use, key_ops and alg say. Several may have the same kid. The error is a
// [storage.Invalid] for jwks that names the key and what is wrong with it, and
// repeats nothing of it.
func ParseKeys(document []byte) (Keys, error) {
	entries, err := parseSet(document)
	if err != nil {
		return Keys{}, storage.Invalidf("jwks", "%v", err)
	}
	if len(entries) < 1 || len(entries) > MaxKeys {
		return Keys{}, storage.Invalidf("jwks", "keys: want 1 to %d", MaxKeys)
	}
	var parsed Keys
	for i, entry := range entries {
		k, err := parseKey(entry)
		if err != nil {
			return Keys{}, storage.Invalidf("jwks", "keys[%d]: %v", i, err)
		}
		parsed.list = append(parsed.list, k)
	}
	return parsed, nil
}

// ParseFetchedKeys reads a JWK Set that its owner publishes, for us among others:
// keys that [ParseKeys] would refuse are passed over (RFC 7517 section 5). Of the
// others there must be 1 to [MaxKeys].
func ParseFetchedKeys(document []byte) (Keys, error) {
	entries, err := parseSet(document)
	if err != nil {
		return Keys{}, err
	}
	var parsed Keys
	var problem error
	for i, entry := range entries {
		k, err := parseKey(entry)
		switch {
		case err == nil:
			parsed.list = append(parsed.list, k)
		case problem == nil:
			problem = fmt.Errorf("keys[%d]: %w", i, err)
		}
		if len(parsed.list) > MaxKeys {
			return Keys{}, fmt.Errorf("more than %d keys", MaxKeys)
		}
	}
	switch {
	case len(parsed.list) > 0:
		return parsed, nil
	case problem != nil:
		return Keys{}, fmt.Errorf("no key can be used: %w", problem)
	}
	return Keys{}, errors.New("no keys")
}

// parseSet returns what a JWK Set lists.
func parseSet(document []byte) ([]any, error) {
	if len(document) > MaxKeysBytes {
		return nil, fmt.Errorf("longer than %d bytes", MaxKeysBytes)
	}
	set, ok := parseObject(document)
	if !ok {
		return nil, errors.New("not a JSON object, or one in which a member is there twice")
	}
	entries, ok := set["keys"].([]any)
	if !ok {
		return nil, errors.New(`not a JWK Set: want {"keys": […]}`)
	}
	return entries, nil
}

func parseKey(entry any) (key, error) {
	members, ok := entry.(map[string]any)
	if !ok {
		return key{}, errors.New("want an object")
	}
	return readKey(members)
}

// JSON returns the keys as a JWK Set for storage: the members kty, crv, x, y, n, e,
// kid, use and alg alone. [ParseKeys] reads the same keys from it.
func (k Keys) JSON() []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range k.list {
		set.Keys = append(set.Keys, k.jwk)
	}
	document, _ := json.Marshal(set) // texts always can be
	return document
}

// Current implements [Source] for keys that are registered themselves.
func (k Keys) Current(context.Context) (Keys, error) { return k, nil }

// Newer implements [Source]: there are none.
func (k Keys) Newer(context.Context, Keys) (Keys, error) { return Keys{}, nil }

// candidates returns the keys that may have signed: those that fit the algorithm and
// have the key id, or none. To an assertion that names no key, all have it.
func (k Keys) candidates(algorithm, keyID string) []key {
	var found, nameless []key
	for _, k := range k.list {
		switch {
		case !fits(algorithm, k.public), k.Algorithm != "" && !sameAlgorithm(k.Algorithm, algorithm):
		case keyID == "" || k.KeyID == keyID:
			found = append(found, k)
		case k.KeyID == "":
			nameless = append(nameless, k)
		}
	}
	return append(found, nameless...)
}

// has reports whether there is a key with that id.
func (k Keys) has(keyID string) bool {
	for _, k := range k.list {
		if k.KeyID == keyID {
			return true
		}
	}
	return false
}
