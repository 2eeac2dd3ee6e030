package api

import (
	"fmt"
	"net/http"
	"strings"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// apiKeyHeaders carry extension keys and workspace tokens for clients that cannot
// set Authorization.
var apiKeyHeaders = []string{"X-Kiket-API-Key", "X-API-Key"}

// authenticate returns the credential that the request presents for the permission.
func (a *API) authenticate(r *http.Request, permission web.Permission, origin access.Origin) (storage.Credential, error) {
	token, err := presented(r)
	if err != nil {
		return storage.Credential{}, err
	}
	return a.Server.Provider.Bearer(r.Context(), token, origin, scopesOf(permission)...)
}

// scopesOf returns the scope that a permission is, none if it is none.
func scopesOf(permission web.Permission) []string {
	switch permission {
	case web.Public, authenticated:
		return nil
	case adminOrExtension: // no extension's key has that scope
		return []string{storage.ScopeAdmin}
	default:
		return []string{string(permission)}
	}
}

// presented returns the one token that the request carries (RFC 6750 section 2:
// one method in each request; here always a header).
func presented(r *http.Request) (string, error) {
	var found []string
	for _, value := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", errUnauthenticated
		}
		found = append(found, strings.Trim(token, " "))
	}
	for _, header := range apiKeyHeaders {
		for _, value := range r.Header.Values(header) {
			if value == "" {
				continue // nothing is presented
			}
			if kind, _ := tokens.KindOf(value); kind != storage.ExtensionKey && kind != storage.WorkspaceAPIToken {
				return "", fmt.Errorf("%w: %s takes extension keys and workspace API tokens", errNotAKey, header)
			}
			found = append(found, value)
		}
	}
	switch len(found) {
	case 0:
		return "", errUnauthenticated
	case 1:
		return found[0], nil
	}
	return "", errTwoCredentials
}
