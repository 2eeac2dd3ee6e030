package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"kiket.dev/auth/server/projects"
	"kiket.dev/auth/storage"
)

// extensionPages are Settings → Extensions.
var extensionPages = []page{
	{method: http.MethodGet, path: "/extensions", permission: admins, show: (*Console).listExtensions},
	{method: http.MethodGet, path: "/extensions/new", permission: admins, show: (*Console).newExtension},
	{method: http.MethodPost, path: "/extensions/review", permission: admins, upload: true, show: (*Console).reviewExtension},
	{method: http.MethodPost, path: "/extensions", permission: admins, action: "extension.install", recent: true, upload: true, show: (*Console).installExtension},
	{method: http.MethodGet, path: "/extensions/projects/new", permission: admins, show: (*Console).newProject},
	{method: http.MethodPost, path: "/extensions/projects", permission: admins, action: "project.create", show: (*Console).createProject},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}", permission: admins, show: (*Console).showExtension},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/update", permission: admins, show: (*Console).newManifest},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/update/review", permission: admins, upload: true, show: (*Console).reviewManifest},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/update", permission: admins, action: "extension.update", recent: true, upload: true, show: (*Console).updateExtension},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/uninstall", permission: admins, show: (*Console).askUninstall},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/uninstall", permission: admins, action: "extension.uninstall", show: (*Console).uninstall},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/keys/new", permission: admins, show: (*Console).askRotateKey},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/keys", permission: admins, action: "extension.key_rotate", recent: true, show: (*Console).rotateKey},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/keys/{key:[0-9]+}/close", permission: admins, show: (*Console).askCloseKey},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/keys/{key:[0-9]+}/close", permission: admins, action: "extension.key_close", show: (*Console).closeKey},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/secrets/new", permission: admins, show: (*Console).newNamedSecret},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/secrets", permission: admins, action: "extension.secret_write", upload: true, show: (*Console).addNamedSecret},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/secrets/{name:[A-Z][A-Z0-9_]*}/value", permission: admins, show: (*Console).askNamedSecret},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/secrets/{name:[A-Z][A-Z0-9_]*}/value", permission: admins, action: "extension.secret_write", upload: true, show: (*Console).replaceNamedSecret},
	{method: http.MethodGet, path: "/extensions/{id:[0-9]+}/secrets/{name:[A-Z][A-Z0-9_]*}/delete", permission: admins, show: (*Console).askDeleteNamedSecret},
	{method: http.MethodPost, path: "/extensions/{id:[0-9]+}/secrets/{name:[A-Z][A-Z0-9_]*}/delete", permission: admins, action: "extension.secret_delete", show: (*Console).deleteNamedSecret},
}

// projectExtensions is a project with what is installed in it.
type projectExtensions struct {
	Project    storage.Project
	Extensions []storage.Installation
}

func (c *Console) listExtensions(v *visit) (view, error) {
	found, err := c.server.Extensions.List(v.context(), v.caller, v.organizationID(), v.listPage())
	if err != nil {
		return view{}, err
	}
	found, older := olderOf(v, extensionsPath, found, func(i storage.Installation) int64 { return i.ID })
	grouped, err := c.byProject(v, found)
	return view{template: "extensions", title: "Extensions", data: map[string]any{"Projects": grouped, "Older": older}}, err
}

// byProject groups installations by their projects, in order of the names of these.
func (c *Console) byProject(v *visit, found []storage.Installation) ([]projectExtensions, error) {
	var grouped []projectExtensions
	for _, i := range found {
		at := slices.IndexFunc(grouped, func(p projectExtensions) bool { return p.Project.ID == i.ProjectID })
		if at < 0 {
			project, err := c.server.Projects.Project(v.context(), v.caller, v.organizationID(), i.ProjectID)
			if err != nil {
				return nil, err
			}
			at, grouped = len(grouped), append(grouped, projectExtensions{Project: project})
		}
		grouped[at].Extensions = append(grouped[at].Extensions, i)
	}
	slices.SortStableFunc(grouped, func(a, b projectExtensions) int { return cmp.Compare(a.Project.Name, b.Project.Name) })
	return grouped, nil
}

// allProjects returns the organization's projects in order of their names.
func (c *Console) allProjects(v *visit) ([]storage.Project, error) {
	const batch = 200
	var all []storage.Project
	for page := (storage.Page{Limit: batch}); ; page.Before = all[len(all)-1].ID {
		found, err := c.server.Projects.Projects(v.context(), v.caller, v.organizationID(), page)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if len(found) < batch {
			break
		}
	}
	slices.SortFunc(all, func(a, b storage.Project) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

func (c *Console) newProject(*visit) (view, error) {
	return view{template: "project_new", title: "New project"}, nil
}

func (c *Console) createProject(v *visit) (view, error) {
	made, err := c.server.Projects.Create(v.context(), v.caller, v.organizationID(), projects.Request{
		Key: strings.ToUpper(v.text("key")), Name: v.text("name"),
	})
	if err != nil {
		return v.again(view{template: "project_new", title: "New project"}, err)
	}
	return goTo(extensionsPath+"/new?project="+decimal(made.ID), "project-created"), nil
}

// extensionPath is where the extension that the path names is.
func (v *visit) extensionPath() string { return below(extensionsPath, v.id("id")) }

// shownExtension is an extension as pages have it.
type shownExtension struct {
	Extension storage.Installation
	Project   storage.Project
	Keys      []shownKey // those that work, newest first
	Secrets   []string   // names
}

// extension finds the extension that the path names.
func (c *Console) extension(v *visit) (shownExtension, error) {
	found, err := c.server.Extensions.Find(v.context(), v.caller, v.organizationID(), v.variable("id"))
	if err != nil {
		return shownExtension{}, err
	}
	project, errProject := c.server.Projects.Project(v.context(), v.caller, v.organizationID(), found.ProjectID)
	keys, errKeys := c.server.Extensions.OpenKeys(v.context(), v.caller, v.organizationID(), found.ID)
	names, errNames := c.server.Extensions.SecretNames(v.context(), v.caller, v.organizationID(), found.ID)
	return shownExtension{
		Extension: found, Project: project, Keys: shownKeys(keys, c.server.Clock()), Secrets: names,
	}, errors.Join(errProject, errKeys, errNames)
}

// extensionView shows a page about the extension that the path names.
func (c *Console) extensionView(v *visit, template, title string) (view, error) {
	e, err := c.extension(v)
	return view{template: template, title: title + e.Extension.Name, data: e}, err
}

func (c *Console) showExtension(v *visit) (view, error) { return c.extensionView(v, "extension", "") }

func (c *Console) askUninstall(v *visit) (view, error) {
	return c.extensionView(v, "extension_uninstall", "Uninstall ")
}

func (c *Console) uninstall(v *visit) (view, error) {
	err := c.server.Extensions.Uninstall(v.context(), v.caller, v.organizationID(), v.id("id"))
	return goTo(extensionsPath, "extension-uninstalled"), err
}
