package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server"
	"kiket.dev/auth/storage"
)

// Base is the path under which the console is.
const Base = "/console"

// Who may see a page.
const (
	// anybody may see pages that are for those who have not signed in.
	anybody = web.Public
	// signedIn pages are for every member of an organization, about themselves.
	signedIn web.Permission = "any session"
	// admins pages are for the admins of an organization.
	admins = web.Permission(storage.ScopeAdmin)
)

// Console is the console. Make one with [New].
type Console struct {
	server  *server.Server
	views   views
	foreign *http.CrossOriginProtection
	secure  bool // cookies travel over TLS alone
}

// New returns the console of a server. It returns an error if one of the embedded
// templates is broken.
func New(s *server.Server) (*Console, error) {
	parsed, err := parseViews(s.Clock)
	if err != nil {
		return nil, err
	}
	c := &Console{
		server: s, views: parsed, foreign: http.NewCrossOriginProtection(),
		secure: strings.HasPrefix(s.Issuer, "https://"),
	}
	// Behind a proxy the request may carry another host than the browser sees.
	return c, c.foreign.AddTrustedOrigin(origin(s.Issuer))
}

// page is one method on one path of the console.
type page struct {
	method     string
	path       string // below Base, as gorilla/mux spells it
	permission web.Permission
	// action is what a change is called in the audit log when it is refused, as
	// noun.verb in the present; empty if nothing is changed.
	action string
	// recent says that the password must have been entered within the last minutes,
	// since a secret is made or shown.
	recent bool
	// upload says that the form may carry a file, or a text as long as one.
	upload bool
	show   func(c *Console, v *visit) (view, error)
}

// pages returns all of the console.
func pages() []page {
	return slices.Concat(entryPages, setupPages, recoveryPages, accountPages, organizationPages, memberPages, tokenPages, applicationPages, extensionPages, credentialPages, auditPages, alertPages)
}

// Routes returns where the console is mounted.
func (c *Console) Routes() []web.Route {
	routes := []web.Route{
		{Method: http.MethodGet, Path: "/", Permission: web.Public, Handler: http.RedirectHandler(Base, http.StatusSeeOther)},
		{Method: http.MethodGet, Path: Base + "/static/{name}", Permission: web.Public, Handler: http.HandlerFunc(serveStatic)},
	}
	for _, p := range pages() {
		routes = append(routes, web.Route{Method: p.method, Path: Base + p.path, Permission: p.permission, Handler: c.handler(p)})
	}
	return routes
}

// handler does for a page what has to be done for all.
func (c *Console) handler(p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		v := &visit{console: c, response: w, request: r, page: p}
		shown, err := c.answer(v)
		if err == nil && shown.stream != nil {
			if err = c.stream(v, shown); err == nil {
				return
			}
		}
		if err != nil {
			err = errors.Join(err, v.recordRefusal(err))
			shown = v.problem(err)
		}
		c.render(v, shown)
	})
}

// stream lets an answer write itself. One that fails on the way is cut off, so that
// nobody takes what has come for all of it.
func (c *Console) stream(v *visit, shown view) error {
	begun, err := web.Stream(v.response, shown.stream)
	if err != nil && begun {
		c.server.Logger.WarnContext(v.context(), "an answer was cut off", "request_id", v.caller.Origin.RequestID, "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

func (c *Console) answer(v *visit) (view, error) {
	if err := c.foreign.Check(v.request); err != nil {
		return view{}, errForeign
	}
	// The form first: whoever sends it slowly is admitted as their session stands when
	// it has come.
	errRead := v.read()
	if err := v.admit(); err != nil {
		return view{}, err
	}
	if v.needsSignIn() {
		return v.toSignIn(), nil
	}
	if err := v.permitted(); err != nil {
		return view{}, err
	}
	if errRead != nil {
		return view{}, errRead
	}
	if ask, err := v.confirm(); ask != nil || err != nil {
		return orZero(ask), err
	}
	return v.page.show(c, v)
}

func orZero(v *view) view {
	if v == nil {
		return view{}
	}
	return *v
}

// NotFound answers a path below Base that does not exist.
func (c *Console) NotFound(w http.ResponseWriter, r *http.Request) {
	c.refuse(w, r, errNothingHere)
}

// NotAllowed answers a wrong method; the caller has set Allow.
func (c *Console) NotAllowed(w http.ResponseWriter, r *http.Request) {
	c.refuse(w, r, errMethod)
}

// Failed answers a request whose handler panicked.
func (c *Console) Failed(w http.ResponseWriter, r *http.Request) {
	c.refuse(w, r, errors.New("panic"))
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	protect(w.Header())
	v := &visit{console: c, response: w, request: r}
	c.render(v, v.problem(err))
}
