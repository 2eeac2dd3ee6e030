package provider

import (
	"errors"
	"fmt"

	"github.com/ory/fosite"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// Code is an error code of the OAuth Extensions Error Registry.
type Code string

// The codes in use.
const (
	InvalidRequest       Code = "invalid_request"        // RFC 6749 section 5.2
	InvalidClient        Code = "invalid_client"         // RFC 6749 section 5.2
	UnauthorizedClient   Code = "unauthorized_client"    // RFC 6749 section 5.2
	UnsupportedGrantType Code = "unsupported_grant_type" // RFC 6749 section 5.2
	InvalidScope         Code = "invalid_scope"          // RFC 6749 section 5.2
	InvalidTarget        Code = "invalid_target"         // RFC 8707 section 2
	InvalidToken         Code = "invalid_token"          // RFC 6750 section 3.1
	InsufficientScope    Code = "insufficient_scope"     // RFC 6750 section 3.1
)

// Error is a refusal that the caller is told.
type Error struct {
	Code        Code
	Description string // printable ASCII without quotes, for error_description
	// NoCredentials says that the request held no authentication at all, which
	// a challenge then does not call an error (RFC 6750 section 3.1).
	NoCredentials bool
	cause         error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Description) }

// Unwrap returns what led to the refusal, for the log.
func (e *Error) Unwrap() error { return e.cause }

func refuse(code Code, description string) *Error {
	return &Error{Code: code, Description: description}
}

// ErrInactive says that a token does not work, for whatever reason.
var ErrInactive = errors.New("token is not active")

// ErrInsufficientScope says that a token works but does not cover what was asked.
var ErrInsufficientScope = errors.New("token does not cover the scope")

// translate turns what came out of fosite into the errors of this package.
func translate(err error) error {
	var refusal *Error
	var throttled *clients.ThrottledError
	var rfc *fosite.RFC6749Error
	switch {
	case errors.Is(err, storage.ErrUnavailable):
		return err
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &throttled):
		return throttled
	case errors.Is(err, clients.ErrMalformed):
		return &Error{Code: InvalidRequest, Description: "more than one or a malformed client authentication", cause: err}
	case errors.Is(err, clients.ErrNoCredentials):
		return &Error{Code: InvalidClient, Description: "client authentication is required", NoCredentials: true, cause: err}
	case errors.Is(err, clients.ErrInvalidClient):
		return &Error{Code: InvalidClient, Description: "client authentication failed", cause: err}
	case errors.As(err, &rfc):
		return fmt.Errorf("provider: %w", err)
	}
	return err
}
