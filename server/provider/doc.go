// Package provider is the OAuth 2.0 provider: all that the server knows of
// ory/fosite lives here and nowhere else.
//
// To fosite every kind of credential is an access token. One strategy tells the
// kinds apart by their form, one storage keeps them in one table, and so
// introspection, revocation and the scope check are the same for all of them.
//
// # How a request moves through it
//
// An endpoint of handlers/oauth decodes the HTTP request into a [Request] and
// calls [Provider.Token], [Provider.Introspect] or [Provider.Revoke]. These
// settle what fosite would get wrong, let it run its handlers over the strategy
// and the storage of this package, and return an answer, an [*Error] with a
// registered code, a *clients.ThrottledError, or an error that wraps
// storage.ErrUnavailable. [Provider.Credential] is introspection for the
// server's own API, [Provider.Issue] makes the opaque kinds.
package provider
