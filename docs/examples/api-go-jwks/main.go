// An API that verifies access tokens by itself, with the published keys.
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Name a new algorithm here before the server is told to sign with it.
var algorithms = []jose.SignatureAlgorithm{jose.ES256}

// token is what an access token says (RFC 9068 section 2.2).
type token struct {
	jwt.Claims
	Scope          string `json:"scope"`
	OrganizationID int64  `json:"organization_id"`
}

// covers reports whether a scope was granted, by name or by the bare name that
// includes it: issues includes issues:read and issues:write.
func (t token) covers(want string) bool {
	bare, _, _ := strings.Cut(want, ":")
	for scope := range strings.FieldsSeq(t.Scope) {
		if scope == want || scope == bare {
			return true
		}
	}
	return false
}

// guard verifies tokens that were issued for an audience.
type guard struct {
	issuer, audience string
	keys             *keySet
}

// verify checks type, signature, issuer, audience and expiry (RFC 9068 section
// 4). It fails with errUnavailable if it has no keys to do so.
func (g guard) verify(bearer string) (token, error) {
	var t token
	parsed, err := jwt.ParseSigned(bearer, algorithms)
	if err != nil {
		return t, err
	}
	header := parsed.Headers[0]
	if header.ExtraHeaders[jose.HeaderType] != "at+jwt" {
		return t, errors.New("not an access token")
	}
	key, err := g.keys.get(header.KeyID)
	if err != nil {
		return t, err
	}
	if err := parsed.Claims(key, &t); err != nil {
		return t, err
	}
	if t.Expiry == nil { // which the library lets pass
		return t, errors.New("the token does not expire")
	}
	expected := jwt.Expected{Issuer: g.issuer, AnyAudience: jwt.Audience{g.audience}, Time: time.Now()}
	return t, t.ValidateWithLeeway(expected, 0)
}

// require lets requests pass whose token is good and covers the scope.
func (g guard) require(scope string, next func(http.ResponseWriter, *http.Request, token)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
			refuse(w, http.StatusUnauthorized, `scope="`+scope+`"`)
			return
		}
		t, err := g.verify(bearer)
		switch {
		case errors.Is(err, errUnavailable): // unknown is not allowed
			log.Print(err)
			w.Header().Set("Retry-After", "2")
			http.Error(w, "try again", http.StatusServiceUnavailable)
		case err != nil:
			refuse(w, http.StatusUnauthorized, `error="invalid_token"`)
		case !t.covers(scope):
			refuse(w, http.StatusForbidden, `error="insufficient_scope", scope="`+scope+`"`)
		default:
			next(w, r, t)
		}
	}
}

// refuse answers as RFC 6750 section 3 says.
func refuse(w http.ResponseWriter, status int, parameters string) {
	w.Header().Set("WWW-Authenticate", "Bearer "+parameters)
	http.Error(w, http.StatusText(status), status)
}

func main() {
	issuer := os.Getenv("ISSUER")
	g := guard{issuer, os.Getenv("AUDIENCE"), &keySet{
		url: issuer + "/.well-known/jwks.json", client: &http.Client{Timeout: 5 * time.Second},
	}}
	http.HandleFunc("GET /issues", g.require("issues:read", func(w http.ResponseWriter, _ *http.Request, t token) {
		fmt.Fprintf(w, "issues of organization %d for %s\n", t.OrganizationID, t.Subject)
	}))
	http.HandleFunc("POST /issues", g.require("issues:write", func(w http.ResponseWriter, _ *http.Request, t token) {
		fmt.Fprintf(w, "an issue in organization %d by %s\n", t.OrganizationID, t.Subject)
	}))
	server := &http.Server{Addr: os.Getenv("LISTEN"), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
