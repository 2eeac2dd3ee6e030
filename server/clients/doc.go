// Package clients is the life of OAuth clients, applications and resource
// servers alike: how they are registered, how they authenticate, and how their
// secrets are rotated.
//
// # How a request moves through it
//
// An OAuth endpoint hands what the request presented to
// [Authenticator.Authenticate], which finds exactly one method in it, looks the
// client up, does the same work whether there is such a client or not, and
// returns the client, [ErrInvalidClient], or a [ThrottledError] when too many
// wrong attempts came from the same place. A right secret or assertion is never
// throttled, so that nobody can lock a client out. What an assertion has to say is
// the business of package assertions; that it is used once, of this one.
//
// The verbs of [Service] register and remove clients for a caller who may.
package clients
