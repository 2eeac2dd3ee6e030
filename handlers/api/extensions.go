package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// mostDocument is the largest body that carries a document or a secret as a text,
// in bytes: escaped, it is longer than what it says.
const mostDocument = 256 << 10

var extensionEndpoints = []endpoint{
	{method: http.MethodGet, path: "/extensions", permission: admin, handle: (*API).listExtensions, parameters: pages},
	{method: http.MethodPost, path: "/extensions", permission: admin, action: "extension.install", handle: (*API).installExtension, maxBody: mostDocument},
	{method: http.MethodGet, path: "/extensions/{id}", permission: adminOrExtension, handle: (*API).showExtension},
	{method: http.MethodPut, path: "/extensions/{id}", permission: admin, action: "extension.update", handle: (*API).updateExtension, maxBody: mostDocument},
	{method: http.MethodDelete, path: "/extensions/{id}", permission: admin, action: "extension.uninstall", handle: (*API).uninstallExtension},
}

type extensionBody struct {
	ID          int64          `json:"id"`
	Key         string         `json:"key"`
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	ProjectID   int64          `json:"project_id"`
	Permissions storage.Scopes `json:"permissions"`
	CreatedAt   *time.Time     `json:"created_at"`
	// Of one alone, not of those in a list.
	Manifest json.RawMessage `json:"manifest,omitempty"`
}

func renderExtension(i storage.Installation) extensionBody {
	return extensionBody{
		ID: i.ID, Key: i.Key, Name: i.Name, Version: i.Version, ProjectID: i.ProjectID,
		Permissions: i.Permissions, CreatedAt: moment(i.CreatedAt),
	}
}

func renderWholeExtension(i storage.Installation) extensionBody {
	body := renderExtension(i)
	body.Manifest = i.Manifest
	return body
}

// issuedKeyBody is a key in the one answer that shows it.
type issuedKeyBody struct {
	ID          int64  `json:"id"`
	Token       string `json:"token"`
	TokenPrefix string `json:"token_prefix"`
}

func renderIssuedKey(issued tokens.Issued) issuedKeyBody {
	return issuedKeyBody{ID: issued.Token.ID, Token: issued.Secret.Reveal(), TokenPrefix: issued.Token.Prefix}
}

// manifestText is a manifest in a request: an object, or a text of YAML.
type manifestText []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (m *manifestText) UnmarshalJSON(raw []byte) error {
	var text string
	switch raw[0] {
	case '{':
		*m = append(manifestText{}, raw...)
		return nil
	case '"', 'n': // null is absent
		err := json.Unmarshal(raw, &text)
		*m = manifestText(text)
		return err
	}
	return errors.New("neither an object nor a text")
}

func (manifestText) wanted() string { return "an object, or a text of YAML" }

func (a *API) listExtensions(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	installed, err := a.Server.Extensions.List(c.context(), c.caller, c.organization(), page)
	if err != nil {
		return reply{}, err
	}
	return list(c, "extensions", page, installed, func(i storage.Installation) int64 { return i.ID }, renderExtension), nil
}

func (a *API) installExtension(c *call) (reply, error) {
	var request struct {
		ProjectID int64        `json:"project_id"`
		Manifest  manifestText `json:"manifest"`
	}
	if err := c.decode("extension", &request); err != nil {
		return reply{}, err
	}
	installed, err := a.Server.Extensions.Install(c.context(), c.caller, c.organization(), request.ProjectID, request.Manifest)
	if err != nil {
		return reply{}, err
	}
	return created(struct {
		extensionBody
		APIKey issuedKeyBody `json:"api_key"`
	}{renderExtension(installed.Installation), renderIssuedKey(installed.Key)}), nil
}

func (a *API) showExtension(c *call) (reply, error) {
	i, err := a.extension(c)
	if err != nil {
		return reply{}, err
	}
	return ok(renderWholeExtension(i)), nil
}

func (a *API) updateExtension(c *call) (reply, error) {
	var request struct {
		Manifest          manifestText `json:"manifest"`
		AcceptPermissions []string     `json:"accept_permissions"`
	}
	i, err := a.extension(c)
	if err == nil {
		err = c.decode("extension", &request)
	}
	if err != nil {
		return reply{}, err
	}
	i, err = a.Server.Extensions.Update(c.context(), c.caller, c.organization(), i.ID, request.Manifest, request.AcceptPermissions)
	if err != nil {
		return reply{}, err
	}
	return ok(renderWholeExtension(i)), nil
}

func (a *API) uninstallExtension(c *call) (reply, error) {
	i, err := a.extension(c)
	if err != nil {
		return reply{}, err
	}
	return noContent(), a.Server.Extensions.Uninstall(c.context(), c.caller, c.organization(), i.ID)
}

// extension returns the installation that the path names.
func (a *API) extension(c *call) (storage.Installation, error) {
	return a.Server.Extensions.Find(c.context(), c.caller, c.organization(), c.variable("id"))
}
