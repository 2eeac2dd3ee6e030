package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/storage"
)

type organizationCommand struct {
	List   organizationList   `cmd:"" help:"List the organizations."`
	Create organizationCreate `cmd:"" help:"Create an organization with an admin and a project, and print the admin's password, once."`
}

// pageOf is how many rows a command reads at a time.
const pageOf = 200

// everything reads a list to its end.
func everything[T any](read func(storage.Page) ([]T, error), id func(T) int64) ([]T, error) {
	var found []T
	for page := (storage.Page{Limit: pageOf}); ; {
		rows, err := read(page)
		if err != nil {
			return nil, err
		}
		found = append(found, rows...)
		if len(rows) < page.Limit {
			return found, nil
		}
		page.Before = id(rows[len(rows)-1])
	}
}

// organization finds the one that a command was given by its slug.
func (o *opened) organization(ctx context.Context, slug string) (storage.Organization, error) {
	organization, err := o.store.OrganizationBySlug(ctx, slug)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Organization{}, fmt.Errorf("there is no organization with the slug %q", slug)
	}
	return organization, err
}

type organizationList struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// organizationRow is an organization in a listing.
type organizationRow struct {
	ID        int64     `json:"id"`
	Slug      string    `json:"slug"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// Run lists the organizations.
func (c *organizationList) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := everything(func(page storage.Page) ([]storage.Organization, error) {
		return o.server.Organizations.List(ctx, access.Operator(), page)
	}, func(o storage.Organization) int64 { return o.ID })
	if err != nil {
		return err
	}
	rows := make([]organizationRow, 0, len(found))
	for _, f := range found {
		rows = append(rows, organizationRow{ID: f.ID, Slug: f.Slug, Name: f.Name, CreatedAt: f.CreatedAt.UTC()})
	}
	if c.JSON {
		return p.printJSON(map[string]any{"organizations": rows})
	}
	if len(rows) == 0 {
		p.printf("There is no organization yet; make the first with kiket-auth bootstrap.\n")
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tSLUG\tNAME\tCREATED")
	for _, row := range rows {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", row.ID, row.Slug, row.Name, row.CreatedAt.Format(time.DateOnly))
	}
	return table.Flush()
}

type organizationCreate struct {
	Name  string `required:"" help:"Name of the organization; its slug is made of it." placeholder:"NAME"`
	Email string `required:"" help:"E-mail address of its first admin." placeholder:"ADDR"`
	Token bool   `help:"Issue a full-access workspace token to the admin as well."`
	JSON  bool   `name:"json" help:"Print one JSON object."`
}

// createdAnswer is a new organization as --json prints it.
type createdAnswer struct {
	Organization struct {
		ID   int64  `json:"id"`
		Slug string `json:"slug"`
		Name string `json:"name"`
	} `json:"organization"`
	Project struct {
		ID   int64  `json:"id"`
		Key  string `json:"key"`
		Name string `json:"name"`
	} `json:"project"`
	Admin struct {
		ID       int64  `json:"id"`
		Email    string `json:"email"`
		Name     string `json:"name"`
		Password string `json:"password"`
	} `json:"admin"`
	WorkspaceAPIToken *issuedAnswer `json:"workspace_api_token,omitempty"`
}

// issuedAnswer is a token in the one answer that shows it.
type issuedAnswer struct {
	ID     int64  `json:"id"`
	Token  string `json:"token"`
	Prefix string `json:"token_prefix"`
}

func createdAnswerOf(c organizations.Created) createdAnswer {
	var a createdAnswer
	a.Organization.ID, a.Organization.Slug, a.Organization.Name = c.Organization.ID, c.Organization.Slug, c.Organization.Name
	a.Project.ID, a.Project.Key, a.Project.Name = c.Project.ID, c.Project.Key, c.Project.Name
	a.Admin.ID, a.Admin.Email, a.Admin.Name, a.Admin.Password = c.Admin.UserID, c.Admin.Email, c.Admin.Name, c.Password.Reveal()
	if issued := c.WorkspaceAPIToken; issued.Token.ID != 0 {
		a.WorkspaceAPIToken = &issuedAnswer{ID: issued.Token.ID, Token: issued.Secret.Reveal(), Prefix: issued.Token.Prefix}
	}
	return a
}

// Run creates the organization and prints its secrets, once.
func (c *organizationCreate) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	created, err := o.server.Organizations.Create(ctx, access.Operator(), organizations.Creation{
		Name: c.Name, Email: c.Email, Token: c.Token,
	})
	if errors.Is(err, storage.ErrConflict) {
		return errOrganizationExists(c.Name)
	}
	if err != nil {
		return err
	}
	answer := createdAnswerOf(created)
	if c.JSON {
		return p.printJSON(answer)
	}
	answer.print(p)
	return nil
}

func errOrganizationExists(name string) error {
	return fmt.Errorf("the organization %q exists already; nothing was changed", name)
}

// print tells a person, who sees the secrets this once.
func (a createdAnswer) print(p *process) {
	p.printf("Created the organization %s (%s). These secrets are shown once:\n\n", a.Organization.Name, a.Organization.Slug)
	a.printSecrets(p)
}

func (a createdAnswer) printSecrets(p *process) {
	p.printf("  Admin             %s  password %s\n", a.Admin.Email, a.Admin.Password)
	p.printf("  Project           %s (%s)\n", a.Project.Name, a.Project.Key)
	if a.WorkspaceAPIToken != nil {
		p.printf("  Workspace token   %s  (full access)\n", a.WorkspaceAPIToken.Token)
	}
}
