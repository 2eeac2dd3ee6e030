package api

import (
	"encoding/json"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// keySet is a JWK Set (RFC 7517 section 5) as it came.
type keySet json.RawMessage

// UnmarshalJSON implements [json.Unmarshaler].
func (k *keySet) UnmarshalJSON(text []byte) error {
	*k = append((*k)[:0], text...)
	return nil
}

// wanted says what may stand in the place of the member.
func (keySet) wanted() string { return "a JWK Set: an object with the member keys" }

// authentication is how an application is to authenticate, as members of its
// representation have it (RFC 7591 section 2). null puts a member back to what it is
// without.
type authentication struct {
	method   optional[storage.AuthMethod]
	methods  optional[[]storage.AuthMethod]
	jwks     optional[keySet]
	jwksURI  optional[string]
	audience *bool
}

func (a authentication) update() (clients.AuthenticationUpdate, error) {
	u := clients.AuthenticationUpdate{TokenURLAudience: a.audience}
	switch {
	case a.method.set && a.methods.set:
		return u, storage.Invalidf("token_endpoint_auth_methods", "give token_endpoint_auth_method or token_endpoint_auth_methods, not both")
	case a.method.set:
		named := []storage.AuthMethod{}
		if method := a.method.get(); method != nil {
			named = append(named, *method)
		}
		u.Methods = &named
	case a.methods.set:
		u.Methods = &a.methods.value
	}
	if a.jwks.set {
		document := []byte(a.jwks.value)
		u.JWKS = &document
	}
	if a.jwksURI.set {
		u.JWKSURI = &a.jwksURI.value
	}
	return u, nil
}
