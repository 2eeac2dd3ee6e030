package main

import (
	"context"
	"errors"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/storage"
)

// bootstrapCommand creates the first organization, or another one.
type bootstrapCommand struct {
	Organization string `required:"" help:"Name of the organization." placeholder:"NAME"`
	Email        string `required:"" help:"E-mail address of its first admin." placeholder:"ADDR"`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// bootstrapAnswer is what --json prints; contract of the command line.
type bootstrapAnswer struct {
	createdAnswer
	ResourceServer resourceServerSecret `json:"resource_server"`
}

// Run creates the organization and prints its secrets, once.
func (c *bootstrapCommand) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	b, err := o.server.Organizations.Bootstrap(ctx, access.Operator(), organizations.BootstrapRequest{
		Name: c.Organization, Email: c.Email,
	})
	if errors.Is(err, storage.ErrConflict) {
		return errOrganizationExists(c.Organization)
	}
	if err != nil {
		return err
	}
	answer := bootstrapAnswerOf(b)
	if c.JSON {
		return p.printJSON(answer)
	}
	answer.print(p)
	answer.printResourceServer(p)
	return nil
}

func bootstrapAnswerOf(b organizations.Bootstrapped) bootstrapAnswer {
	return bootstrapAnswer{createdAnswerOf(b.Created), resourceServerSecretOf(b.ResourceServer)}
}

func (a bootstrapAnswer) printResourceServer(p *process) {
	p.printf("  Resource server   %s  secret %s\n", a.ResourceServer.ClientID, a.ResourceServer.ClientSecret)
	p.printf("                    introspects tokens for %s\n", a.ResourceServer.Identifier)
}
