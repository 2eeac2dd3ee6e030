// An API that asks Kiket Auth about the token of every request.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// token is what introspection tells of a token that works (RFC 7662 section 2.2).
type token struct {
	Active         bool   `json:"active"`
	Scope          string `json:"scope"`
	Subject        string `json:"sub"`
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

// guard asks about tokens, as the resource server that the API is registered as.
type guard struct {
	endpoint, clientID, clientSecret string
	client                           *http.Client
}

// introspect asks about a token. Do not keep the answer: a token that is revoked
// is inactive from the next question on. An error means that nobody knows.
func (g guard) introspect(ctx context.Context, bearer, address, userAgent string) (token, error) {
	form := url.Values{"token": {bearer}, "client_ip": {address}, "user_agent": {userAgent}}
	question, err := http.NewRequestWithContext(ctx, http.MethodPost, g.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	question.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	question.SetBasicAuth(g.clientID, g.clientSecret)
	answer, err := g.client.Do(question)
	if err != nil {
		return token{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK { // 503: its database is away; 401: our own secret is wrong
		return token{}, errors.New("introspection: " + answer.Status)
	}
	var t token
	err = json.NewDecoder(answer.Body).Decode(&t)
	return t, err
}

// require lets requests pass whose token works and covers the scope.
func (g guard) require(scope string, next func(http.ResponseWriter, *http.Request, token)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
			refuse(w, http.StatusUnauthorized, `scope="`+scope+`"`)
			return
		}
		address, _, _ := net.SplitHostPort(r.RemoteAddr) // behind a proxy: what your proxy says
		t, err := g.introspect(r.Context(), bearer, address, r.UserAgent())
		switch {
		case err != nil: // unknown is not allowed
			log.Print(err)
			w.Header().Set("Retry-After", "2")
			http.Error(w, "try again", http.StatusServiceUnavailable)
		case !t.Active:
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
	g := guard{
		endpoint: os.Getenv("ISSUER") + "/oauth/introspect",
		clientID: os.Getenv("API_CLIENT_ID"), clientSecret: os.Getenv("API_CLIENT_SECRET"),
		client: &http.Client{Timeout: 5 * time.Second},
	}
	http.HandleFunc("GET /issues", g.require("issues:read", func(w http.ResponseWriter, _ *http.Request, t token) {
		fmt.Fprintf(w, "issues of organization %d for %s\n", t.OrganizationID, t.Subject)
	}))
	http.HandleFunc("POST /issues", g.require("issues:write", func(w http.ResponseWriter, _ *http.Request, t token) {
		fmt.Fprintf(w, "an issue in organization %d by %s\n", t.OrganizationID, t.Subject)
	}))
	server := &http.Server{Addr: os.Getenv("LISTEN"), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
