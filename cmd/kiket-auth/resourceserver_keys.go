package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// unknownResourceServer says in words that there is none of that name.
func unknownResourceServer(err error, name string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("there is no resource server named %q", name)
	}
	return err
}

type resourceServerUpdate struct {
	Name             string   `required:"" help:"Name of the resource server." placeholder:"NAME"`
	AuthMethod       []string `help:"client_secret_basic, client_secret_post or private_key_jwt; several with commas. private_key_jwt alone closes the secrets." placeholder:"METHOD"`
	JWKS             *string  `name:"jwks" help:"File with its public keys, a JWK Set (RFC 7517), instead of those that it has; empty for none." placeholder:"FILE"`
	JWKSURI          *string  `name:"jwks-uri" help:"Where it publishes its public keys; empty for nowhere." placeholder:"URL"`
	TokenURLAudience *bool    `name:"token-url-audience" negatable:"" help:"Whether its assertions may name the token endpoint as their audience."`
	JSON             bool     `name:"json" help:"Print one JSON object."`
}

// Run changes the resource server.
func (c *resourceServerUpdate) Run(ctx context.Context, p *process) error {
	update := clients.AuthenticationUpdate{JWKSURI: c.JWKSURI, TokenURLAudience: c.TokenURLAudience}
	if len(c.AuthMethod) > 0 {
		methods := methodsOf(c.AuthMethod)
		update.Methods = &methods
	}
	if c.JWKS != nil {
		document := []byte{}
		if *c.JWKS != "" {
			var err error
			if document, err = os.ReadFile(*c.JWKS); err != nil {
				return fmt.Errorf("reading the keys: %w", err)
			}
		}
		update.JWKS = &document
	}
	if update == (clients.AuthenticationUpdate{}) {
		return errors.New("say what to change: --auth-method, --jwks, --jwks-uri or --token-url-audience")
	}
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	updated, err := o.server.Clients.UpdateResourceServer(ctx, access.Operator(), c.Name, update)
	if err != nil {
		return unknownResourceServer(err, c.Name)
	}
	if c.JSON {
		return p.printJSON(resourceServerRowOf(updated))
	}
	p.printf("%s authenticates with: %v.\n", updated.Name, updated.AuthMethods)
	return nil
}

type resourceServerRotateSecret struct {
	Name              string        `required:"" help:"Name of the resource server." placeholder:"NAME"`
	PreviousExpiresIn time.Duration `default:"24h" help:"For how long the secrets before go on; 0s closes them at once." placeholder:"DURATION"`
	Yes               bool          `help:"Do not ask before the secrets are closed at once."`
	JSON              bool          `name:"json" help:"Print one JSON object."`
}

// Run adds a secret.
func (c *resourceServerRotateSecret) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	if c.PreviousExpiresIn == 0 {
		if err := p.confirm(ctx, c.Yes, "Close the secrets that %s has", c.Name); err != nil {
			return err
		}
	}
	rotated, err := o.server.Clients.RotateResourceServerSecret(ctx, access.Operator(), c.Name, c.PreviousExpiresIn)
	if err != nil {
		return unknownResourceServer(err, c.Name)
	}
	secret := resourceServerSecretOf(rotated)
	if c.JSON {
		return p.printJSON(struct {
			resourceServerRow
			ClientSecret string `json:"client_secret"` // in this answer alone
		}{resourceServerRowOf(rotated.Client), secret.ClientSecret})
	}
	p.printf("%s has another secret; ", c.Name)
	if c.PreviousExpiresIn == 0 {
		p.printf("those before are closed. ")
	} else {
		p.printf("those before go on for %s. ", c.PreviousExpiresIn)
	}
	secret.print(p)
	return nil
}

type resourceServerCloseSecret struct {
	ID   int64  `arg:"" help:"Number of the secret, see kiket-auth resource-server list --json."`
	Name string `required:"" help:"Name of the resource server." placeholder:"NAME"`
	Yes  bool   `help:"Do not ask."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

// Run closes the secret.
func (c *resourceServerCloseSecret) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	if err := p.confirm(ctx, c.Yes, "Close secret %d of %s", c.ID, c.Name); err != nil {
		return err
	}
	closed, err := o.server.Clients.CloseResourceServerSecret(ctx, access.Operator(), c.Name, c.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("there is no resource server named %q with a secret %d", c.Name, c.ID)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"id": c.ID, "closed": closed})
	}
	if !closed {
		p.printf("Secret %d of %s was closed already.\n", c.ID, c.Name)
		return nil
	}
	p.printf("Closed secret %d of %s.\n", c.ID, c.Name)
	return nil
}
