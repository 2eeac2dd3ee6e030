package api

import (
	"errors"
	"net/http"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
)

// Whoever signs in has no credential yet; the other endpoints are about the caller's
// own sessions, which need no scope.
var sessionEndpoints = []endpoint{
	{method: http.MethodPost, path: "/sessions", permission: web.Public, action: "session.create", handle: (*API).signIn},
	{method: http.MethodGet, path: "/sessions", permission: authenticated, handle: (*API).listSessions, parameters: pages},
	{method: http.MethodDelete, path: "/sessions", permission: authenticated, action: "session.revoke", handle: (*API).signOutEverywhere},
	{method: http.MethodDelete, path: "/sessions/current", permission: authenticated, action: "session.revoke", handle: (*API).signOut},
	{method: http.MethodDelete, path: "/sessions/{id:[0-9]+}", permission: authenticated, action: "session.revoke", handle: (*API).endSession},
}

// newSessionBody is a session in the one answer that shows its token.
type newSessionBody struct {
	ID           int64            `json:"id"`
	Token        string           `json:"token"`
	TokenPrefix  string           `json:"token_prefix"`
	CreatedAt    *time.Time       `json:"created_at"`
	ExpiresAt    *time.Time       `json:"expires_at"`
	User         personBody       `json:"user"`
	Organization organizationBody `json:"organization"`
}

// personBody is a member in answers about something else.
type personBody struct {
	ID    int64        `json:"id"`
	Email string       `json:"email"`
	Name  string       `json:"name"`
	Role  storage.Role `json:"role"`
}

func renderNewSession(s sessions.SignedIn) newSessionBody {
	t, m := s.Session.Token, s.Member
	return newSessionBody{
		ID: t.ID, Token: s.Session.Secret.Reveal(), TokenPrefix: t.Prefix,
		CreatedAt: moment(t.CreatedAt), ExpiresAt: moment(t.ExpiresAt),
		User:         personBody{ID: m.UserID, Email: m.Email, Name: m.Name, Role: m.Role},
		Organization: renderOrganization(s.Organization),
	}
}

type sessionBody struct {
	ID                int64      `json:"id"`
	Current           bool       `json:"current"` // it is the one that asks
	TokenPrefix       string     `json:"token_prefix"`
	CreatedAt         *time.Time `json:"created_at"`
	ExpiresAt         *time.Time `json:"expires_at"`
	LastUsedAt        *time.Time `json:"last_used_at"`
	LastUsedAddress   *string    `json:"last_used_address"`
	LastUsedUserAgent *string    `json:"last_used_user_agent"`
}

// renderSession returns how sessions look to the one with the id.
func renderSession(current int64) func(storage.Token) sessionBody {
	return func(t storage.Token) sessionBody {
		return sessionBody{
			ID: t.ID, Current: t.ID == current, TokenPrefix: t.Prefix,
			CreatedAt: moment(t.CreatedAt), ExpiresAt: moment(t.ExpiresAt), LastUsedAt: moment(t.LastUsedAt),
			LastUsedAddress: orNull(t.LastUsedAddress), LastUsedUserAgent: orNull(t.LastUsedUserAgent),
		}
	}
}

// required returns a *storage.Invalid for each member that is empty.
func required(members map[string]string) error {
	var missing []error
	for name, value := range members {
		if value == "" {
			missing = append(missing, storage.Invalidf(name, "is needed"))
		}
	}
	return errors.Join(missing...)
}

// orNull is a value in an answer that is null if it is zero.
func orNull[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

func (a *API) signIn(c *call) (reply, error) {
	var request struct {
		Email        string `json:"email"`
		Password     string `json:"password"`
		Organization string `json:"organization"`
	}
	if err := c.decode("session", &request); err != nil {
		return reply{}, err
	}
	if err := required(map[string]string{"email": request.Email, "password": request.Password}); err != nil {
		return reply{}, err
	}
	signed, err := a.Server.Sessions.SignIn(c.context(), c.caller.Origin, sessions.Credentials{
		Email: request.Email, Password: storage.NewSecret(request.Password), Organization: request.Organization,
	})
	if err != nil {
		return reply{}, err
	}
	return created(renderNewSession(signed)), nil
}

func (a *API) listSessions(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	found, err := a.Server.Sessions.List(c.context(), c.caller, page)
	if err != nil {
		return reply{}, err
	}
	return list(c, "sessions", page, found, func(t storage.Token) int64 { return t.ID }, renderSession(c.credential.Token.ID)), nil
}

func (a *API) signOut(c *call) (reply, error) {
	return noContent(), a.Server.Sessions.SignOut(c.context(), c.caller)
}

func (a *API) endSession(c *call) (reply, error) {
	return noContent(), a.Server.Sessions.End(c.context(), c.caller, c.id("id"))
}

func (a *API) signOutEverywhere(c *call) (reply, error) {
	_, err := a.Server.Sessions.SignOutEverywhere(c.context(), c.caller)
	return noContent(), err
}
