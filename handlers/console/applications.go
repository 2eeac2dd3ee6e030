package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// applicationPages are Organization → Integrations.
var applicationPages = []page{
	{method: http.MethodGet, path: "/integrations", permission: admins, show: (*Console).listApplications},
	{method: http.MethodGet, path: "/integrations/new", permission: admins, show: (*Console).newApplication},
	{method: http.MethodPost, path: "/integrations", permission: admins, action: "oauth_application.create", recent: true, show: (*Console).createApplication},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}", permission: admins, show: (*Console).showApplication},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/edit", permission: admins, show: (*Console).editApplication},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/edit", permission: admins, action: "oauth_application.update", recent: true, show: (*Console).updateApplication},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/authentication", permission: admins, show: (*Console).editAuthentication},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/authentication", permission: admins, action: "oauth_application.update", recent: true, show: (*Console).updateAuthentication},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/secrets/new", permission: admins, show: (*Console).askRotateSecret},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/secrets", permission: admins, action: "oauth_application.secret_rotate", recent: true, show: (*Console).rotateSecret},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/secrets/{secret:[0-9]+}/close", permission: admins, show: (*Console).askCloseSecret},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/secrets/{secret:[0-9]+}/close", permission: admins, action: "oauth_application.secret_close", show: (*Console).closeSecret},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/disable", permission: admins, show: (*Console).askDisableApplication},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/disable", permission: admins, action: "oauth_application.update", show: (*Console).disableApplication},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/enable", permission: admins, action: "oauth_application.update", show: (*Console).enableApplication},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/tokens/revoke", permission: admins, show: (*Console).askRevokeApplicationTokens},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/tokens/revoke", permission: admins, action: "oauth_application.tokens_revoke", show: (*Console).revokeApplicationTokens},
	{method: http.MethodGet, path: "/integrations/{id:[0-9]+}/delete", permission: admins, show: (*Console).askDeleteApplication},
	{method: http.MethodPost, path: "/integrations/{id:[0-9]+}/delete", permission: admins, action: "oauth_application.delete", show: (*Console).deleteApplication},
}

// shownApplication is an application as pages have it.
type shownApplication struct {
	Usage       usageChart // on its own page
	Application storage.Client
	Secrets     []shownSecret // those that are not closed, newest first
	Open        int           // how many of them work
	BySecret    bool
	Keys        []publicKey // that were pasted
	ByKeys      bool
	Lasts       time.Duration // how long its access tokens live
	Request     string        // how it gets one
}

// Mute says that the application is enabled and has nothing to authenticate with.
func (a shownApplication) Mute() bool {
	return a.Application.Enabled() && a.Open == 0 && !a.ByKeys
}

func (c *Console) shown(a storage.Client) shownApplication {
	now := c.server.Clock()
	s := shownApplication{
		Application: a, Secrets: shownSecrets(a.Secrets, now), Open: len(a.OpenSecrets(now)),
		BySecret: a.Uses(storage.AuthSecretBasic) || a.Uses(storage.AuthSecretPost),
		ByKeys:   a.Uses(storage.AuthPrivateKeyJWT), Keys: publicKeys(a.JWKS),
		Lasts: a.Lifetime(c.server.AccessTokenLifetime),
	}
	s.Request = tokenRequest(c.server.Issuer, a)
	return s
}

func (c *Console) listApplications(v *visit) (view, error) {
	found, older, err := list(v, integrationsPath, func(page storage.Page) ([]storage.Client, error) {
		return c.server.Clients.Applications(v.context(), v.caller, v.organizationID(), page)
	}, func(a storage.Client) int64 { return a.ID }, func(a storage.Client) []string { return []string{a.Name, a.ClientID} })
	shown := make([]shownApplication, 0, len(found))
	for _, a := range found {
		shown = append(shown, c.shown(a))
	}
	return view{template: "applications", title: "Integrations", data: map[string]any{
		"Applications": shown, "Older": older, "Find": v.finder("Name or client ID", len(shown)),
	}}, err
}

// application finds the application that the path names.
func (c *Console) application(v *visit) (shownApplication, error) {
	found, err := c.server.Clients.Application(v.context(), v.caller, v.organizationID(), v.id("id"))
	return c.shown(found), err
}

// applicationView shows a page about the application that the path names.
func (c *Console) applicationView(v *visit, template, title string) (view, error) {
	a, err := c.application(v)
	return view{template: template, title: title + a.Application.Name, data: a}, err
}

func (c *Console) showApplication(v *visit) (view, error) {
	a, err := c.application(v)
	if err != nil {
		return view{}, err
	}
	chart, err := c.usage(v, storage.CredentialID{Kind: storage.ApplicationCredential, ID: a.Application.ID})
	if err != nil {
		return view{}, err
	}
	a.Usage = chart
	return view{template: "application", title: a.Application.Name, data: a}, nil
}

// applicationPath is where the application that the path names is.
func (v *visit) applicationPath() string { return below(integrationsPath, v.id("id")) }

// applicationForm is what the form for a new application is made of.
func (c *Console) applicationForm(v *visit) view {
	return view{template: "application_new", title: "Register an integration", data: map[string]any{
		"Scopes":   scopeChoices(c.server.Catalogue, storage.NewScopes(v.values["scopes"]...)),
		"Lifetime": readLifetime(v.values), "Most": c.server.AccessTokenLifetime, "Keys": v.typedKeys(),
	}}
}

func (c *Console) newApplication(v *visit) (view, error) { return c.applicationForm(v), nil }

// mintedSecret is what is shown once. Secret is empty for an application with keys.
type mintedSecret struct {
	ID        int64
	Name      string
	ClientID  string
	Secret    string
	Scopes    storage.Scopes
	Lasts     time.Duration
	Request   string
	Successor bool // of another
}

func (c *Console) minted(r clients.Registered) mintedSecret {
	a := r.Client
	return mintedSecret{
		ID: a.ID, Name: a.Name, ClientID: a.ClientID, Secret: r.Secret.Reveal(), Scopes: a.Scopes,
		Lasts: a.Lifetime(c.server.AccessTokenLifetime), Request: tokenRequest(c.server.Issuer, a),
	}
}

func (c *Console) createApplication(v *visit) (view, error) {
	lifetime, errLifetime := readLifetime(v.values).duration()
	authentication, err := v.authentication()
	if err = errors.Join(err, errLifetime); err != nil {
		return v.applicationAgain(c.applicationForm(v), err)
	}
	minted, err := once(v, func(ctx context.Context) (mintedSecret, error) {
		registered, err := c.server.Clients.RegisterApplication(ctx, v.caller, clients.ApplicationRequest{
			OrganizationID: v.organizationID(), Name: v.text("name"), Scopes: v.chosenScopes(),
			Authentication: authentication, AccessTokenLifetime: lifetime,
		})
		return c.minted(registered), err
	})
	if err != nil {
		return v.applicationAgain(c.applicationForm(v), err)
	}
	if minted.Secret == "" {
		return goTo(below(integrationsPath, minted.ID), "application-registered"), nil
	}
	return view{status: http.StatusCreated, template: "application_secret", title: "Copy the client secret", data: minted}, nil
}
