package api

import (
	"net/http"
	"strconv"
	"time"

	"kiket.dev/auth/server/members"
	"kiket.dev/auth/storage"
)

var userEndpoints = []endpoint{
	{method: http.MethodGet, path: "/users", permission: admin, handle: (*API).listUsers, parameters: pages},
	{method: http.MethodPost, path: "/users", permission: admin, action: "user.create", handle: (*API).addUser},
	{method: http.MethodGet, path: "/users/{id:[0-9]+}", permission: admin, handle: (*API).showUser},
	{method: http.MethodPatch, path: "/users/{id:[0-9]+}", permission: admin, action: "user.update", handle: (*API).updateUser},
	{method: http.MethodDelete, path: "/users/{id:[0-9]+}", permission: admin, action: "user.remove", handle: (*API).removeUser, parameters: []string{"reassign_tokens_to"}},
}

type userBody struct {
	personBody
	JoinedAt *time.Time `json:"joined_at"`
}

func renderUser(m storage.Member) userBody {
	return userBody{personBody{ID: m.UserID, Email: m.Email, Name: m.Name, Role: m.Role}, moment(m.JoinedAt)}
}

func (a *API) listUsers(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	found, err := a.Server.Members.List(c.context(), c.caller, c.organization(), page)
	if err != nil {
		return reply{}, err
	}
	return list(c, "users", page, found, func(m storage.Member) int64 { return m.UserID }, renderUser), nil
}

func (a *API) showUser(c *call) (reply, error) {
	m, err := a.Server.Members.Show(c.context(), c.caller, c.organization(), c.id("id"))
	if err != nil {
		return reply{}, err
	}
	return ok(renderUser(m)), nil
}

func (a *API) addUser(c *call) (reply, error) {
	var request struct {
		Email    string       `json:"email"`
		Name     string       `json:"name"`
		Role     storage.Role `json:"role"`
		Password string       `json:"password"`
	}
	if err := c.decode("user", &request); err != nil {
		return reply{}, err
	}
	added, err := a.Server.Members.Add(c.context(), c.caller, c.organization(), members.Addition{
		Email: request.Email, Name: request.Name, Role: request.Role, Password: storage.NewSecret(request.Password),
	})
	if err != nil {
		return reply{}, err
	}
	return created(struct {
		userBody
		// Password is the initial one, if one was made.
		Password string `json:"password,omitempty"`
	}{renderUser(added.Member), added.InitialPassword.Reveal()}), nil
}

func (a *API) updateUser(c *call) (reply, error) {
	var request struct {
		Name *string       `json:"name"`
		Role *storage.Role `json:"role"`
	}
	if err := c.decode("user", &request); err != nil {
		return reply{}, err
	}
	m, err := a.Server.Members.Update(c.context(), c.caller, c.organization(), c.id("id"), members.Update{Name: request.Name, Role: request.Role})
	if err != nil {
		return reply{}, err
	}
	return ok(renderUser(m)), nil
}

func (a *API) removeUser(c *call) (reply, error) {
	var heir int64
	// One without a value is not one that is absent: what the member owns would be lost
	// for a variable that somebody forgot to set.
	if c.query.Has("reassign_tokens_to") {
		id, err := strconv.ParseInt(c.query.Get("reassign_tokens_to"), 10, 64)
		if err != nil || id < 1 {
			return reply{}, storage.Invalidf("reassign_tokens_to", "want the id of another admin")
		}
		heir = id
	}
	return noContent(), a.Server.Members.Remove(c.context(), c.caller, c.organization(), c.id("id"), heir)
}
