package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

type resourceServerCommand struct {
	Create       resourceServerCreate       `cmd:"" help:"Register a resource server and print its secret, if it has one, once."`
	List         resourceServerList         `cmd:"" help:"List the resource servers."`
	Update       resourceServerUpdate       `cmd:"" help:"Change how a resource server authenticates."`
	RotateSecret resourceServerRotateSecret `cmd:"" help:"Give a resource server another secret, and print it, once."`
	CloseSecret  resourceServerCloseSecret  `cmd:"" help:"Close a secret of a resource server: it can no longer be used."`
	Delete       resourceServerDelete       `cmd:"" help:"Delete a resource server: it can no longer introspect."`
}

// resourceServerSecret is a resource server as it is created.
type resourceServerSecret struct {
	Identifier   string `json:"identifier"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
}

func resourceServerSecretOf(r clients.Registered) resourceServerSecret {
	return resourceServerSecret{Identifier: r.Client.Identifier, ClientID: r.Client.ClientID, ClientSecret: r.Secret.Reveal()}
}

func (r resourceServerSecret) print(p *process) {
	if r.ClientSecret == "" {
		p.printf("It authenticates with its keys:\n\n  client_id  %s\n", r.ClientID)
		return
	}
	p.printf("The secret is shown once:\n\n  client_id      %s\n  client_secret  %s\n", r.ClientID, r.ClientSecret)
}

type resourceServerCreate struct {
	Name         string `required:"" help:"Name, unique among resource servers." placeholder:"NAME"`
	Identifier   string `required:"" help:"Resource identifier (RFC 8707), the audience of its tokens." placeholder:"URI"`
	Organization string `help:"Serve this organization alone; without it, all." placeholder:"SLUG"`

	Authentication keyFlags `embed:""`
	JSON           bool     `name:"json" help:"Print one JSON object."`
}

// Run registers the resource server.
func (c *resourceServerCreate) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	request := clients.ResourceServerRequest{Name: c.Name, Identifier: c.Identifier}
	if c.Organization != "" {
		organization, err := o.organization(ctx, c.Organization)
		if err != nil {
			return err
		}
		request.OrganizationID = organization.ID
	}
	if request.Authentication, err = c.Authentication.read(); err != nil {
		return err
	}
	registered, err := o.server.Clients.RegisterResourceServer(ctx, access.Operator(), request)
	if errors.Is(err, storage.ErrConflict) {
		return fmt.Errorf("a resource server named %q exists already", c.Name)
	}
	if err != nil {
		return err
	}
	answer := resourceServerSecretOf(registered)
	if c.JSON {
		return p.printJSON(struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
			resourceServerSecret
		}{registered.Client.ID, registered.Client.Name, answer})
	}
	p.printf("Registered %s for %s. ", registered.Client.Name, answer.Identifier)
	answer.print(p)
	return nil
}

type resourceServerList struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// resourceServerRow is a resource server in a listing.
type resourceServerRow struct {
	ID             int64     `json:"id"`
	Name           string    `json:"name"`
	Identifier     string    `json:"identifier"`
	ClientID       string    `json:"client_id"`
	OrganizationID *int64    `json:"organization_id"` // null: all
	CreatedAt      time.Time `json:"created_at"`

	AuthMethods []storage.AuthMethod `json:"token_endpoint_auth_methods"`
	JWKS        json.RawMessage      `json:"jwks"`
	JWKSURI     *string              `json:"jwks_uri"`
	// TokenURLAudience: see storage.Client.
	TokenURLAudience bool        `json:"token_url_audience"`
	Secrets          []secretRow `json:"secrets"` // those that work
}

func resourceServerRowOf(s storage.Client) resourceServerRow {
	row := resourceServerRow{
		ID: s.ID, Name: s.Name, Identifier: s.Identifier, ClientID: s.ClientID, CreatedAt: s.CreatedAt.UTC(),
		AuthMethods: s.AuthMethods, JWKS: json.RawMessage(s.JWKS), JWKSURI: textOrNull(s.JWKSURI), Secrets: secretRowsOf(s),
		TokenURLAudience: s.TokenURLAudience,
	}
	if s.OrganizationID != 0 {
		row.OrganizationID = &s.OrganizationID
	}
	return row
}

// Run lists the resource servers.
func (c *resourceServerList) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	servers, err := o.server.Clients.ResourceServers(ctx, access.Operator())
	if err != nil {
		return err
	}
	rows := make([]resourceServerRow, 0, len(servers))
	for _, s := range servers {
		rows = append(rows, resourceServerRowOf(s))
	}
	if c.JSON {
		return p.printJSON(map[string]any{"resource_servers": rows})
	}
	if len(rows) == 0 {
		p.printf("There is no resource server yet; make one with kiket-auth resource-server create.\n")
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tIDENTIFIER\tCLIENT ID\tSERVES\tSECRETS")
	for _, row := range rows {
		serves := "all organizations"
		if row.OrganizationID != nil {
			organization, err := o.store.OrganizationByID(ctx, *row.OrganizationID)
			if err != nil {
				return err
			}
			serves = organization.Slug
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", row.Name, row.Identifier, row.ClientID, serves, len(row.Secrets))
	}
	return table.Flush()
}

type resourceServerDelete struct {
	Name       string `help:"Name of the resource server." placeholder:"NAME"`
	Identifier string `help:"Identifier of the resource server." placeholder:"URI"`
	JSON       bool   `name:"json" help:"Print one JSON object."`
}

// Validate is called when the command line has been read.
func (c *resourceServerDelete) Validate() error {
	if c.Name == "" && c.Identifier == "" {
		return errors.New("say which: --name or --identifier")
	}
	return nil
}

// Run deletes the one resource server that name and identifier tell.
func (c *resourceServerDelete) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	servers, err := o.server.Clients.ResourceServers(ctx, access.Operator())
	if err != nil {
		return err
	}
	var found []storage.Client
	for _, s := range servers {
		if (c.Name == "" || s.Name == c.Name) && (c.Identifier == "" || s.Identifier == c.Identifier) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return errors.New("there is no such resource server")
	case 1:
	default:
		return fmt.Errorf("%d resource servers match; say which with --name", len(found))
	}
	if err := o.server.Clients.DeleteResourceServer(ctx, access.Operator(), found[0]); err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"deleted": found[0].ClientID})
	}
	p.printf("Deleted %s (%s).\n", found[0].Name, found[0].Identifier)
	return nil
}
