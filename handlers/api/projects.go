package api

import (
	"net/http"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/projects"
	"kiket.dev/auth/storage"
)

var projectEndpoints = []endpoint{
	{method: http.MethodGet, path: "/projects", permission: web.Permission(projects.ScopeRead), handle: (*API).listProjects, parameters: pages},
	{method: http.MethodPost, path: "/projects", permission: web.Permission(projects.ScopeWrite), action: "project.create", handle: (*API).createProject},
	{method: http.MethodGet, path: "/projects/{id:[0-9]+}", permission: web.Permission(projects.ScopeRead), handle: (*API).showProject},
}

type projectBody struct {
	ID        int64      `json:"id"`
	Key       string     `json:"key"`
	Name      string     `json:"name"`
	CreatedAt *time.Time `json:"created_at"`
}

func renderProject(p storage.Project) projectBody {
	return projectBody{ID: p.ID, Key: p.Key, Name: p.Name, CreatedAt: moment(p.CreatedAt)}
}

func (a *API) listProjects(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	found, err := a.Server.Projects.Projects(c.context(), c.caller, c.organization(), page)
	if err != nil {
		return reply{}, err
	}
	return list(c, "projects", page, found, func(p storage.Project) int64 { return p.ID }, renderProject), nil
}

func (a *API) createProject(c *call) (reply, error) {
	var request struct {
		Key  string `json:"key"`
		Name string `json:"name"`
	}
	if err := c.decode("project", &request); err != nil {
		return reply{}, err
	}
	p, err := a.Server.Projects.Create(c.context(), c.caller, c.organization(), projects.Request{Key: request.Key, Name: request.Name})
	if err != nil {
		return reply{}, err
	}
	return created(renderProject(p)), nil
}

func (a *API) showProject(c *call) (reply, error) {
	p, err := a.Server.Projects.Project(c.context(), c.caller, c.organization(), c.id("id"))
	if err != nil {
		return reply{}, err
	}
	return ok(renderProject(p)), nil
}
