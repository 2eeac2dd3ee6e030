package api

import (
	"net/http"

	"kiket.dev/auth/storage"
)

var scopeEndpoints = []endpoint{
	{method: http.MethodGet, path: "/scopes", permission: admin, handle: (*API).listScopes},
}

type scopeBody struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Includes    storage.Scopes `json:"includes"`
}

// listScopes answers with the whole catalogue, which is never more than a page.
func (a *API) listScopes(*call) (reply, error) {
	catalogue := a.Server.Catalogue
	scopes := make([]scopeBody, 0, len(catalogue.All()))
	for _, name := range catalogue.All() {
		scopes = append(scopes, scopeBody{name, catalogue.Describe(name), catalogue.Includes(name)})
	}
	return ok(listBody{"scopes", scopes, nil}), nil
}
