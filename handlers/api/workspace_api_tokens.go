package api

import (
	"net/http"
	"slices"
	"time"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

var workspaceTokenEndpoints = []endpoint{
	{method: http.MethodGet, path: "/workspace_api_tokens", permission: admin, handle: (*API).listWorkspaceTokens, parameters: append([]string{"state"}, pages...)},
	{method: http.MethodPost, path: "/workspace_api_tokens", permission: admin, action: "workspace_api_token.create", handle: (*API).createWorkspaceToken},
	{method: http.MethodGet, path: "/workspace_api_tokens/{id:[0-9]+}", permission: admin, handle: (*API).showWorkspaceToken},
	{method: http.MethodPatch, path: "/workspace_api_tokens/{id:[0-9]+}", permission: admin, action: "workspace_api_token.update", handle: (*API).renameWorkspaceToken},
	{method: http.MethodDelete, path: "/workspace_api_tokens/{id:[0-9]+}", permission: admin, action: "workspace_api_token.revoke", handle: (*API).revokeWorkspaceToken},
}

type workspaceTokenBody struct {
	ID          int64          `json:"id"`
	Name        string         `json:"name"`
	Scopes      storage.Scopes `json:"scopes"` // none with full access
	FullAccess  bool           `json:"full_access"`
	Token       string         `json:"token,omitempty"` // in the answer that creates it
	TokenPrefix string         `json:"token_prefix"`
	ExpiresAt   *time.Time     `json:"expires_at"`
	LastUsedAt  *time.Time     `json:"last_used_at"`
	UsedFrom    *usedFromBody  `json:"last_used_from"`
	CreatedAt   *time.Time     `json:"created_at"`
	RevokedAt   *time.Time     `json:"revoked_at"`
	Owner       ownerBody      `json:"owner"`
}

// ownerBody is the person to whom a credential belongs.
type ownerBody struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func (s servers) renderWorkspaceToken(o storage.OwnedToken) workspaceTokenBody {
	t := o.Token
	return workspaceTokenBody{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, FullAccess: t.FullAccess, TokenPrefix: t.Prefix,
		ExpiresAt: moment(t.ExpiresAt), LastUsedAt: moment(t.LastUsedAt), CreatedAt: moment(t.CreatedAt),
		RevokedAt: moment(t.RevokedAt), Owner: ownerBody{ID: t.UserID, Name: o.OwnerName}, UsedFrom: s.tokenUsedFrom(t),
	}
}

func (a *API) listWorkspaceTokens(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	state := tokens.State(c.query.Get("state"))
	if state != tokens.StateNotRevoked && !slices.Contains(tokens.States, state) {
		return reply{}, storage.Invalidf("state", "want one of %v", tokens.States)
	}
	found, err := a.Server.Tokens.WorkspaceTokens(c.context(), c.caller, c.organization(), state, page)
	if err != nil {
		return reply{}, err
	}
	s, err := serversOf(a, c, found, func(o storage.OwnedToken) []int64 { return []int64{o.Token.LastUsedServerID} })
	if err != nil {
		return reply{}, err
	}
	return list(c, "workspace_api_tokens", page, found, func(o storage.OwnedToken) int64 { return o.Token.ID }, s.renderWorkspaceToken), nil
}

func (a *API) createWorkspaceToken(c *call) (reply, error) {
	var request struct {
		Name      string     `json:"name"`
		Scopes    []string   `json:"scopes"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	if err := c.decode("workspace_api_token", &request); err != nil {
		return reply{}, err
	}
	var expires time.Time // zero, by which the verb means never, is a time of the past here
	if request.ExpiresAt != nil {
		if expires = *request.ExpiresAt; expires.IsZero() {
			return reply{}, storage.Invalidf("expires_at", "must be in the future")
		}
	}
	issued, err := a.Server.Tokens.IssueWorkspaceToken(c.context(), c.caller, tokens.WorkspaceTokenRequest{
		OrganizationID: c.organization(), Name: request.Name,
		Scopes: storage.NewScopes(request.Scopes...), ExpiresAt: expires,
	})
	if err != nil {
		return reply{}, err
	}
	body := servers{}.renderWorkspaceToken(storage.OwnedToken{Token: issued.Token, OwnerName: issued.Owner.Name})
	body.Token = issued.Secret.Reveal()
	return created(body), nil
}

func (a *API) showWorkspaceToken(c *call) (reply, error) {
	found, err := a.Server.Tokens.WorkspaceToken(c.context(), c.caller, c.organization(), c.id("id"))
	if err != nil {
		return reply{}, err
	}
	return a.answerWorkspaceToken(c, found)
}

// renameWorkspaceToken changes the name alone: what a token permits, and until when, is
// as it was issued.
func (a *API) renameWorkspaceToken(c *call) (reply, error) {
	var request struct {
		Name *string `json:"name"`
	}
	if err := c.decode("workspace_api_token", &request); err != nil {
		return reply{}, err
	}
	if request.Name == nil { // nothing is to be changed
		return a.showWorkspaceToken(c)
	}
	renamed, err := a.Server.Tokens.RenameWorkspaceToken(c.context(), c.caller, c.organization(), c.id("id"), *request.Name)
	if err != nil {
		return reply{}, err
	}
	return a.answerWorkspaceToken(c, renamed)
}

func (a *API) answerWorkspaceToken(c *call, o storage.OwnedToken) (reply, error) {
	s, err := a.servers(c, o.Token.LastUsedServerID)
	if err != nil {
		return reply{}, err
	}
	return ok(s.renderWorkspaceToken(o)), nil
}

func (a *API) revokeWorkspaceToken(c *call) (reply, error) {
	return noContent(), a.Server.Tokens.RevokeWorkspaceToken(c.context(), c.caller, c.organization(), c.id("id"))
}
