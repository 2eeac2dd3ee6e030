// Package tokens is the life of the credentials that the server gives out:
// their form, how they are issued and how they end.
//
// # How a request moves through it
//
// A verb that issues ([Service.IssueWorkspaceToken], [Service.IssueExtensionKey],
// [Service.IssueSession]) asks whether the caller may, begins a transaction, lets
// the [Issuer] make the token through the same fosite storage as every other
// kind, writes the audit event in the same transaction, and returns the secret
// once. One that ends a token ([Service.RevokeWorkspaceToken], [Service.Revoke])
// does it with a conditional update, so that of several at once one is recorded.
//
// Access tokens are made at the token endpoint, in package provider, and end
// here like the others.
package tokens
