package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// Base is the path under which the API is.
const Base = "/api/v1"

// The permissions that are not a scope.
const (
	// authenticated routes answer whoever presents an active credential.
	authenticated web.Permission = "any credential"
	// adminOrExtension routes are for admins, and for an extension's own key, which
	// the verb tells from another's.
	adminOrExtension web.Permission = "admin, or the extension's own key"
	admin                           = web.Permission(storage.ScopeAdmin)
)

// API is the management API. All fields are required.
type API struct {
	Server *server.Server
}

// endpoint is one method on one path of the API.
type endpoint struct {
	method     string
	path       string         // below Base, as gorilla/mux spells it
	permission web.Permission // a scope, or one of those above, or web.Public
	// action is what a change is called in the audit log when it is refused, as
	// noun.verb in the present; empty if nothing is changed.
	action     string
	handle     func(a *API, c *call) (reply, error)
	parameters []string // of the query; others are refused
	maxBody    int64    // bytes; 0: web.MaxBody
	// waits says that it waits for others, for which no transaction may: its reply has an
	// after.
	waits bool
}

// pages are the parameters of a list, see [call.page].
var pages = []string{"cursor", "limit"}

// endpoints returns all of the API.
func endpoints() []endpoint {
	return slices.Concat(
		sessionEndpoints, meEndpoints, userEndpoints, organizationEndpoints,
		workspaceTokenEndpoints, applicationEndpoints, projectEndpoints,
		extensionEndpoints, extensionSecretEndpoints, credentialEndpoints, usageEndpoints,
		auditEventEndpoints, alertEndpoints, alertChannelEndpoints, alertRuleEndpoints, scopeEndpoints, documentEndpoints,
	)
}

// Routes returns where the API is mounted.
func (a *API) Routes() []web.Route {
	all := endpoints()
	routes := make([]web.Route, 0, len(all))
	for _, e := range all {
		routes = append(routes, web.Route{
			Method: e.method, Path: Base + e.path, Permission: e.permission, Handler: a.handler(e),
		})
	}
	return routes
}

// handler does for an endpoint what has to be done for all.
func (a *API) handler(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{response: w, request: r, endpoint: e}
		answer, err := a.answer(c)
		if err == nil && answer.stream != nil {
			if err = a.stream(w, r, answer); err == nil {
				return
			}
		}
		if err != nil {
			err = errors.Join(sufficient(err), a.recordRefusal(c, err))
			a.fail(w, r, err)
			return
		}
		answer.write(w)
	})
}

// stream lets an answer write itself. One that fails on the way is cut off, so that
// nobody takes what has come for all of it.
func (a *API) stream(w http.ResponseWriter, r *http.Request, answer reply) error {
	begun, err := web.Stream(w, answer.stream)
	if err != nil && begun {
		a.Server.Logger.WarnContext(r.Context(), "an answer was cut off", "request_id", web.OriginOf(r).RequestID, "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

func (a *API) answer(c *call) (reply, error) {
	// The body first: whoever sends it slowly is admitted as their credential stands when
	// it has come, and not as it stood before.
	errRead := c.readBody()
	if err := a.admit(c); err != nil {
		return reply{}, err
	}
	if err := c.permitted(); err != nil {
		return reply{}, err
	}
	if err := errors.Join(errRead, c.readQuery()); err != nil {
		return reply{}, err
	}
	return a.once(c, func(c *call) (reply, error) { return c.endpoint.handle(a, c) })
}

// admit finds out who calls and takes the request from the caller's budget.
func (a *API) admit(c *call) error {
	origin := web.OriginOf(c.request)
	if c.endpoint.permission == web.Public {
		c.caller = access.Caller{Party: storage.Party{Kind: "anonymous"}, Origin: origin}
		return a.spendHere(c.response, origin)
	}
	credential, err := a.authenticate(c.request, c.endpoint.permission, origin)
	if err != nil {
		return errors.Join(a.spendHere(c.response, origin), err)
	}
	c.credential = credential
	c.caller = access.FromCredential(credential, a.Server.Catalogue, origin)
	web.RecordOf(c.request.Context()).Add(
		slog.Int64("organization_id", credential.Token.OrganizationID),
		slog.String("caller", c.name()))
	standing, err := a.Server.Budgets.Spend(c.request.Context(), c.name())
	if err != nil {
		return err
	}
	return within(c.response, standing)
}

// permitted compares the endpoint's permission with what the caller may do.
func (c *call) permitted() error {
	switch permission := c.endpoint.permission; permission {
	case web.Public, authenticated:
		return nil
	case adminOrExtension:
		if c.caller.InstallationID != 0 {
			return nil
		}
		return c.requireScope(storage.ScopeAdmin)
	default:
		return c.requireScope(string(permission))
	}
}

// sufficient adds to the refusal to hand out more than the caller has which scopes would
// do: those of what is handed out, and admin, since to hand something out is for admins.
func sufficient(err error) error {
	var lacking *access.ScopeError
	if !errors.As(err, &lacking) {
		return err
	}
	needed := storage.NewScopes(append([]string{storage.ScopeAdmin}, lacking.Needed...)...)
	return &missingScope{code: "forbidden", scope: needed.Smallest().String(), detail: access.Reason(err), cause: err}
}

var errNoAdmin = fmt.Errorf("%w: its owner is no admin", access.ErrDenied)

// requireScope also wants a credential that belongs to a person to belong to an
// admin: the API is for admins.
func (c *call) requireScope(scope string) error {
	if c.caller.UserID != 0 && c.credential.Owner.Role != storage.RoleAdmin {
		return &missingScope{scope: storage.ScopeAdmin, detail: "this is for admins, and the person whose credential it is is none", cause: errNoAdmin}
	}
	err := c.caller.Require(scope, c.organization())
	switch {
	case err == nil:
		return nil
	case scope == storage.ScopeAdmin && c.caller.InstallationID != 0:
		return &missingScope{scope: scope, detail: "this is for admins, which no extension is", cause: err}
	}
	return &missingScope{scope: scope, detail: "this needs the scope " + scope, cause: err}
}

// recordRefusal writes down that somebody was refused a change.
func (a *API) recordRefusal(c *call, err error) error {
	if c.endpoint.action == "" || !audit.IsRefusal(err) {
		return nil
	}
	target, errTarget := a.target(c)
	if errTarget != nil {
		return errTarget
	}
	return a.Server.Audit.Refused(c.context(), c.caller, c.endpoint.action, target, err)
}

// target is what would have been changed, as far as the path says.
func (a *API) target(c *call) (storage.Party, error) {
	noun, _, _ := strings.Cut(c.endpoint.action, ".")
	name := c.variable("id")
	if noun == "extension" && name != "" {
		return a.Server.Extensions.Target(c.context(), c.organization(), name)
	}
	return storage.Party{Kind: noun, ID: c.id("id")}, nil
}
