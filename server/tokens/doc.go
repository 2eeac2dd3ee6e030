// Package tokens is the life of the credentials that the server gives out:
// their form, how they are issued and how they end.
//
// # How a request moves through it
//
// A verb ([Service.IssueWorkspaceToken], [Service.IssueExtensionKey],
// [Service.IssueSession], [Service.Revoke]) asks whether the caller may, begins
// a transaction, lets the [Issuer] make the token through the same fosite
// storage as every other kind, writes the audit event in the same transaction,
// and returns the secret once.
//
// Access tokens are made at the token endpoint, in package provider, and end
// here like the others.
package tokens
