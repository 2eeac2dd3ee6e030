package oauth

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/provider"
	"kiket.dev/auth/storage"
)

// errorResponse is RFC 6749 section 5.2.
type errorResponse struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// retryAfter is how many seconds a client should leave an unavailable database.
const retryAfter = "2"

const challengeBasic = `Basic realm="kiket-auth", charset="UTF-8"`

// fail is the one table from errors to answers.
func (e *Endpoints) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *provider.Error
	var throttled *clients.ThrottledError
	record := web.RecordOf(r.Context())
	switch {
	case errors.Is(err, storage.ErrUnavailable):
		record.Fail(err)
		w.Header().Set("Retry-After", retryAfter)
		answer(w, http.StatusServiceUnavailable, errorResponse{"temporarily_unavailable", "the server cannot reach its database, try again"})
	case errors.As(err, &throttled):
		record.Add(slog.String("refused", "throttled"))
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(throttled.RetryAfter.Seconds()))))
		answer(w, http.StatusTooManyRequests, errorResponse{"temporarily_unavailable", "too many failed attempts"})
	case errors.As(err, &refusal):
		record.Add(slog.String("refused", string(refusal.Code)))
		if cause := errors.Unwrap(refusal); cause != nil {
			record.Add(slog.String("reason", cause.Error())) // which the client is not told
		}
		e.challenge(w, r, refusal)
		answer(w, statusOf(refusal.Code), errorResponse{string(refusal.Code), refusal.Description})
	case errors.Is(err, web.ErrTooLarge):
		record.Add(slog.String("refused", "body too large"))
		answer(w, http.StatusRequestEntityTooLarge, errorResponse{string(provider.InvalidRequest), "the body is too large"})
	case errors.Is(err, web.ErrBadForm):
		record.Add(slog.String("refused", string(provider.InvalidRequest)))
		answer(w, http.StatusBadRequest, errorResponse{string(provider.InvalidRequest), err.Error()})
	default:
		record.Fail(err)
		answer(w, http.StatusInternalServerError, errorResponse{"server_error", "an internal error, see the log for the request id"})
	}
}

func statusOf(code provider.Code) int {
	switch code {
	case provider.InvalidClient, provider.InvalidToken, provider.InsufficientScope:
		return http.StatusUnauthorized // RFC 6749 section 5.2, RFC 7662 section 2.3
	case provider.InvalidRequest, provider.UnauthorizedClient, provider.UnsupportedGrantType, provider.InvalidScope, provider.InvalidTarget:
	}
	return http.StatusBadRequest
}

// challenge says how to authenticate (RFC 6749 section 5.2, RFC 6750 section 3, RFC
// 9728 section 5.1).
func (e *Endpoints) challenge(w http.ResponseWriter, r *http.Request, refusal *provider.Error) {
	bearer := `Bearer realm="kiket-auth", resource_metadata="` + e.Issuer + pathResource + `"`
	switch refusal.Code {
	case provider.InvalidClient:
		w.Header().Add("WWW-Authenticate", challengeBasic)
		if refusal.NoCredentials && r.URL.Path == pathIntrospect {
			w.Header().Add("WWW-Authenticate", bearer)
		}
	case provider.InvalidToken, provider.InsufficientScope:
		text := bearer + `, error="` + string(refusal.Code) + `", error_description="` + refusal.Description + `"`
		if refusal.Code == provider.InsufficientScope {
			text += `, scope="` + storage.ScopeAdmin + `"`
		}
		w.Header().Add("WWW-Authenticate", text)
	case provider.InvalidRequest, provider.UnauthorizedClient, provider.UnsupportedGrantType, provider.InvalidScope, provider.InvalidTarget:
	}
}

// NotAllowed answers a wrong method; the caller has set Allow.
func NotAllowed(w http.ResponseWriter, r *http.Request) {
	web.RecordOf(r.Context()).Add(slog.String("refused", "method"))
	answer(w, http.StatusMethodNotAllowed, errorResponse{string(provider.InvalidRequest), "the method is not allowed here"})
}

// Failed answers a request whose handler panicked.
func Failed(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusInternalServerError, errorResponse{"server_error", "an internal error, see the log for the request id"})
}
