package clients

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

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
	method   storage.AuthMethod
	clientID string
	secret   storage.Secret
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
		return claim{}, fmt.Errorf("%w: client assertions are not supported", ErrInvalidClient)
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
