// Package oauth is the HTTP of the OAuth endpoints: /oauth/token,
// /oauth/introspect, /oauth/revoke, and the public documents under /.well-known.
// It decodes and encodes; what is decided is decided by package provider.
//
// # How a request moves through it
//
// An endpoint reads the form, which is refused before anything looks at it if it
// is malformed, and calls the provider. The answer is JSON with
// Cache-Control: no-store; an error goes through the one table of errors.go.
package oauth
