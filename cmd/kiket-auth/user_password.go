package main

import (
	"context"

	"kiket.dev/auth/server/access"
)

// userResetPassword is for people who have forgotten their password where no mail is sent.
type userResetPassword struct {
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	Email        string `required:"" help:"E-mail address of the member." placeholder:"ADDR"`
	Yes          bool   `help:"Do not ask."`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run gives the member another password and prints it.
func (c *userResetPassword) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	member, err := o.memberByEmail(ctx, organization, c.Email)
	if err != nil {
		return err
	}
	if err := p.confirm(ctx, c.Yes, "Give %s another password and end their sessions", member.Email); err != nil {
		return err
	}
	password, err := o.server.Sessions.IssuePassword(ctx, access.Operator(), organization.ID, member.UserID)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(struct {
			userRow
			Password string `json:"password"`
		}{userRowOf(member), password.Reveal()})
	}
	p.printf("%s has another password, in every organization. It is shown once:\n\n  %s\n", member.Email, password.Reveal())
	return nil
}
