package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/storage"
)

type userCommand struct {
	List   userList   `cmd:"" help:"List the members of an organization."`
	Create userCreate `cmd:"" help:"Make a person a member, and print their password, once: the initial one, or a new one if they have an account."`
	Remove userRemove `cmd:"" help:"Remove a member: their sessions end, and what they own is revoked or handed over."`

	ResetPassword userResetPassword `cmd:"" help:"Give a member another password, and print it, once: their sessions end, in every organization."`
}

// userRow is a member as --json prints one.
type userRow struct {
	ID       int64     `json:"id"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	JoinedAt time.Time `json:"joined_at"`
}

func userRowOf(m storage.Member) userRow {
	return userRow{ID: m.UserID, Email: m.Email, Name: m.Name, Role: string(m.Role), JoinedAt: m.JoinedAt.UTC()}
}

// inOrganization opens the server and finds the organization that a command is about.
func (p *process) inOrganization(ctx context.Context, slug string) (*opened, storage.Organization, error) {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return nil, storage.Organization{}, err
	}
	organization, err := o.organization(ctx, slug)
	if err != nil {
		o.close()
		return nil, storage.Organization{}, err
	}
	return o, organization, nil
}

type userList struct {
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run lists the members.
func (c *userList) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := everything(func(page storage.Page) ([]storage.Member, error) {
		return o.server.Members.List(ctx, access.Operator(), organization.ID, page)
	}, func(m storage.Member) int64 { return m.UserID })
	if err != nil {
		return err
	}
	rows := make([]userRow, 0, len(found))
	for _, m := range found {
		rows = append(rows, userRowOf(m))
	}
	if c.JSON {
		return p.printJSON(map[string]any{"users": rows})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tEMAIL\tNAME\tROLE\tJOINED")
	for _, row := range rows {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", row.ID, row.Email, row.Name, row.Role, row.JoinedAt.Format(time.DateOnly))
	}
	return table.Flush()
}

type userCreate struct {
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	Email        string `required:"" help:"E-mail address of the person." placeholder:"ADDR"`
	Name         string `required:"" help:"What the organization calls them." placeholder:"NAME"`
	Role         string `enum:"admin,member" default:"member" help:"admin or member." placeholder:"ROLE"`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run makes the person a member.
func (c *userCreate) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	added, err := o.server.Members.Add(ctx, access.Operator(), organization.ID, members.Addition{
		Email: c.Email, Name: c.Name, Role: storage.Role(c.Role),
	})
	if err != nil {
		return err
	}
	row := userRowOf(added.Member)
	if c.JSON {
		return p.printJSON(struct {
			userRow
			Password string `json:"password"`
		}{row, added.InitialPassword.Reveal()})
	}
	p.printf("%s is a member of %s now, with the role %s.\n", row.Email, organization.Name, row.Role)
	p.printf("The initial password is shown once:\n\n  %s\n", added.InitialPassword.Reveal())
	return nil
}

type userRemove struct {
	Organization string  `required:"" help:"The organization." placeholder:"SLUG"`
	Email        string  `required:"" help:"E-mail address of the member." placeholder:"ADDR"`
	Heir         *string `name:"reassign-tokens-to" help:"E-mail address of the admin who gets their workspace tokens; without it those are revoked." placeholder:"ADDR"`
	Yes          bool    `help:"Do not ask."`
	JSON         bool    `name:"json" help:"Print one JSON object."`
}

// Run removes the member.
func (c *userRemove) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	member, err := o.memberByEmail(ctx, organization, c.Email)
	if err != nil {
		return err
	}
	var heir storage.Member
	becomes := "revoke what they own"
	if c.Heir != nil {
		if heir, err = o.memberByEmail(ctx, organization, *c.Heir); err != nil {
			return err
		}
		becomes = "hand their workspace tokens to " + heir.Email
	}
	if err := p.confirm(ctx, c.Yes, "Remove %s from %s and %s", member.Email, organization.Name, becomes); err != nil {
		return err
	}
	if err := o.server.Members.Remove(ctx, access.Operator(), organization.ID, member.UserID, heir.UserID); err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"removed": member.UserID})
	}
	p.printf("Removed %s from %s.\n", member.Email, organization.Name)
	return nil
}

func (o *opened) memberByEmail(ctx context.Context, organization storage.Organization, email string) (storage.Member, error) {
	m, err := o.server.Members.ByEmail(ctx, access.Operator(), organization.ID, email)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Member{}, fmt.Errorf("%s has no member with the address %q", organization.Name, email)
	}
	return m, err
}
