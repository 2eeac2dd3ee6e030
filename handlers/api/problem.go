package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/server/provider"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
)

// What is wrong with a request before a verb sees it.
var (
	errUnauthenticated = errors.New("no credential, or none of a kind that is taken here")
	errNotAKey         = errors.New("not an API key")
	errTwoCredentials  = errors.New("more than one credential")
	errIdempotencyKey  = errors.New("Idempotency-Key: want one of 1 to 255 printable ASCII characters")
	errSyntax          = errors.New("the body is not JSON")
	errNotObject       = errors.New("the body must be a JSON object")
	errTooDeep         = errors.New("the body is nested too deep")
	errQuery           = errors.New("the query is malformed")
)

// missingScope says that a credential may not use an endpoint.
type missingScope struct {
	code   string // empty: insufficient_scope
	scope  string // one, or several with a space between them
	detail string // for whoever holds the credential
	cause  error
}

func (e *missingScope) Error() string { return e.cause.Error() }
func (e *missingScope) Unwrap() error { return e.cause }

// problem is an error as it is answered (RFC 9457 section 3).
type problem struct {
	status  int
	code    string // short and stable, for programs
	detail  string // for a person
	wait    time.Duration
	fields  map[string][]string
	details map[string]any
	// challenge is what WWW-Authenticate adds to the realm (RFC 6750 section 3); nil:
	// no challenge.
	challenge []string
}

// unavailableWait is how long a client should leave an unavailable database.
const unavailableWait = 2 * time.Second

// problemOf is the one table from errors to answers. Anything unknown is an
// internal error, of which nothing is told.
func problemOf(err error) problem {
	var limited *limitedError
	var throttled *clients.ThrottledError
	var refusal *provider.Error
	switch {
	case errors.Is(err, passwords.ErrBusy):
		return problem{status: http.StatusServiceUnavailable, code: "unavailable", detail: "Too many people are signing in. Try again.", wait: unavailableWait}
	case errors.Is(err, storage.ErrUnavailable):
		return problem{status: http.StatusServiceUnavailable, code: "unavailable", detail: "The server cannot reach its database. Try again.", wait: unavailableWait}
	case errors.As(err, &limited):
		return problem{status: http.StatusTooManyRequests, code: "rate_limited", detail: web.Sentence(limited.Error()), wait: limited.wait}
	case errors.As(err, &throttled):
		return problem{status: http.StatusTooManyRequests, code: "too_many_failures", detail: "Too many failed attempts.", wait: throttled.RetryAfter}
	case errors.Is(err, errUnauthenticated):
		return problem{status: http.StatusUnauthorized, code: "unauthorized", detail: "A credential is needed: Authorization: Bearer, or X-Kiket-API-Key.", challenge: []string{}}
	case errors.Is(err, sessions.ErrInvalidCredentials):
		return problem{status: http.StatusUnauthorized, code: "invalid_credentials", detail: "The e-mail address or the password is wrong.", challenge: []string{}}
	case errors.Is(err, errNotAKey):
		return invalidToken(web.Sentence(strings.TrimPrefix(err.Error(), errNotAKey.Error()+": ")))
	case errors.As(err, &refusal) && refusal.Code == provider.InvalidToken:
		return invalidToken("The credential is unknown, expired or revoked, or not meant for this API.")
	}
	if p, ok := requestProblem(err); ok {
		return p
	}
	if p, ok := verbProblem(err); ok {
		return p
	}
	return problem{status: http.StatusInternalServerError, code: "internal_error", detail: "Something went wrong here. The request id finds it in the log."}
}

func invalidToken(detail string) problem {
	return problem{status: http.StatusUnauthorized, code: "invalid_token", detail: detail, challenge: []string{`error="invalid_token"`}}
}

// requestProblem is about the request as it was sent.
func requestProblem(err error) (problem, bool) {
	switch {
	case errors.Is(err, errTwoCredentials):
		return problem{status: http.StatusBadRequest, code: "invalid_request", detail: "The request carries more than one credential."}, true
	case errors.Is(err, errIdempotencyKey), errors.Is(err, errQuery):
		return problem{status: http.StatusBadRequest, code: "invalid_request", detail: web.Sentence(err.Error())}, true
	case errors.Is(err, errSyntax), errors.Is(err, errNotObject), errors.Is(err, errTooDeep), errors.Is(err, errBody):
		return problem{status: http.StatusBadRequest, code: "invalid_json", detail: web.Sentence(err.Error())}, true
	case errors.Is(err, errMediaType):
		return problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", detail: web.Sentence(err.Error())}, true
	case errors.Is(err, web.ErrTooLarge):
		return problem{status: http.StatusRequestEntityTooLarge, code: "too_large", detail: "The body is too large."}, true
	}
	return problem{}, false
}

// verbProblem is about what was asked for.
func verbProblem(err error) (problem, bool) {
	var refusal *access.Refusal
	var missing *missingScope
	switch {
	case errors.As(err, &missing):
		return problem{
			status: http.StatusForbidden, code: cmp.Or(missing.code, "insufficient_scope"), detail: web.Sentence(missing.detail),
			challenge: []string{`error="insufficient_scope"`, `scope="` + missing.scope + `"`},
		}, true
	case errors.Is(err, access.ErrDenied):
		return problem{
			status: http.StatusForbidden, code: "forbidden", detail: web.Sentence(access.Reason(err)),
			// Without a scope: it may have all that the endpoint needs, or lack full access,
			// for which no scope stands.
			challenge: []string{`error="insufficient_scope"`},
		}, true
	case errors.As(err, &refusal):
		return problem{status: http.StatusConflict, code: refusal.Code, detail: web.Sentence(refusal.Message), details: refusal.Details}, true
	case errors.Is(err, storage.ErrInvalid):
		return problem{status: http.StatusUnprocessableEntity, code: "invalid", detail: "Some of the request cannot be accepted.", fields: storage.FieldsOf(err)}, true
	case errors.Is(err, storage.ErrNotFound):
		return problem{status: http.StatusNotFound, code: "not_found", detail: "There is no such object."}, true
	case errors.Is(err, storage.ErrConflict):
		return problem{status: http.StatusConflict, code: "conflict", detail: "It exists already."}, true
	}
	return problem{}, false
}

// fail answers with the problem that an error is.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	record := web.RecordOf(r.Context())
	if p.status >= http.StatusInternalServerError {
		record.Fail(err)
	} else {
		record.Add(slog.String("refused", p.code))
	}
	p.write(w, r, a.Server.Issuer)
}

func (p problem) write(w http.ResponseWriter, r *http.Request, issuer string) {
	header := w.Header()
	body := map[string]any{
		"type": issuer + Base + "/docs#" + p.code, "title": http.StatusText(p.status), "status": p.status,
		"detail": p.detail, "message": p.detail, "error": p.code, "request_id": web.OriginOf(r).RequestID,
	}
	maps.Copy(body, p.details)
	if p.fields != nil {
		body["errors"] = p.fields
	}
	if p.wait > 0 {
		seconds := int(math.Ceil(p.wait.Seconds()))
		header.Set("Retry-After", strconv.Itoa(seconds))
		body["retry_after"] = seconds
	}
	if p.challenge != nil {
		text := fmt.Sprintf(`Bearer realm="kiket-auth", resource_metadata="%s/.well-known/oauth-protected-resource"`, issuer)
		header.Set("WWW-Authenticate", strings.Join(append([]string{text}, p.challenge...), ", "))
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(p.status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	// The status is out; a connection that breaks now cannot be told.
	_ = encoder.Encode(body)
}

// NotFound answers a path below Base that does not exist.
func (a *API) NotFound(w http.ResponseWriter, r *http.Request) {
	a.refuseUnmatched(w, r, problem{status: http.StatusNotFound, code: "not_found", detail: "There is no such path."})
}

// NotAllowed answers a wrong method; the caller has set Allow.
func (a *API) NotAllowed(w http.ResponseWriter, r *http.Request) {
	a.refuseUnmatched(w, r, problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed", detail: "The method is not allowed here."})
}

// Failed answers a request whose handler panicked.
func (a *API) Failed(w http.ResponseWriter, r *http.Request) {
	problemOf(errors.New("panic")).write(w, r, a.Server.Issuer)
}

// refuseUnmatched answers what no endpoint does.
func (a *API) refuseUnmatched(w http.ResponseWriter, r *http.Request, p problem) {
	if err := a.spendHere(w, web.OriginOf(r)); err != nil {
		p = problemOf(err)
	}
	web.RecordOf(r.Context()).Add(slog.String("refused", p.code))
	p.write(w, r, a.Server.Issuer)
}
