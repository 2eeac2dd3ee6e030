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

type applicationCommand struct {
	List         applicationList         `cmd:"" help:"List the OAuth applications of an organization."`
	Create       applicationCreate       `cmd:"" help:"Register an OAuth application and print its secret, if it has one, once."`
	Delete       applicationDelete       `cmd:"" help:"Delete an OAuth application: its tokens stop at once."`
	RotateSecret applicationRotateSecret `cmd:"" help:"Give an OAuth application another secret, and print it, once."`
}

// applicationRow is an application as --json prints one.
type applicationRow struct {
	ID                  int64                `json:"id"`
	Name                string               `json:"name"`
	ClientID            string               `json:"client_id"`
	ClientSecret        string               `json:"client_secret,omitempty"` // in the answer that makes it
	Scopes              storage.Scopes       `json:"scopes"`
	AuthMethods         []storage.AuthMethod `json:"token_endpoint_auth_methods"`
	JWKS                json.RawMessage      `json:"jwks"`
	JWKSURI             *string              `json:"jwks_uri"`
	TokenURLAudience    bool                 `json:"token_url_audience"`
	AccessTokenLifetime int64                `json:"access_token_lifetime"` // seconds
	Disabled            bool                 `json:"disabled"`
	LastUsedAt          *time.Time           `json:"last_used_at"`
	CreatedAt           time.Time            `json:"created_at"`
	Secrets             []secretRow          `json:"secrets"` // those that work
}

type secretRow struct {
	ID         int64      `json:"id"`
	Prefix     string     `json:"prefix"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func (o *opened) applicationRowOf(c storage.Client, secret storage.Secret) applicationRow {
	return applicationRow{
		ID: c.ID, Name: c.Name, ClientID: c.ClientID, ClientSecret: secret.Reveal(), Scopes: c.Scopes, AuthMethods: c.AuthMethods,
		JWKS: json.RawMessage(c.JWKS), JWKSURI: textOrNull(c.JWKSURI), TokenURLAudience: c.TokenURLAudience,
		AccessTokenLifetime: int64(c.Lifetime(o.config.AccessTokenLifetime) / time.Second),
		Disabled:            !c.Enabled(), LastUsedAt: optional(c.LastUsedAt), CreatedAt: c.CreatedAt.UTC(), Secrets: secretRowsOf(c),
	}
}

func secretRowsOf(c storage.Client) []secretRow {
	rows := []secretRow{}
	for _, s := range c.OpenSecrets(time.Now()) {
		rows = append(rows, secretRow{
			ID: s.ID, Prefix: s.Prefix, CreatedAt: s.CreatedAt.UTC(), ExpiresAt: optional(s.ExpiresAt), LastUsedAt: optional(s.LastUsedAt),
		})
	}
	return rows
}

func (r applicationRow) printSecret(p *process) {
	if r.ClientSecret == "" {
		p.printf("It authenticates with its keys:\n\n  client_id  %s\n", r.ClientID)
		return
	}
	p.printf("The secret is shown once:\n\n  client_id      %s\n  client_secret  %s\n", r.ClientID, r.ClientSecret)
}

// applicationOf finds the application that a command was given by its client id.
func (o *opened) applicationOf(ctx context.Context, organization storage.Organization, clientID string) (storage.Client, error) {
	found, err := o.store.ClientByClientID(ctx, clientID)
	if err == nil && (found.Kind != storage.Application || found.OrganizationID != organization.ID) {
		err = storage.ErrNotFound
	}
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Client{}, fmt.Errorf("%s has no application with the client id %q", organization.Name, clientID)
	}
	return found, err
}

type applicationList struct {
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run lists the applications.
func (c *applicationList) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := everything(func(page storage.Page) ([]storage.Client, error) {
		return o.server.Clients.Applications(ctx, access.Operator(), organization.ID, page)
	}, func(c storage.Client) int64 { return c.ID })
	if err != nil {
		return err
	}
	rows := make([]applicationRow, 0, len(found))
	for _, f := range found {
		rows = append(rows, o.applicationRowOf(f, storage.Secret{}))
	}
	if c.JSON {
		return p.printJSON(map[string]any{"oauth_applications": rows})
	}
	if len(rows) == 0 {
		p.printf("%s has no application yet; make one with kiket-auth application create.\n", organization.Name)
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "CLIENT ID\tNAME\tSCOPES\tSECRETS\tLAST USED")
	for _, row := range rows {
		scopes := row.Scopes.String()
		if row.Disabled {
			scopes = "(disabled)"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", row.ClientID, row.Name, scopes, len(row.Secrets), dateOr(row.LastUsedAt, "never"))
	}
	return table.Flush()
}

// dateOr returns the day of a point in time, or other words if there is none.
func dateOr(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.Format(time.DateOnly)
}

type applicationCreate struct {
	Organization        string        `required:"" help:"The organization." placeholder:"SLUG"`
	Name                string        `required:"" help:"Name of the application." placeholder:"NAME"`
	Scope               []string      `required:"" help:"A scope that it may ask for; several with commas, or said again." placeholder:"SCOPE"`
	Authentication      keyFlags      `embed:""`
	AccessTokenLifetime time.Duration `help:"How long its access tokens live, such as 15m; without it as the configuration says." placeholder:"DURATION"`
	JSON                bool          `name:"json" help:"Print one JSON object."`
}

// Run registers the application.
func (c *applicationCreate) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	request := clients.ApplicationRequest{
		OrganizationID: organization.ID, Name: c.Name, Scopes: storage.NewScopes(c.Scope...), AccessTokenLifetime: c.AccessTokenLifetime,
	}
	if request.Authentication, err = c.Authentication.read(); err != nil {
		return err
	}
	registered, err := o.server.Clients.RegisterApplication(ctx, access.Operator(), request)
	if err != nil {
		return err
	}
	row := o.applicationRowOf(registered.Client, registered.Secret)
	if c.JSON {
		return p.printJSON(row)
	}
	p.printf("Registered %s in %s for %s. ", row.Name, organization.Name, row.Scopes)
	row.printSecret(p)
	return nil
}

type applicationDelete struct {
	ClientID     string `arg:"" help:"Client id of the application, see kiket-auth application list."`
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	Yes          bool   `help:"Do not ask."`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run deletes the application.
func (c *applicationDelete) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := o.applicationOf(ctx, organization, c.ClientID)
	if err != nil {
		return err
	}
	if err := p.confirm(ctx, c.Yes, "Delete %s of %s and stop its tokens", found.Name, organization.Name); err != nil {
		return err
	}
	if err := o.server.Clients.DeleteApplication(ctx, access.Operator(), organization.ID, found.ID); err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"deleted": found.ClientID})
	}
	p.printf("Deleted %s of %s. Its tokens are inactive from now on.\n", found.Name, organization.Name)
	return nil
}

type applicationRotateSecret struct {
	ClientID          string        `arg:"" help:"Client id of the application, see kiket-auth application list."`
	Organization      string        `required:"" help:"The organization." placeholder:"SLUG"`
	PreviousExpiresIn time.Duration `default:"24h" help:"For how long the secrets before go on; 0s closes them at once." placeholder:"DURATION"`
	Yes               bool          `help:"Do not ask before the secrets are closed at once."`
	JSON              bool          `name:"json" help:"Print one JSON object."`
}

// Run adds a secret.
func (c *applicationRotateSecret) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := o.applicationOf(ctx, organization, c.ClientID)
	if err != nil {
		return err
	}
	if c.PreviousExpiresIn == 0 {
		if err := p.confirm(ctx, c.Yes, "Close the secrets that %s of %s has", found.Name, organization.Name); err != nil {
			return err
		}
	}
	rotated, err := o.server.Clients.RotateSecret(ctx, access.Operator(), organization.ID, found.ID, c.PreviousExpiresIn)
	if err != nil {
		return err
	}
	row := o.applicationRowOf(rotated.Client, rotated.Secret)
	if c.JSON {
		return p.printJSON(row)
	}
	p.printf("%s of %s has another secret; ", row.Name, organization.Name)
	if c.PreviousExpiresIn == 0 {
		p.printf("those before are closed. ")
	} else {
		p.printf("those before go on for %s. ", c.PreviousExpiresIn)
	}
	row.printSecret(p)
	return nil
}
