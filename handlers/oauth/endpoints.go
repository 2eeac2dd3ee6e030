package oauth

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/provider"
	"kiket.dev/auth/storage"
)

// Endpoints are the OAuth endpoints. All fields are required.
type Endpoints struct {
	Provider  *provider.Provider
	Ring      *keys.Ring
	Issuer    string
	Audience  string // the default one: what tokens for the server's own API are for
	Catalogue storage.Catalogue
	Clock     func() time.Time
}

// Routes returns where the endpoints are mounted.
func (e *Endpoints) Routes() []web.Route {
	post := func(path string, h http.HandlerFunc) web.Route {
		return web.Route{Method: http.MethodPost, Path: path, Permission: web.ClientAuthentication, Handler: h}
	}
	document := func(path string, h http.HandlerFunc) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Permission: web.Public, Handler: h, CORS: true}
	}
	routes := []web.Route{
		post(pathToken, e.token),
		post(pathIntrospect, e.introspect),
		post(pathRevoke, e.revoke),
		document("/.well-known/oauth-authorization-server", e.metadata),
		document("/.well-known/openid-configuration", e.metadata),
		document(pathJWKS, e.jwks),
		document(pathResource, e.protectedResource()),
		// Not for scripts (RFC 9700 section 2.6).
		{Method: http.MethodGet, Path: pathAuthorize, Permission: web.Public, Handler: http.HandlerFunc(noCodeFlow)},
	}
	// Who knows the API by its identifier looks where RFC 9728 section 3.1 says.
	if path, below := strings.CutPrefix(e.Audience, e.Issuer+"/"); below && path != "" && !strings.ContainsAny(path, "?{}") {
		routes = append(routes, document(pathResource+"/"+path, e.protectedResource()))
	}
	return routes
}

// The paths below the issuer.
const (
	pathToken      = provider.TokenPath
	pathIntrospect = "/oauth/introspect"
	pathRevoke     = "/oauth/revoke"
	pathAuthorize  = "/oauth/authorize"
	pathJWKS       = "/.well-known/jwks.json"
	pathResource   = "/.well-known/oauth-protected-resource"
)

// request decodes what all three POST endpoints take.
func request(w http.ResponseWriter, r *http.Request) (provider.Request, error) {
	authorization := r.Header.Values("Authorization")
	if len(authorization) > 1 {
		return provider.Request{}, &provider.Error{Code: provider.InvalidRequest, Description: "more than one Authorization header"}
	}
	form, err := web.Form(w, r, "resource")
	if err != nil {
		return provider.Request{}, err
	}
	decoded := provider.Request{Form: form, Origin: web.OriginOf(r)}
	if len(authorization) == 1 {
		decoded.Authorization = authorization[0]
	}
	return decoded, nil
}

// tokenResponse is RFC 6749 section 5.1.
type tokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}

func (e *Endpoints) token(w http.ResponseWriter, r *http.Request) {
	decoded, err := request(w, r)
	if err != nil {
		e.fail(w, r, err)
		return
	}
	issued, err := e.Provider.Token(r.Context(), decoded)
	if err != nil {
		e.fail(w, r, err)
		return
	}
	web.RecordOf(r.Context()).Add(
		slog.Int64("organization_id", issued.Token.OrganizationID),
		slog.Int64("application_id", issued.Token.ClientID),
		slog.String("jti", issued.Token.Reference))
	answer(w, http.StatusOK, tokenResponse{
		AccessToken: issued.AccessToken.Reveal(),
		TokenType:   "Bearer",
		ExpiresIn:   int64(issued.ExpiresIn.Seconds()),
		Scope:       issued.Scopes.String(),
	})
}

// neverExpires is the exp of a credential that does not expire: the end of the
// year 9999. Libraries refuse an answer without exp.
const neverExpires = 253402300799

// introspectionResponse is RFC 7662 section 2.2, with this product's members.
type introspectionResponse struct {
	Active         bool   `json:"active"`
	Scope          string `json:"scope"`
	ClientID       string `json:"client_id"`
	Subject        string `json:"sub"`
	Audience       string `json:"aud"`
	Issuer         string `json:"iss"`
	IssuedAt       int64  `json:"iat"`
	ExpiresAt      int64  `json:"exp"`
	ID             string `json:"jti"`
	TokenType      string `json:"token_type"`
	TokenKind      string `json:"token_kind"`
	CredentialID   int64  `json:"credential_id"`
	OrganizationID int64  `json:"organization_id"`
	ProjectID      int64  `json:"project_id,omitempty"`
	ExtensionID    int64  `json:"extension_id,omitempty"`
}

// inactive is the whole answer about a token that does not work or that the
// caller may not see.
var inactive = struct {
	Active bool `json:"active"`
}{}

func (e *Endpoints) introspect(w http.ResponseWriter, r *http.Request) {
	decoded, err := request(w, r)
	if err != nil {
		e.fail(w, r, err)
		return
	}
	seen, err := e.Provider.Introspect(r.Context(), decoded)
	if err != nil {
		e.fail(w, r, err)
		return
	}
	record := web.RecordOf(r.Context())
	record.Add(slog.Bool("active", seen.Active))
	if !seen.Active {
		e.tell(w, r, seen, inactive)
		return
	}
	t := seen.Credential.Token
	record.Add(slog.String("token_kind", string(t.Kind)), slog.Int64("credential_id", t.ID))
	e.tell(w, r, seen, e.describe(seen))
}

func (e *Endpoints) describe(seen provider.Introspection) introspectionResponse {
	t := seen.Credential.Token
	described := introspectionResponse{
		Active:         true,
		Scope:          seen.Scopes.String(),
		ClientID:       seen.Credential.PublicClientID(),
		Subject:        seen.Credential.Subject(),
		Audience:       t.Audience,
		Issuer:         e.Issuer,
		IssuedAt:       t.CreatedAt.Unix(),
		ExpiresAt:      neverExpires,
		ID:             seen.Credential.PublicClientID(),
		TokenType:      "Bearer",
		TokenKind:      string(t.Kind),
		CredentialID:   t.ID,
		OrganizationID: t.OrganizationID,
		ProjectID:      t.ProjectID,
		ExtensionID:    t.InstallationID,
	}
	if t.Kind == storage.AccessToken {
		described.ID = t.Reference
	}
	if !t.ExpiresAt.IsZero() {
		described.ExpiresAt = t.ExpiresAt.Unix()
	}
	return described
}

func (e *Endpoints) revoke(w http.ResponseWriter, r *http.Request) {
	decoded, err := request(w, r)
	if err != nil {
		e.fail(w, r, err)
		return
	}
	if err := e.Provider.Revoke(r.Context(), decoded); err != nil {
		e.fail(w, r, err)
		return
	}
	header(w)
	w.WriteHeader(http.StatusOK)
}

func header(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 section 5.1
}

// answer writes one JSON object and nothing after it. What the bodies are made
// of cannot fail to be encoded.
func answer(w http.ResponseWriter, status int, body any) {
	header(w)
	w.WriteHeader(status)
	text, _ := json.Marshal(body)
	// The status is out; a connection that breaks now cannot be told.
	_, _ = w.Write(text)
}
