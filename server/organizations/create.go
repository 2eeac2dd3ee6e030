package organizations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Creation asks for an organization.
type Creation struct {
	Name  string // 1 to 100 characters
	Email string // of the first admin
	// AdminName is what to call the first admin; empty: as before, or Admin.
	AdminName string
	// Password is what the first admin signs in with; empty: one is made.
	Password storage.Secret
	// Token asks for a full-access workspace token, owned by the admin, as well.
	Token bool
}

// Created is a new organization with what was made for it.
type Created struct {
	Organization      storage.Organization
	Project           storage.Project
	Admin             storage.Member
	Password          storage.Secret // of the admin, a new one also if the person had an account; empty if one was given
	WorkspaceAPIToken tokens.Issued  // zero unless asked for
}

// Create makes an organization with an admin and a default project. It returns
// storage.ErrConflict if the organization exists, and changes nothing then;
// storage.ErrInvalid naming name or email; access.ErrDenied unless the operator asks.
func (s *Service) Create(ctx context.Context, caller access.Caller, r Creation) (Created, error) {
	return s.create(ctx, caller, "name", r)
}

// create is Create for a request that calls the name something else.
func (s *Service) create(ctx context.Context, caller access.Caller, nameField string, r Creation) (Created, error) {
	if err := caller.Require(storage.ScopeAdmin, 0); err != nil {
		return Created{}, err
	}
	name, slug := strings.TrimSpace(r.Name), slugOf(r.Name)
	_, err := storage.ParseEmail("email", r.Email)
	if err := errors.Join(storage.CheckName(nameField, name), checkSlug(nameField, slug), err); err != nil {
		return Created{}, err
	}
	c := Created{Organization: storage.Organization{Slug: slug, Name: name, CreatedAt: s.Clock()}}
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.Lock(ctx, storage.LockBootstrap); err != nil {
			return err
		}
		if err := s.Store.CreateOrganization(ctx, &c.Organization); err != nil {
			return fmt.Errorf("creating organization %s: %w", slug, err)
		}
		if err := s.record(ctx, caller, "organization.created", c.Organization, nil); err != nil {
			return err
		}
		return s.furnish(ctx, caller, r, &c)
	})
	if err != nil {
		return Created{}, err
	}
	return c, nil
}

func (s *Service) furnish(ctx context.Context, caller access.Caller, r Creation, c *Created) error {
	c.Project = storage.Project{OrganizationID: c.Organization.ID, Key: "DEFAULT", Name: "Default", CreatedAt: s.Clock()}
	if err := s.Store.CreateProject(ctx, &c.Project); err != nil {
		return fmt.Errorf("creating the default project: %w", err)
	}
	name, err := s.nameOf(ctx, r)
	if err != nil {
		return err
	}
	admin, err := s.Members.Add(ctx, caller, c.Organization.ID, members.Addition{
		Email: r.Email, Name: name, Role: storage.RoleAdmin, Password: r.Password,
	})
	if err != nil {
		return fmt.Errorf("creating the admin: %w", err)
	}
	c.Admin, c.Password = admin.Member, admin.InitialPassword
	if !r.Token {
		return nil
	}
	c.WorkspaceAPIToken, err = s.Tokens.IssueWorkspaceToken(ctx, caller, tokens.WorkspaceTokenRequest{
		OrganizationID: c.Organization.ID, OwnerID: c.Admin.UserID, Name: "Bootstrap",
	})
	return err
}

// nameOf returns what to call the first admin.
func (s *Service) nameOf(ctx context.Context, r Creation) (string, error) {
	if r.AdminName != "" {
		return r.AdminName, nil
	}
	user, err := s.Store.UserByEmail(ctx, strings.TrimSpace(r.Email))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return "Admin", nil
	case err != nil:
		return "", fmt.Errorf("finding the user: %w", err)
	}
	return user.Name, nil
}

// BootstrapRequest asks for an organization and all that a deployment begins with.
type BootstrapRequest struct {
	Name  string // 1 to 100 characters
	Email string // of the first admin
	// Application asks for an OAuth application with all scopes as well.
	Application bool
}

// Bootstrapped is a new organization with all that was made for it.
type Bootstrapped struct {
	Created
	ResourceServer clients.Registered
	Application    clients.Registered // zero unless asked for
}

// Bootstrap creates an organization, its admin, a default project, a
// full-access workspace token and a resource server for the default audience.
// It returns storage.ErrConflict if the organization exists, and changes
// nothing then; storage.ErrInvalid naming organization or email; access.ErrDenied
// unless the operator asks.
func (s *Service) Bootstrap(ctx context.Context, caller access.Caller, r BootstrapRequest) (Bootstrapped, error) {
	var b Bootstrapped
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		var err error
		b, err = s.bootstrap(ctx, caller, Creation{Name: r.Name, Email: r.Email, Token: true})
		if err != nil || !r.Application {
			return err
		}
		b.Application, err = s.Clients.RegisterApplication(ctx, caller, clients.ApplicationRequest{
			OrganizationID: b.Organization.ID, Name: "Demo application", Scopes: s.Catalogue.Names().Without(storage.ScopeAdmin),
		})
		return err
	})
	if err != nil {
		return Bootstrapped{}, err
	}
	return b, nil
}

// bootstrap makes the organization and the resource server, in a transaction.
func (s *Service) bootstrap(ctx context.Context, caller access.Caller, r Creation) (Bootstrapped, error) {
	created, err := s.create(ctx, caller, "organization", r)
	if err != nil {
		return Bootstrapped{}, err
	}
	server, err := s.Clients.RegisterResourceServer(ctx, caller, clients.ResourceServerRequest{
		Name: created.Organization.Slug + " API", Identifier: s.DefaultAudience,
	})
	if err != nil {
		return Bootstrapped{}, err
	}
	return Bootstrapped{Created: created, ResourceServer: server}, nil
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

func checkSlug(field, slug string) error {
	if slug == "" {
		return storage.Invalidf(field, "want at least one letter a-z or digit")
	}
	return nil
}
