// Package organizations creates tenants with what they need to begin: an
// administrator, a project and a credential.
//
// [Service.Bootstrap] does it in one transaction for the operator at the
// command line; it either all exists afterwards or none of it does. The secrets
// are in its answer and nowhere else.
package organizations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store           storage.Store
	Tokens          *tokens.Service
	Clients         *clients.Service
	Audit           *audit.Recorder
	Catalogue       storage.Catalogue
	DefaultAudience string
	Clock           func() time.Time
}

// BootstrapRequest asks for an organization.
type BootstrapRequest struct {
	Name  string // 1 to 100 characters
	Email string // of the first admin
	// Application asks for an OAuth application with all scopes as well.
	Application bool
}

// Bootstrapped is a new organization with all that was made for it.
type Bootstrapped struct {
	Organization      storage.Organization
	Project           storage.Project
	Admin             storage.User
	Password          storage.Secret // of the admin; empty if the user existed before
	WorkspaceAPIToken tokens.Issued
	ResourceServer    clients.Registered
	Application       clients.Registered // zero unless asked for
}

// Bootstrap creates an organization, its admin, a default project, a
// full-access workspace token and a resource server for the default audience.
// It returns storage.ErrConflict if the organization exists, and changes
// nothing then; access.ErrDenied unless the operator asks.
func (s *Service) Bootstrap(ctx context.Context, caller access.Caller, r BootstrapRequest) (Bootstrapped, error) {
	if err := caller.Require(storage.ScopeAdmin, 0); err != nil {
		return Bootstrapped{}, err
	}
	slug := slugOf(r.Name)
	if err := errors.Join(storage.CheckName("organization", r.Name), checkSlug(slug), checkEmail(r.Email)); err != nil {
		return Bootstrapped{}, err
	}
	b := Bootstrapped{Organization: storage.Organization{Slug: slug, Name: strings.TrimSpace(r.Name), CreatedAt: s.Clock()}}
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.Lock(ctx, storage.LockBootstrap); err != nil {
			return err
		}
		if err := s.Store.CreateOrganization(ctx, &b.Organization); err != nil {
			return fmt.Errorf("creating organization %s: %w", slug, err)
		}
		return s.furnish(ctx, caller, r, &b)
	})
	if err != nil {
		return Bootstrapped{}, err
	}
	return b, nil
}

func (s *Service) furnish(ctx context.Context, caller access.Caller, r BootstrapRequest, b *Bootstrapped) error {
	organization := b.Organization.ID
	if err := s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: organization, Action: "organization.created",
		Target: storage.Party{Kind: "organization", ID: organization, Name: b.Organization.Name},
	}); err != nil {
		return err
	}
	b.Project = storage.Project{OrganizationID: organization, Key: "DEFAULT", Name: "Default", CreatedAt: s.Clock()}
	if err := s.Store.CreateProject(ctx, &b.Project); err != nil {
		return fmt.Errorf("creating the default project: %w", err)
	}
	if err := s.admin(ctx, caller, r.Email, b); err != nil {
		return err
	}
	var err error
	b.WorkspaceAPIToken, err = s.Tokens.IssueWorkspaceToken(ctx, caller, tokens.WorkspaceTokenRequest{
		OrganizationID: organization, OwnerID: b.Admin.ID, Name: "Bootstrap",
	})
	if err != nil {
		return err
	}
	b.ResourceServer, err = s.Clients.RegisterResourceServer(ctx, caller, clients.ResourceServerRequest{
		Name: b.Organization.Slug + " API", Identifier: s.DefaultAudience,
	})
	if err != nil || !r.Application {
		return err
	}
	b.Application, err = s.Clients.RegisterApplication(ctx, caller, clients.ApplicationRequest{
		OrganizationID: organization, Name: "Demo application", Scopes: s.Catalogue.Names().Without(storage.ScopeAdmin),
	})
	return err
}

// admin makes the user an admin of the organization, and the user if there is
// none with that address.
func (s *Service) admin(ctx context.Context, caller access.Caller, email string, b *Bootstrapped) error {
	email = strings.ToLower(strings.TrimSpace(email))
	user, err := s.Store.UserByEmail(ctx, email)
	if errors.Is(err, storage.ErrNotFound) {
		b.Password = storage.NewSecret(rand.Text())
		hash, hashErr := argon2id.CreateHash(b.Password.Reveal(), argon2id.DefaultParams)
		if hashErr != nil {
			return fmt.Errorf("hashing the password: %w", hashErr)
		}
		user = storage.User{Email: email, Name: "Admin", PasswordHash: storage.NewSecret(hash), CreatedAt: s.Clock()}
		err = s.Store.CreateUser(ctx, &user)
	}
	if err != nil {
		return fmt.Errorf("creating the admin: %w", err)
	}
	b.Admin = user
	if err := s.Store.CreateMembership(ctx, storage.Membership{
		OrganizationID: b.Organization.ID, UserID: user.ID, Role: storage.RoleAdmin, CreatedAt: s.Clock(),
	}); err != nil {
		return fmt.Errorf("making %s an admin: %w", email, err)
	}
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: b.Organization.ID, Action: "user.created",
		Target:  storage.Party{Kind: "user", ID: user.ID, Name: user.Name},
		Details: map[string]any{"email": email, "role": string(storage.RoleAdmin)},
	})
}

// slugOf makes a slug of a name: lower-case letters and digits, everything else
// a single hyphen.
func slugOf(name string) string {
	var slug strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			slug.WriteRune(c)
		case slug.Len() > 0 && !strings.HasSuffix(slug.String(), "-"):
			slug.WriteByte('-')
		}
	}
	return strings.Trim(slug.String(), "-")
}

func checkSlug(slug string) error {
	if slug == "" {
		return storage.Invalidf("organization", "want at least one letter a-z or digit")
	}
	return nil
}

func checkEmail(email string) error {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Name != "" || a.Address != strings.TrimSpace(email) || strings.ContainsRune(email, 0) {
		return storage.Invalidf("email", "want an address such as admin@example.com")
	}
	return nil
}
