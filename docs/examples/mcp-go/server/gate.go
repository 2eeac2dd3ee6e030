package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
)

// registration is a resource server that this one introspects as.
type registration struct{ clientID, clientSecret string }

// registrations reads them from "id:secret", or "" for none: that of this server,
// to which access tokens are visible that were asked for with its URL; and, to
// accept workspace tokens too, one for the default audience.
func registrations(texts ...string) []registration {
	var found []registration
	for _, text := range texts {
		if id, secret, ok := strings.Cut(text, ":"); ok {
			found = append(found, registration{id, secret})
		}
	}
	return found
}

// gate lets requests pass whose token works and has the scope.
type gate struct {
	endpoint, metadataURL string
	registrations         []registration
	client                *http.Client
	scope                 string            // that every request needs
	scopes                map[string]string // that a tool needs
}

// protect answers for itself what the SDK's middleware has no words for: that
// nobody knows (503), and that a scope is missing (insufficient_scope).
func (g *gate) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		info := g.authenticate(w, r)
		if info == nil { // and has answered
			return
		}
		for _, scope := range []string{g.scope, g.wanted(body)} {
			if !slices.Contains(info.Scopes, scope) {
				g.refuse(w, http.StatusForbidden, `error="insufficient_scope", `, scope)
				return
			}
		}
		// The SDK's middleware tells the tools what was found out.
		known := func(context.Context, string, *http.Request) (*auth.TokenInfo, error) { return info, nil }
		auth.RequireBearerToken(known, nil)(next).ServeHTTP(w, r)
	})
}

// authenticate returns what is known of the token of a request if it works, and
// has answered otherwise.
func (g *gate) authenticate(w http.ResponseWriter, r *http.Request) *auth.TokenInfo {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		g.refuse(w, http.StatusUnauthorized, "", g.scope)
		return nil
	}
	info, err := g.verify(r, bearer)
	switch {
	case err != nil: // unknown is not allowed
		log.Print(err)
		w.Header().Set("Retry-After", "2")
		http.Error(w, "try again", http.StatusServiceUnavailable)
	case info == nil:
		g.refuse(w, http.StatusUnauthorized, `error="invalid_token", `, g.scope)
	}
	return info
}

// wanted returns the scope of the tool that a request calls, so that a client that
// lacks it is challenged and may come back with another token. It is no protection:
// what it does not understand passes, and the tool refuses.
func (g *gate) wanted(body []byte) string {
	var call struct {
		Method string
		Params struct{ Name string }
	}
	if json.Unmarshal(body, &call) == nil && call.Method == "tools/call" && g.scopes[call.Params.Name] != "" {
		return g.scopes[call.Params.Name]
	}
	return g.scope
}

// refuse answers as RFC 6750 section 3 and RFC 9728 section 5.1 say.
func (g *gate) refuse(w http.ResponseWriter, status int, why, scope string) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer %sscope=%q, resource_metadata=%q", why, scope, g.metadataURL))
	http.Error(w, http.StatusText(status), status)
}

// verify returns what the SDK wants to know of a token that works, or nil.
func (g *gate) verify(r *http.Request, bearer string) (*auth.TokenInfo, error) {
	for _, as := range g.registrations {
		t, err := g.introspect(r, as, bearer)
		if err != nil {
			return nil, err
		}
		if t.Active {
			return &auth.TokenInfo{
				Scopes: spelledOut(t.Scope), Expiration: time.Unix(t.Expiry, 0), UserID: t.Subject,
				Extra: map[string]any{"organization": t.OrganizationID},
			}, nil
		}
	}
	return nil, nil
}

// token is what introspection tells of a token that works (RFC 7662 section 2.2).
type token struct {
	Active         bool   `json:"active"`
	Scope          string `json:"scope"`
	Subject        string `json:"sub"`
	Expiry         int64  `json:"exp"`
	OrganizationID int64  `json:"organization_id"`
}

// introspect asks about a token. Do not keep the answer: a token that is revoked
// is inactive from the next question on. An error means that nobody knows.
func (g *gate) introspect(r *http.Request, as registration, bearer string) (token, error) {
	address, _, _ := net.SplitHostPort(r.RemoteAddr) // behind a proxy: what your proxy says
	form := url.Values{"token": {bearer}, "client_ip": {address}, "user_agent": {r.UserAgent()}}
	question, err := http.NewRequestWithContext(r.Context(), http.MethodPost, g.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	question.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	question.SetBasicAuth(as.clientID, as.clientSecret)
	answer, err := g.client.Do(question)
	if err != nil {
		return token{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return token{}, errors.New("introspection: " + answer.Status)
	}
	var t token
	err = json.NewDecoder(answer.Body).Decode(&t)
	return t, err
}

// spelledOut adds the halves that a bare name includes, since the SDK compares
// names: issues includes issues:read and issues:write.
func spelledOut(scope string) []string {
	var scopes []string
	for name := range strings.FieldsSeq(scope) {
		scopes = append(scopes, name)
		if !strings.Contains(name, ":") {
			scopes = append(scopes, name+":read", name+":write")
		}
	}
	return scopes
}
