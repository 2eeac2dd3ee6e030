package api

import (
	"encoding/json"
	"net/http"
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

const (
	applicationsPath = "/oauth_applications"
	applicationPath  = applicationsPath + "/{id:[0-9]+}"
)

var applicationEndpoints = []endpoint{
	{method: http.MethodGet, path: applicationsPath, permission: admin, handle: (*API).listApplications, parameters: pages},
	{method: http.MethodPost, path: applicationsPath, permission: admin, action: "oauth_application.create", handle: (*API).createApplication},
	{method: http.MethodGet, path: applicationPath, permission: admin, handle: (*API).showApplication},
	{method: http.MethodPatch, path: applicationPath, permission: admin, action: "oauth_application.update", handle: (*API).updateApplication},
	{method: http.MethodDelete, path: applicationPath, permission: admin, action: "oauth_application.delete", handle: (*API).deleteApplication},
	{method: http.MethodPost, path: applicationPath + "/secrets", permission: admin, action: "oauth_application.secret_rotate", handle: (*API).rotateApplicationSecret},
	{method: http.MethodDelete, path: applicationPath + "/secrets/{secret_id:[0-9]+}", permission: admin, action: "oauth_application.secret_close", handle: (*API).closeApplicationSecret, parameters: []string{"revoke_tokens"}},
	{method: http.MethodDelete, path: applicationPath + "/tokens", permission: admin, action: "oauth_application.tokens_revoke", handle: (*API).revokeApplicationTokens},
}

type applicationBody struct {
	ID           int64          `json:"id"`
	Name         string         `json:"name"`
	ClientID     string         `json:"client_id"`
	ClientSecret string         `json:"client_secret,omitempty"` // in the answer that makes it
	Scopes       storage.Scopes `json:"scopes"`
	// AuthMethod is the first of those that work, AuthMethods are all.
	AuthMethod          storage.AuthMethod   `json:"token_endpoint_auth_method"`
	AuthMethods         []storage.AuthMethod `json:"token_endpoint_auth_methods"`
	JWKS                json.RawMessage      `json:"jwks"`
	JWKSURI             *string              `json:"jwks_uri"`
	TokenURLAudience    bool                 `json:"token_url_audience"`
	AccessTokenLifetime int64                `json:"access_token_lifetime"` // seconds, as it is in effect
	Disabled            bool                 `json:"disabled"`
	LastUsedAt          *time.Time           `json:"last_used_at"`
	UsedFrom            *usedFromBody        `json:"last_used_from"`
	CreatedAt           *time.Time           `json:"created_at"`
	Secrets             []clientSecretBody   `json:"secrets"` // those that work
}

type clientSecretBody struct {
	ID         int64         `json:"id"`
	Prefix     string        `json:"prefix"`
	CreatedAt  *time.Time    `json:"created_at"`
	ExpiresAt  *time.Time    `json:"expires_at"`
	LastUsedAt *time.Time    `json:"last_used_at"`
	UsedFrom   *usedFromBody `json:"last_used_from"`
}

func (a *API) renderApplication(c storage.Client, at servers) applicationBody {
	body := applicationBody{
		ID: c.ID, Name: c.Name, ClientID: c.ClientID, Scopes: c.Scopes, AuthMethods: c.AuthMethods,
		JWKS: json.RawMessage(c.JWKS), JWKSURI: orNull(c.JWKSURI), TokenURLAudience: c.TokenURLAudience,
		AccessTokenLifetime: int64(c.Lifetime(a.Server.AccessTokenLifetime) / time.Second), Disabled: !c.Enabled(),
		LastUsedAt: moment(c.LastUsedAt), CreatedAt: moment(c.CreatedAt), Secrets: []clientSecretBody{},
		UsedFrom: at.usedFrom(c.LastUsedAt, c.LastUsedAddress, c.LastUsedUserAgent, c.LastUsedServerID),
	}
	if len(c.AuthMethods) > 0 {
		body.AuthMethod = c.AuthMethods[0]
	}
	for _, s := range c.OpenSecrets(a.Server.Clock()) {
		body.Secrets = append(body.Secrets, clientSecretBody{
			ID: s.ID, Prefix: s.Prefix, CreatedAt: moment(s.CreatedAt), ExpiresAt: moment(s.ExpiresAt), LastUsedAt: moment(s.LastUsedAt),
			UsedFrom: at.usedFrom(s.LastUsedAt, s.LastUsedAddress, s.LastUsedUserAgent, s.LastUsedServerID),
		})
	}
	return body
}

// usedAt are the ids of the resource servers that an application and its secrets were
// used at last.
func usedAt(c storage.Client) []int64 {
	ids := []int64{c.LastUsedServerID}
	for _, s := range c.Secrets {
		ids = append(ids, s.LastUsedServerID)
	}
	return ids
}

func (a *API) answerApplication(c *call, client storage.Client) (reply, error) {
	at, err := a.servers(c, usedAt(client)...)
	if err != nil {
		return reply{}, err
	}
	return ok(a.renderApplication(client, at)), nil
}

func (a *API) answerRegistered(c *call, r clients.Registered) (reply, error) {
	at, err := a.servers(c, usedAt(r.Client)...)
	if err != nil {
		return reply{}, err
	}
	body := a.renderApplication(r.Client, at)
	body.ClientSecret = r.Secret.Reveal()
	return created(body), nil
}

// lifetime is a number of seconds as a lifetime. 0, by which the verbs mean the
// server's setting, is none.
func lifetime(n int64) time.Duration {
	if n == 0 {
		return -time.Second
	}
	return seconds(n)
}

func (a *API) listApplications(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	found, err := a.Server.Clients.Applications(c.context(), c.caller, c.organization(), page)
	if err != nil {
		return reply{}, err
	}
	at, err := serversOf(a, c, found, usedAt)
	if err != nil {
		return reply{}, err
	}
	render := func(c storage.Client) applicationBody { return a.renderApplication(c, at) }
	return list(c, "oauth_applications", page, found, func(c storage.Client) int64 { return c.ID }, render), nil
}

func (a *API) createApplication(c *call) (reply, error) {
	var request struct {
		Name                string                         `json:"name"`
		Scopes              []string                       `json:"scopes"`
		AuthMethod          optional[storage.AuthMethod]   `json:"token_endpoint_auth_method"`
		AuthMethods         optional[[]storage.AuthMethod] `json:"token_endpoint_auth_methods"`
		JWKS                optional[keySet]               `json:"jwks"`
		JWKSURI             optional[string]               `json:"jwks_uri"`
		TokenURLAudience    *bool                          `json:"token_url_audience"`
		AccessTokenLifetime *int64                         `json:"access_token_lifetime"`
	}
	if err := c.decode("oauth_application", &request); err != nil {
		return reply{}, err
	}
	update, err := authentication{
		request.AuthMethod, request.AuthMethods, request.JWKS, request.JWKSURI, request.TokenURLAudience,
	}.update()
	if err != nil {
		return reply{}, err
	}
	wanted := clients.ApplicationRequest{
		OrganizationID: c.organization(), Name: request.Name,
		Scopes: storage.NewScopes(request.Scopes...), Authentication: update.On(clients.Authentication{}),
	}
	if request.AccessTokenLifetime != nil {
		wanted.AccessTokenLifetime = lifetime(*request.AccessTokenLifetime)
	}
	registered, err := a.Server.Clients.RegisterApplication(c.context(), c.caller, wanted)
	if err != nil {
		return reply{}, err
	}
	return a.answerRegistered(c, registered)
}

func (a *API) showApplication(c *call) (reply, error) {
	found, err := a.Server.Clients.Application(c.context(), c.caller, c.organization(), c.id("id"))
	if err != nil {
		return reply{}, err
	}
	return a.answerApplication(c, found)
}

// applicationChange is the body of a PATCH. null puts a setting back to the server's.
type applicationChange struct {
	Name                *string                        `json:"name"`
	Scopes              *[]string                      `json:"scopes"`
	AuthMethod          optional[storage.AuthMethod]   `json:"token_endpoint_auth_method"`
	AuthMethods         optional[[]storage.AuthMethod] `json:"token_endpoint_auth_methods"`
	JWKS                optional[keySet]               `json:"jwks"`
	JWKSURI             optional[string]               `json:"jwks_uri"`
	TokenURLAudience    *bool                          `json:"token_url_audience"`
	AccessTokenLifetime optional[int64]                `json:"access_token_lifetime"`
	Disabled            *bool                          `json:"disabled"`
}

func (r applicationChange) update() (clients.ApplicationUpdate, error) {
	u := clients.ApplicationUpdate{Name: r.Name, Disabled: r.Disabled}
	if r.Scopes != nil {
		scopes := storage.NewScopes(*r.Scopes...)
		u.Scopes = &scopes
	}
	if r.AccessTokenLifetime.set {
		wanted := time.Duration(0)
		if n := r.AccessTokenLifetime.get(); n != nil {
			wanted = lifetime(*n)
		}
		u.AccessTokenLifetime = &wanted
	}
	var err error
	u.Authentication, err = authentication{r.AuthMethod, r.AuthMethods, r.JWKS, r.JWKSURI, r.TokenURLAudience}.update()
	return u, err
}

func (a *API) updateApplication(c *call) (reply, error) {
	var request applicationChange
	if err := c.decode("oauth_application", &request); err != nil {
		return reply{}, err
	}
	change, err := request.update()
	if err != nil {
		return reply{}, err
	}
	updated, err := a.Server.Clients.UpdateApplication(c.context(), c.caller, c.organization(), c.id("id"), change)
	if err != nil {
		return reply{}, err
	}
	return a.answerApplication(c, updated)
}

func (a *API) deleteApplication(c *call) (reply, error) {
	return noContent(), a.Server.Clients.DeleteApplication(c.context(), c.caller, c.organization(), c.id("id"))
}

func (a *API) rotateApplicationSecret(c *call) (reply, error) {
	var request struct {
		PreviousExpiresIn *int64 `json:"previous_expires_in"`
	}
	if err := c.decode("secret", &request); err != nil {
		return reply{}, err
	}
	overlap := seconds(defaultOverlap)
	if request.PreviousExpiresIn != nil {
		overlap = seconds(*request.PreviousExpiresIn)
	}
	rotated, err := a.Server.Clients.RotateSecret(c.context(), c.caller, c.organization(), c.id("id"), overlap)
	if err != nil {
		return reply{}, err
	}
	return a.answerRegistered(c, rotated)
}

func (a *API) closeApplicationSecret(c *call) (reply, error) {
	revokeTokens, err := c.flag("revoke_tokens")
	if err != nil {
		return reply{}, err
	}
	_, err = a.Server.Clients.CloseSecret(c.context(), c.caller, c.organization(), c.id("id"), c.id("secret_id"), revokeTokens)
	return noContent(), err
}

func (a *API) revokeApplicationTokens(c *call) (reply, error) {
	return noContent(), a.Server.Clients.RevokeTokens(c.context(), c.caller, c.organization(), c.id("id"))
}
