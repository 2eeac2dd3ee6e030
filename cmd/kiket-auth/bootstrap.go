package main

import (
	"context"
	"errors"
	"fmt"

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
		Password string `json:"password,omitempty"` // absent if the user had one
	} `json:"admin"`
	WorkspaceAPIToken struct {
		ID     int64  `json:"id"`
		Token  string `json:"token"`
		Prefix string `json:"token_prefix"`
	} `json:"workspace_api_token"`
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
		return fmt.Errorf("the organization %q exists already; nothing was changed", c.Organization)
	}
	if err != nil {
		return err
	}
	answer := bootstrapAnswerOf(b)
	if c.JSON {
		return p.printJSON(answer)
	}
	p.printf("Created the organization %s (%s). These secrets are shown once:\n\n", answer.Organization.Name, answer.Organization.Slug)
	printCredentials(p, answer)
	return nil
}

func bootstrapAnswerOf(b organizations.Bootstrapped) bootstrapAnswer {
	var a bootstrapAnswer
	a.Organization.ID, a.Organization.Slug, a.Organization.Name = b.Organization.ID, b.Organization.Slug, b.Organization.Name
	a.Project.ID, a.Project.Key, a.Project.Name = b.Project.ID, b.Project.Key, b.Project.Name
	a.Admin.ID, a.Admin.Email, a.Admin.Name, a.Admin.Password = b.Admin.UserID, b.Admin.Email, b.Admin.Name, b.Password.Reveal()
	issued := b.WorkspaceAPIToken
	a.WorkspaceAPIToken.ID, a.WorkspaceAPIToken.Token, a.WorkspaceAPIToken.Prefix = issued.Token.ID, issued.Secret.Reveal(), issued.Token.Prefix
	a.ResourceServer = resourceServerSecretOf(b.ResourceServer)
	return a
}

func printCredentials(p *process, a bootstrapAnswer) {
	password := a.Admin.Password
	if password == "" {
		password = "(as before)"
	}
	p.printf("  Admin             %s  password %s\n", a.Admin.Email, password)
	p.printf("  Project           %s (%s)\n", a.Project.Name, a.Project.Key)
	p.printf("  Workspace token   %s  (full access)\n", a.WorkspaceAPIToken.Token)
	p.printf("  Resource server   %s  secret %s\n", a.ResourceServer.ClientID, a.ResourceServer.ClientSecret)
	p.printf("                    introspects tokens for %s\n", a.ResourceServer.Identifier)
}
