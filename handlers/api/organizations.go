package api

import (
	"net/http"
	"time"

	"kiket.dev/auth/storage"
)

var organizationEndpoints = []endpoint{
	{method: http.MethodGet, path: "/organization", permission: admin, handle: (*API).showOrganization},
	{method: http.MethodPatch, path: "/organization", permission: admin, action: "organization.update", handle: (*API).renameOrganization},
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
	CreatedAt *time.Time `json:"created_at"`
}

func renderWholeOrganization(o storage.Organization) wholeOrganizationBody {
	return wholeOrganizationBody{renderOrganization(o), moment(o.CreatedAt)}
}

func (a *API) showOrganization(c *call) (reply, error) {
	o, err := a.Server.Organizations.Show(c.context(), c.caller, c.organization())
	if err != nil {
		return reply{}, err
	}
	return ok(renderWholeOrganization(o)), nil
}

func (a *API) renameOrganization(c *call) (reply, error) {
	var request struct {
		Name *string `json:"name"`
	}
	if err := c.decode("organization", &request); err != nil {
		return reply{}, err
	}
	if request.Name == nil { // nothing is to be changed
		return a.showOrganization(c)
	}
	o, err := a.Server.Organizations.Rename(c.context(), c.caller, c.organization(), *request.Name)
	if err != nil {
		return reply{}, err
	}
	return ok(renderWholeOrganization(o)), nil
}
