package api

import (
	"math"
	"net/http"
	"time"

	"kiket.dev/auth/storage"
)

// A name of digits is the number of a key; the names of secrets begin with a
// letter. What else stands there is for the verb to refuse.
var extensionSecretEndpoints = []endpoint{
	{method: http.MethodGet, path: "/extensions/{id}/secrets", permission: adminOrExtension, handle: (*API).listExtensionSecrets},
	{method: http.MethodPost, path: "/extensions/{id}/secrets", permission: adminOrExtension, action: "extension.secret_write", handle: (*API).writeExtensionSecret, maxBody: mostDocument},
	{method: http.MethodPost, path: "/extensions/{id}/secrets/rotate", permission: admin, action: "extension.key_rotate", handle: (*API).rotateExtensionKey},
	{method: http.MethodDelete, path: "/extensions/{id}/secrets/{name:[0-9]+}", permission: adminOrExtension, action: "extension.key_close", handle: (*API).closeExtensionKey},
	{method: http.MethodGet, path: "/extensions/{id}/secrets/{name}", permission: adminOrExtension, handle: (*API).readExtensionSecret},
	{method: http.MethodPost, path: "/extensions/{id}/secrets/{name}", permission: adminOrExtension, action: "extension.secret_write", handle: (*API).writeNamedExtensionSecret, maxBody: mostDocument},
	{method: http.MethodPut, path: "/extensions/{id}/secrets/{name}", permission: adminOrExtension, action: "extension.secret_write", handle: (*API).writeNamedExtensionSecret, maxBody: mostDocument},
	{method: http.MethodDelete, path: "/extensions/{id}/secrets/{name}", permission: adminOrExtension, action: "extension.secret_delete", handle: (*API).deleteExtensionSecret},
}

// defaultOverlap is for how many seconds an old secret goes on after a rotation.
const defaultOverlap = 86400

type extensionKeyBody struct {
	ID          int64         `json:"id"`
	TokenPrefix string        `json:"token_prefix"`
	CreatedAt   *time.Time    `json:"created_at"`
	ExpiresAt   *time.Time    `json:"expires_at"`
	LastUsedAt  *time.Time    `json:"last_used_at"`
	UsedFrom    *usedFromBody `json:"last_used_from"`
}

func (a *API) listExtensionSecrets(c *call) (reply, error) {
	i, err := a.extension(c)
	if err != nil {
		return reply{}, err
	}
	names, err := a.Server.Extensions.SecretNames(c.context(), c.caller, c.organization(), i.ID)
	if err != nil {
		return reply{}, err
	}
	open, err := a.Server.Extensions.OpenKeys(c.context(), c.caller, c.organization(), i.ID)
	if err != nil {
		return reply{}, err
	}
	at, err := serversOf(a, c, open, func(t storage.Token) []int64 { return []int64{t.LastUsedServerID} })
	if err != nil {
		return reply{}, err
	}
	keys := make([]extensionKeyBody, 0, len(open))
	for _, k := range open {
		keys = append(keys, extensionKeyBody{
			ID: k.ID, TokenPrefix: k.Prefix, CreatedAt: moment(k.CreatedAt),
			ExpiresAt: moment(k.ExpiresAt), LastUsedAt: moment(k.LastUsedAt), UsedFrom: at.tokenUsedFrom(k),
		})
	}
	return ok(struct {
		Keys    []string           `json:"keys"`
		APIKeys []extensionKeyBody `json:"api_keys"`
	}{append([]string{}, names...), keys}), nil
}

func (a *API) rotateExtensionKey(c *call) (reply, error) {
	var request struct {
		PreviousExpiresIn *int64 `json:"previous_expires_in"`
	}
	i, err := a.extension(c)
	if err == nil {
		err = c.decode("secret", &request)
	}
	if err != nil {
		return reply{}, err
	}
	overlap := time.Duration(defaultOverlap) * time.Second
	if request.PreviousExpiresIn != nil {
		overlap = seconds(*request.PreviousExpiresIn)
	}
	issued, err := a.Server.Extensions.RotateKey(c.context(), c.caller, c.organization(), i.ID, overlap)
	if err != nil {
		return reply{}, err
	}
	return created(renderIssuedKey(issued)), nil
}

// seconds is a number of seconds; one that is too large is the longest duration.
func seconds(n int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Second)
	return time.Duration(min(max(n, -most), most)) * time.Second
}

func (a *API) closeExtensionKey(c *call) (reply, error) {
	i, err := a.extension(c)
	if err != nil {
		return reply{}, err
	}
	return noContent(), a.Server.Extensions.CloseKey(c.context(), c.caller, c.organization(), i.ID, c.id("name"))
}

func (a *API) readExtensionSecret(c *call) (reply, error) {
	i, err := a.extension(c)
	if err != nil {
		return reply{}, err
	}
	value, err := a.Server.Extensions.ReadSecret(c.context(), c.caller, c.organization(), i.ID, c.variable("name"))
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]string{"value": value.Reveal()}), nil
}

func (a *API) writeExtensionSecret(c *call) (reply, error) {
	var request struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	i, err := a.extension(c)
	if err == nil {
		err = c.decode("secret", &request)
	}
	if err != nil {
		return reply{}, err
	}
	return a.writeSecret(c, i, request.Key, request.Value)
}

func (a *API) writeNamedExtensionSecret(c *call) (reply, error) {
	var request struct {
		Value string `json:"value"`
	}
	i, err := a.extension(c)
	if err == nil {
		err = c.decode("secret", &request)
	}
	if err != nil {
		return reply{}, err
	}
	return a.writeSecret(c, i, c.variable("name"), request.Value)
}

func (a *API) writeSecret(c *call, i storage.Installation, name, value string) (reply, error) {
	fresh, err := a.Server.Extensions.WriteSecret(c.context(), c.caller, c.organization(), i.ID, name, storage.NewSecret(value))
	if err != nil {
		return reply{}, err
	}
	body := map[string]string{"key": name}
	if fresh {
		return created(body), nil
	}
	return ok(body), nil
}

func (a *API) deleteExtensionSecret(c *call) (reply, error) {
	i, err := a.extension(c)
	if err != nil {
		return reply{}, err
	}
	return noContent(), a.Server.Extensions.DeleteSecret(c.context(), c.caller, c.organization(), i.ID, c.variable("name"))
}
