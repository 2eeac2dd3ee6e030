package clients

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/storage"
)

// Presented is what a request offers as client authentication.
type Presented struct {
	// Authorization is the value of that header, "" if there is none.
	Authorization string
	// Form is the decoded body, without empty or repeated parameters.
	Form url.Values
}

// claim is what one method of authentication says, not yet checked.
type claim struct {
	method    storage.AuthMethod
	clientID  string
	secret    storage.Secret
	assertion string // a JWT, instead of a secret
}

// Any reports whether the request offers client authentication of any kind,
// right or wrong. A bearer token is not client authentication.
func (p Presented) Any() bool {
	scheme, _, _ := strings.Cut(p.Authorization, " ")
	return strings.EqualFold(scheme, "Basic") || p.Form.Has("client_secret") ||
		p.Form.Has("client_assertion") || p.Form.Has("client_assertion_type")
}

var errTwoMethods = fmt.Errorf("%w: more than one method of client authentication", ErrMalformed)

// claim finds the one method that the request uses (RFC 6749 section 2.3: not
// more than one in each request).
func (p Presented) claim() (claim, error) {
	asserted := p.Form.Has("client_assertion") || p.Form.Has("client_assertion_type")
	switch {
	case asserted && (p.Authorization != "" || p.Form.Has("client_secret")):
		return claim{}, errTwoMethods
	case asserted:
		return p.asserted()
	case p.Authorization != "":
		return p.basic()
	}
	id, secret := p.Form.Get("client_id"), p.Form.Get("client_secret")
	switch {
	case secret != "" && id == "":
		return claim{}, fmt.Errorf("%w: client_secret without client_id", ErrMalformed)
	case secret == "":
		return claim{}, ErrNoCredentials
	}
	return claim{method: storage.AuthSecretPost, clientID: id, secret: storage.NewSecret(secret)}, nil
}

// assertionType is that of a JWT (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// asserted reads a client assertion. Whose it is it says itself; client_id need not
// be there and must not say otherwise (RFC 7521 section 4.2).
func (p Presented) asserted() (claim, error) {
	if p.Form.Get("client_assertion_type") != assertionType {
		return claim{}, fmt.Errorf("%w: client_assertion_type is not %s", ErrInvalidClient, assertionType)
	}
	text := p.Form.Get("client_assertion")
	id, err := assertions.ClaimedClient(text)
	if err != nil {
		return claim{}, fmt.Errorf("%w: %w", ErrInvalidClient, err)
	}
	if body := p.Form.Get("client_id"); body != "" && body != id {
		return claim{}, fmt.Errorf("%w: client_id differs from the client of the assertion", ErrInvalidClient)
	}
	return claim{method: storage.AuthPrivateKeyJWT, clientID: id, assertion: text}, nil
}

// basic reads the Basic scheme; id and secret are form-encoded inside it (RFC
// 6749 section 2.3.1).
func (p Presented) basic() (claim, error) {
	scheme, encoded, _ := strings.Cut(p.Authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return claim{}, fmt.Errorf("%w: unsupported authentication scheme", ErrInvalidClient)
	}
	if p.Form.Has("client_secret") {
		return claim{}, errTwoMethods
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil {
		return claim{}, fmt.Errorf("%w: the Basic credentials are not base64", ErrInvalidClient)
	}
	id, secret, found := strings.Cut(string(decoded), ":")
	if !found {
		return claim{}, fmt.Errorf("%w: the Basic credentials have no colon", ErrInvalidClient)
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	if errID != nil || errSecret != nil {
		return claim{}, fmt.Errorf("%w: the Basic credentials are not form-encoded", ErrInvalidClient)
	}
	if body := p.Form.Get("client_id"); body != "" && body != id {
		return claim{}, fmt.Errorf("%w: client_id differs from the authenticated client", ErrMalformed)
	}
	return claim{method: storage.AuthSecretBasic, clientID: id, secret: storage.NewSecret(secret)}, nil
}
