// Package access says who asks for something and whether it may be had.
//
// Every verb of the server takes a [Caller] first. The caller was made from a
// credential that went through the one pipeline, or stands for the operator at
// the command line. The verb asks [Caller.Require] before it does anything, and
// leaves the caller's name in the audit event that it writes.
//
// The package knows neither HTTP nor how credentials are checked.
package access

import (
	"errors"
	"fmt"
	"slices"

	"kiket.dev/auth/storage"
)

// ErrDenied says that the caller may not do what it asked for.
var ErrDenied = errors.New("denied")

// Origin is where a request came from, for the audit log.
type Origin struct {
	RequestID string
	Address   string
	UserAgent string // as [UserAgent] returns it
}

// Caller is who asks.
type Caller struct {
	// Party names the caller in the audit log.
	Party storage.Party
	// OrganizationID is the organization that the caller acts in; 0 for the
	// operator of the platform.
	OrganizationID int64
	// Scopes is what the caller's credential permits at this moment.
	Scopes storage.Scopes
	// FullAccess says that the credential permits all that can be granted, also what
	// may come to be.
	FullAccess bool
	// UserID is the user whom the credential belongs to; 0: none.
	UserID int64
	// ProjectID is the only project that the credential is for; 0: all.
	ProjectID int64
	// InstallationID is the installation whose key the credential is; 0: none.
	InstallationID int64
	// ClientSecretID is the secret that the caller's access token was fetched with; 0:
	// none.
	ClientSecretID int64
	Origin         Origin

	operator bool
}

// Operator is whoever runs commands on the server's machine. It may do anything.
func Operator() Caller {
	return Caller{Party: storage.Party{Kind: "operator", Name: "command line"}, operator: true}
}

// FromCredential returns the caller that a checked credential stands for.
func FromCredential(c storage.Credential, catalogue storage.Catalogue, origin Origin) Caller {
	return Caller{
		Party:          credentialParty(c),
		OrganizationID: c.Token.OrganizationID,
		Scopes:         c.Scopes(catalogue),
		FullAccess:     c.Token.FullAccess,
		UserID:         c.Owner.UserID,
		ProjectID:      c.Token.ProjectID,
		InstallationID: c.Token.InstallationID,
		ClientSecretID: c.Token.ClientSecretID,
		Origin:         origin,
	}
}

// FromClient returns the caller that an authenticated client stands for. It
// holds no scopes: a client may only do what its own kind of client may.
func FromClient(c storage.Client, origin Origin) Caller {
	return Caller{
		Party:          clientParty(c),
		OrganizationID: c.OrganizationID,
		Origin:         origin,
	}
}

// credentialParty names a credential in the audit log. An access token acts as the
// application that fetched it: there are many, and none is known for long.
func credentialParty(c storage.Credential) storage.Party {
	p := storage.Party{Kind: string(c.Token.Kind), ID: c.Token.ID, Name: c.Token.Name}
	switch c.Token.Kind {
	case storage.AccessToken:
		return clientParty(c.Client)
	case storage.Session:
		p.Name = c.Owner.Name
	case storage.WorkspaceAPIToken, storage.ExtensionKey:
	}
	return p
}

// clientParty names a client as what is done to it does.
func clientParty(c storage.Client) storage.Party {
	p := storage.Party{Kind: string(c.Kind), ID: c.ID, Name: c.Name}
	if c.Kind == storage.Application {
		p.Kind = string(storage.ApplicationCredential)
	}
	return p
}

// RequireInstallation returns nil if the caller is the installation's own key or
// may act as an admin of the organization, and ErrDenied otherwise.
func (c Caller) RequireInstallation(installationID, organizationID int64) error {
	if c.InstallationID != 0 && c.InstallationID == installationID && c.OrganizationID == organizationID {
		return nil
	}
	return c.Require(storage.ScopeAdmin, organizationID)
}

// Require returns nil if the caller may act with the scope in the organization,
// and ErrDenied otherwise.
func (c Caller) Require(scope string, organizationID int64) error {
	if c.operator {
		return nil
	}
	if c.OrganizationID == 0 || c.OrganizationID != organizationID {
		return fmt.Errorf("%w: another organization", ErrDenied)
	}
	if !c.Scopes.Covers(scope) {
		return fmt.Errorf("%w: needs the scope %s", ErrDenied, scope)
	}
	return nil
}

// RequireAtMost returns nil if the caller holds every one of the scopes itself:
// nobody hands out more than they have. It returns a [*ScopeError] otherwise.
func (c Caller) RequireAtMost(scopes storage.Scopes) error {
	if c.operator || c.Scopes.CoversAll(scopes) {
		return nil
	}
	return &ScopeError{Needed: scopes, Missing: slices.DeleteFunc(slices.Clone(scopes), c.Scopes.Covers)}
}

// RequireFullAccess returns nil if the caller has full access, and ErrDenied
// otherwise: to hold every scope that there is today is less.
func (c Caller) RequireFullAccess() error {
	if c.operator || (c.FullAccess && c.Scopes.Covers(storage.ScopeAdmin)) {
		return nil
	}
	return fmt.Errorf("%w: it would permit more than the credential that asks, which lacks full access; name the scopes", ErrDenied)
}
