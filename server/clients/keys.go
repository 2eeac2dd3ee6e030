package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/storage"
)

// SecretMethods are the methods of a client that is registered for none in particular
// and without keys.
var SecretMethods = []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost}

// AuthMethods are the methods that a client can be registered for.
var AuthMethods = append(slices.Clone(SecretMethods), storage.AuthPrivateKeyJWT)

// Authentication is how a client is to authenticate.
type Authentication struct {
	// Methods, of [AuthMethods]; none: private_key_jwt if there are keys, and else
	// those with a secret.
	Methods []storage.AuthMethod
	// JWKS is a set of public keys (RFC 7517), nil: none.
	JWKS []byte
	// JWKSURI is where the client publishes such a set instead, empty: nowhere.
	JWKSURI string
	// TokenURLAudience: see [storage.Client].
	TokenURLAudience bool
}

// checked returns the methods and keys as they are stored. It returns
// storage.ErrInvalid.
func (s *Service) checked(a Authentication) (Authentication, error) {
	var wrong []error
	if len(a.JWKS) == 0 {
		a.JWKS = nil
	} else {
		keys, err := assertions.ParseKeys(a.JWKS)
		wrong = append(wrong, err)
		a.JWKS = keys.JSON()
	}
	if a.JWKSURI != "" {
		if err := s.CheckURL(a.JWKSURI); err != nil {
			wrong = append(wrong, storage.Invalidf("jwks_uri", "%v", err))
		}
		if len(a.JWKS) > 0 {
			wrong = append(wrong, storage.Invalidf("jwks_uri", "give jwks or jwks_uri, not both"))
		}
	}
	if len(a.Methods) == 0 {
		a.Methods = SecretMethods
		if a.hasKeys() {
			a.Methods = []storage.AuthMethod{storage.AuthPrivateKeyJWT}
		}
	}
	return a, errors.Join(append(wrong, checkMethods(a))...)
}

func (a Authentication) hasKeys() bool { return len(a.JWKS) > 0 || a.JWKSURI != "" }

func checkMethods(a Authentication) error {
	for i, m := range a.Methods {
		if !slices.Contains(AuthMethods, m) || slices.Contains(a.Methods[:i], m) {
			return storage.Invalidf("token_endpoint_auth_method", "want %s, %s or %s, each once",
				storage.AuthSecretBasic, storage.AuthSecretPost, storage.AuthPrivateKeyJWT)
		}
	}
	if slices.Contains(a.Methods, storage.AuthPrivateKeyJWT) && !a.hasKeys() {
		return storage.Invalidf("jwks", "private_key_jwt needs the public keys: jwks or jwks_uri")
	}
	return nil
}

// takesSecrets reports whether any of the methods is one with a secret.
func takesSecrets(methods []storage.AuthMethod) bool {
	return slices.ContainsFunc(methods, func(m storage.AuthMethod) bool { return slices.Contains(SecretMethods, m) })
}

// authenticationOf is how a client authenticates now.
func authenticationOf(c storage.Client) Authentication {
	return Authentication{Methods: c.AuthMethods, JWKS: c.JWKS, JWKSURI: c.JWKSURI, TokenURLAudience: c.TokenURLAudience}
}

// AuthenticationUpdate is a change of how a client authenticates; nil leaves as it is.
// Of jwks and jwks_uri the one that is set replaces the other.
type AuthenticationUpdate struct {
	Methods          *[]storage.AuthMethod // none: as [Authentication] has it
	JWKS             *[]byte               // empty: none
	JWKSURI          *string               // empty: none
	TokenURLAudience *bool
}

// On returns how a client authenticates after the change.
func (u AuthenticationUpdate) On(before Authentication) Authentication {
	after := before
	if u.Methods != nil {
		after.Methods = *u.Methods
	}
	if u.JWKS != nil {
		after.JWKS = *u.JWKS
	}
	if u.JWKSURI != nil {
		after.JWKSURI = *u.JWKSURI
	}
	if u.JWKS != nil && len(*u.JWKS) > 0 && u.JWKSURI == nil {
		after.JWKSURI = ""
	}
	if u.JWKSURI != nil && *u.JWKSURI != "" && u.JWKS == nil {
		after.JWKS = nil
	}
	if u.TokenURLAudience != nil {
		after.TokenURLAudience = *u.TokenURLAudience
	}
	return after
}

// changeAuthentication adds to a change of a client, and to what the audit log is told
// of it, how the client authenticates from then on. Whoever decides that can do what
// the client can. It returns access.ErrDenied or storage.ErrInvalid.
func (s *Service) changeAuthentication(ctx context.Context, caller access.Caller, c storage.Client, u AuthenticationUpdate, change *storage.ClientUpdate, details map[string]any) error {
	if u == (AuthenticationUpdate{}) {
		return nil
	}
	before := authenticationOf(c)
	after, err := s.checked(u.On(before))
	if err != nil {
		return err
	}
	differs := func(member string, from, to any) { details[member] = map[string]any{"from": from, "to": to} }
	changed := false
	if !slices.Equal(after.Methods, before.Methods) {
		changed, change.AuthMethods = true, &after.Methods
		differs("token_endpoint_auth_methods", before.Methods, after.Methods)
	}
	if !bytes.Equal(after.JWKS, before.JWKS) {
		changed, change.JWKS = true, &after.JWKS
		differs("jwks", json.RawMessage(before.JWKS), json.RawMessage(after.JWKS))
	}
	if after.JWKSURI != before.JWKSURI {
		changed, change.JWKSURI = true, &after.JWKSURI
		differs("jwks_uri", before.JWKSURI, after.JWKSURI)
	}
	if after.TokenURLAudience != before.TokenURLAudience {
		changed, change.TokenURLAudience = true, &after.TokenURLAudience
		differs("token_url_audience", before.TokenURLAudience, after.TokenURLAudience)
	}
	if !changed {
		return nil
	}
	if err := caller.RequireAtMost(c.Scopes); err != nil {
		return err
	}
	if takesSecrets(after.Methods) {
		return nil
	}
	// They would work again, unexpected, once secrets do.
	return s.closeSecrets(ctx, c, 0, s.Clock())
}
