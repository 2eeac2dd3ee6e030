package oauth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/provider"
)

// metadata is RFC 8414 section 2. It lists what works and nothing else, save
// for the three members at the end, without which libraries refuse it.
type metadata struct {
	Issuer                        string           `json:"issuer"`
	TokenEndpoint                 string           `json:"token_endpoint"`
	TokenAuthMethods              []string         `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms           []string         `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpoint         string           `json:"introspection_endpoint"`
	IntrospectionAuthMethods      []string         `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgorithms   []string         `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAlgorithms       []keys.Algorithm `json:"introspection_signing_alg_values_supported"` // RFC 9701 section 6
	RevocationEndpoint            string           `json:"revocation_endpoint"`
	RevocationAuthMethods         []string         `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgorithms      []string         `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	JWKSURI                       string           `json:"jwks_uri"`
	ScopesSupported               []string         `json:"scopes_supported"`
	GrantTypesSupported           []string         `json:"grant_types_supported"`
	AuthorizationEndpoint         string           `json:"authorization_endpoint"`
	ResponseTypesSupported        []string         `json:"response_types_supported"`
	CodeChallengeMethodsSupported []string         `json:"code_challenge_methods_supported"`
}

// documentMaxAge is for how long the metadata may be kept, in seconds.
const documentMaxAge = 300

func (e *Endpoints) metadata(w http.ResponseWriter, r *http.Request) {
	methods := []string{}
	for _, method := range clients.AuthMethods {
		methods = append(methods, string(method))
	}
	document, err := json.Marshal(metadata{
		Issuer:                        e.Issuer,
		TokenEndpoint:                 e.Issuer + pathToken,
		TokenAuthMethods:              methods,
		IntrospectionEndpoint:         e.Issuer + pathIntrospect,
		IntrospectionAuthMethods:      append(slices.Clone(methods), "Bearer"), // RFC 8414: also access token types
		TokenAuthAlgorithms:           assertions.Algorithms,
		IntrospectionAuthAlgorithms:   assertions.Algorithms,
		RevocationAuthAlgorithms:      assertions.Algorithms,
		IntrospectionAlgorithms:       e.Ring.Algorithms(), // of what may be signed until the document is read anew
		RevocationEndpoint:            e.Issuer + pathRevoke,
		RevocationAuthMethods:         methods,
		JWKSURI:                       e.Issuer + pathJWKS,
		ScopesSupported:               e.Catalogue.All(),
		GrantTypesSupported:           []string{"client_credentials"},
		AuthorizationEndpoint:         e.Issuer + pathAuthorize,
		ResponseTypesSupported:        []string{},
		CodeChallengeMethodsSupported: []string{"S256"},
	})
	e.serveDocument(document, err)(w, r)
}

func (e *Endpoints) serveDocument(document []byte, err error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			e.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", documentMaxAge))
		_, _ = w.Write(document)
	}
}

// resourceMetadata is RFC 9728 section 2, for the server's own API. It names no
// scopes: clients ask for all that are listed, and few are registered for all.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ResourceName         string   `json:"resource_name"`
}

func (e *Endpoints) protectedResource() http.HandlerFunc {
	return e.serveDocument(json.Marshal(resourceMetadata{
		Resource:             e.Audience,
		AuthorizationServers: []string{e.Issuer},
		BearerMethods:        []string{"header"},
		ResourceName:         "Kiket management API",
	}))
}

func (e *Endpoints) jwks(w http.ResponseWriter, r *http.Request) {
	published, err := e.Ring.PublicKeys(r.Context())
	if err != nil {
		e.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(published.MaxAge.Seconds())))
	w.Header().Set("ETag", published.ETag)
	if matches(strings.Join(r.Header.Values("If-None-Match"), ","), published.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(published.JSON)
}

// matches is If-None-Match with weak comparison (RFC 9110 section 13.1.2).
func matches(header, etag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for candidate := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == etag {
			return true
		}
	}
	return false
}

const noCodeFlowPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Kiket Auth</title>
<h1>There is no authorization code flow here</h1>
<p>This server issues tokens to applications by the client credentials grant, at the token endpoint. There is nothing to authorize in a browser.</p>
</html>
`

// noCodeFlow is the page that the metadata's authorization_endpoint names.
func noCodeFlow(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(noCodeFlowPage))
}

// NotFound answers a path that does not exist.
func NotFound(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusNotFound, errorResponse{string(provider.InvalidRequest), "there is nothing here"})
}
