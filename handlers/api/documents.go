package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v4"

	"kiket.dev/auth/handlers/web"
)

// description is the API as OpenAPI 3.1 describes it. It is written by hand; tests
// hold it equal to the routes and to what they answer.
//
//go:embed openapi.yaml
var description []byte

var documentEndpoints = []endpoint{
	{method: http.MethodGet, path: "/openapi.json", permission: web.Public, handle: (*API).openAPI},
	{method: http.MethodGet, path: "/docs", permission: web.Public, handle: (*API).reference},
}

// openAPIDocument returns the description as JSON.
var openAPIDocument = sync.OnceValues(func() (json.RawMessage, error) {
	var document any
	if err := yaml.Unmarshal(description, &document); err != nil {
		return nil, fmt.Errorf("reading the API's description: %w", err)
	}
	return json.Marshal(document)
})

func (a *API) openAPI(*call) (reply, error) {
	document, err := openAPIDocument()
	if err != nil {
		return reply{}, err
	}
	return ok(document), nil
}
