package api

import (
	"net/http"
	"time"

	"kiket.dev/auth/storage"
)

var meEndpoints = []endpoint{
	{method: http.MethodGet, path: "/me", permission: authenticated, handle: (*API).showMe},
	{method: http.MethodPut, path: "/me/password", permission: authenticated, action: "user.change_password", handle: (*API).changePassword},
}

// meBody says whose the credential is that asks, and what it may do. A person has an
// id, an address and a role; applications and extensions have a name alone.
type meBody struct {
	ID           *int64           `json:"id"`
	Email        *string          `json:"email"`
	Name         string           `json:"name"`
	Role         *storage.Role    `json:"role"`
	ClientID     *string          `json:"client_id,omitempty"` // of an application
	Extension    *myExtensionBody `json:"extension,omitempty"`
	Organization organizationBody `json:"organization"`
	Token        myTokenBody      `json:"token"`
}

type myExtensionBody struct {
	ID        int64  `json:"id"`
	Key       string `json:"key"`
	Version   string `json:"version"`
	ProjectID int64  `json:"project_id"`
}

type myTokenBody struct {
	Kind       storage.TokenKind `json:"kind"`
	ID         int64             `json:"id"`
	Name       string            `json:"name"`
	Scopes     storage.Scopes    `json:"scopes"` // as they are at this moment
	FullAccess bool              `json:"full_access"`
	ExpiresAt  *time.Time        `json:"expires_at"`
}

func renderMe(c *call, o storage.Organization, catalogue storage.Catalogue) meBody {
	t, scopes := c.credential.Token, c.caller.Scopes
	me := meBody{
		Organization: renderOrganization(o),
		Token: myTokenBody{
			Kind: t.Kind, ID: t.ID, Name: c.caller.Party.Name, Scopes: scopes,
			FullAccess: t.FullAccess && scopes.CoversAll(catalogue.Names()), ExpiresAt: moment(t.ExpiresAt),
		},
	}
	switch t.Kind {
	case storage.Session, storage.WorkspaceAPIToken:
		owner := c.credential.Owner
		me.ID, me.Email, me.Name, me.Role = &owner.UserID, &owner.Email, owner.Name, &owner.Role
	case storage.AccessToken:
		client := c.credential.Client
		me.Name, me.ClientID = client.Name, &client.ClientID
	case storage.ExtensionKey:
		i := c.credential.Installation
		me.Name = i.Name
		me.Extension = &myExtensionBody{ID: i.ID, Key: i.Key, Version: i.Version, ProjectID: i.ProjectID}
	}
	return me
}

func (a *API) showMe(c *call) (reply, error) {
	o, err := a.Server.Organizations.Own(c.context(), c.caller)
	if err != nil {
		return reply{}, err
	}
	return ok(renderMe(c, o, a.Server.Catalogue)), nil
}

func (a *API) changePassword(c *call) (reply, error) {
	var request struct {
		CurrentPassword string `json:"current_password"`
		NewPassword     string `json:"new_password"`
	}
	if err := c.decode("me", &request); err != nil {
		return reply{}, err
	}
	if err := required(map[string]string{"current_password": request.CurrentPassword, "new_password": request.NewPassword}); err != nil {
		return reply{}, err
	}
	err := a.Server.Sessions.ChangePassword(c.context(), c.caller,
		storage.NewSecret(request.CurrentPassword), storage.NewSecret(request.NewPassword))
	return noContent(), err
}
