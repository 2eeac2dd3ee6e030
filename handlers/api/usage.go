package api

import (
	"errors"
	"net/http"
	"time"

	"kiket.dev/auth/server/usage"
	"kiket.dev/auth/storage"
)

var usageEndpoints = []endpoint{
	{method: http.MethodGet, path: "/credentials/{reference}/usage", permission: admin, handle: (*API).showUsage, parameters: []string{"since", "until"}},
}

// usedFromBody says where something was used last.
type usedFromBody struct {
	Address   *string             `json:"ip_address"`
	UserAgent *string             `json:"user_agent"`
	Server    *resourceServerBody `json:"resource_server"` // null: this server itself
}

// resourceServerBody names a resource server; what is not known of a deleted one is null.
type resourceServerBody struct {
	ID         int64   `json:"id"`
	Name       *string `json:"name"`
	Identifier *string `json:"identifier"`
}

// renderServer returns nil for this server itself.
func renderServer(c storage.Client) *resourceServerBody {
	if c.ID == 0 {
		return nil
	}
	return &resourceServerBody{ID: c.ID, Name: orNull(c.Name), Identifier: orNull(c.Identifier)}
}

// servers are resource servers by their ids.
type servers map[int64]storage.Client

func (a *API) servers(c *call, ids ...int64) (servers, error) {
	return a.Server.Reports.ResourceServers(c.context(), ids...)
}

// serversOf are those that any of the things was used at.
func serversOf[T any](a *API, c *call, things []T, ids func(T) []int64) (servers, error) {
	var all []int64
	for _, thing := range things {
		all = append(all, ids(thing)...)
	}
	return a.servers(c, all...)
}

func (s servers) usedFrom(at time.Time, address, userAgent string, serverID int64) *usedFromBody {
	if at.IsZero() {
		return nil
	}
	return &usedFromBody{Address: orNull(address), UserAgent: orNull(userAgent), Server: renderServer(s[serverID])}
}

func (s servers) tokenUsedFrom(t storage.Token) *usedFromBody {
	return s.usedFrom(t.LastUsedAt, t.LastUsedAddress, t.LastUsedUserAgent, t.LastUsedServerID)
}

type usageBody struct {
	Reference string         `json:"reference"`
	Since     string         `json:"since"`
	Until     string         `json:"until"`
	Days      []usageDayBody `json:"days"`
}

type usageDayBody struct {
	Date    string           `json:"date"`
	Count   int64            `json:"count"`
	Scopes  []scopeUsesBody  `json:"scopes"`
	Servers []serverUsesBody `json:"resource_servers"`
}

type scopeUsesBody struct {
	Scope *string `json:"scope"` // null: of uses that named none
	Count int64   `json:"count"`
}

type serverUsesBody struct {
	Server *resourceServerBody `json:"resource_server"` // null: this server itself
	Count  int64               `json:"count"`
}

func (a *API) showUsage(c *call) (reply, error) {
	since, errSince := c.instant("since")
	until, errUntil := c.instant("until")
	if err := errors.Join(errSince, errUntil); err != nil {
		return reply{}, err
	}
	credential, known := storage.ParseCredentialID(c.variable("reference"))
	if !known {
		return reply{}, storage.ErrNotFound
	}
	report, err := a.Server.Reports.Of(c.context(), c.caller, c.organization(), credential, since, until)
	if err != nil {
		return reply{}, err
	}
	body := usageBody{
		Reference: report.Credential.String(), Since: report.Since.Format(time.DateOnly), Until: report.Until.Format(time.DateOnly),
		Days: make([]usageDayBody, 0, len(report.Days)),
	}
	for _, d := range report.Days {
		body.Days = append(body.Days, renderUsageDay(d))
	}
	return ok(body), nil
}

func renderUsageDay(d usage.Day) usageDayBody {
	body := usageDayBody{Date: d.Day.Format(time.DateOnly), Count: d.Uses, Scopes: []scopeUsesBody{}, Servers: []serverUsesBody{}}
	for _, s := range d.Scopes {
		body.Scopes = append(body.Scopes, scopeUsesBody{orNull(s.Scope), s.Uses})
	}
	for _, s := range d.Servers {
		body.Servers = append(body.Servers, serverUsesBody{renderServer(s.Server), s.Uses})
	}
	return body
}
