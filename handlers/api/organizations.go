package api

import (
	"net/http"
	"time"

	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/storage"
)

var organizationEndpoints = []endpoint{
	{method: http.MethodGet, path: "/organization", permission: admin, handle: (*API).showOrganization},
	{method: http.MethodPatch, path: "/organization", permission: admin, action: "organization.update", handle: (*API).updateOrganization},
}

type organizationBody struct {
	ID   int64  `json:"id"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

func renderOrganization(o storage.Organization) organizationBody {
	return organizationBody{ID: o.ID, Slug: o.Slug, Name: o.Name}
}

type wholeOrganizationBody struct {
	organizationBody
	WorkspaceTokenMaxLifetime *int64     `json:"workspace_token_max_lifetime"` // seconds
	CreatedAt                 *time.Time `json:"created_at"`
}

func renderWholeOrganization(o storage.Organization) wholeOrganizationBody {
	body := wholeOrganizationBody{organizationBody: renderOrganization(o), CreatedAt: moment(o.CreatedAt)}
	if o.WorkspaceTokenMaxLifetime > 0 {
		seconds := int64(o.WorkspaceTokenMaxLifetime / time.Second)
		body.WorkspaceTokenMaxLifetime = &seconds
	}
	return body
}

func (a *API) showOrganization(c *call) (reply, error) {
	o, err := a.Server.Organizations.Show(c.context(), c.caller, c.organization())
	if err != nil {
		return reply{}, err
	}
	return ok(renderWholeOrganization(o)), nil
}

func (a *API) updateOrganization(c *call) (reply, error) {
	var request struct {
		Name                      *string         `json:"name"`
		WorkspaceTokenMaxLifetime optional[int64] `json:"workspace_token_max_lifetime"`
	}
	if err := c.decode("organization", &request); err != nil {
		return reply{}, err
	}
	o, err := a.Server.Organizations.Update(c.context(), c.caller, c.organization(), organizations.Update{
		Name: request.Name, WorkspaceTokenMaxLifetime: lifetimeLimit(request.WorkspaceTokenMaxLifetime),
	})
	if err != nil {
		return reply{}, err
	}
	return ok(renderWholeOrganization(o)), nil
}

// lifetimeLimit is a limit in seconds as a duration: nil if it is absent, 0 if it is
// null. What is no limit becomes one that is refused, and never 0, which is none.
func lifetimeLimit(seconds optional[int64]) *time.Duration {
	var limit time.Duration
	switch {
	case !seconds.set:
		return nil
	case seconds.null:
	case seconds.value < 1, seconds.value > int64(longestSpan/time.Second):
		limit = -1
	default:
		limit = time.Duration(seconds.value) * time.Second
	}
	return &limit
}
