// Package handlers is everything that speaks HTTP. [New] mounts the routes of
// its packages on one router and wraps it with what every request needs.
//
// The packages below decode requests, call the verbs of package server, and
// encode answers. They have no rules of their own.
package handlers

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gorilla/mux"
	"github.com/rs/cors"

	"kiket.dev/auth/handlers/api"
	"kiket.dev/auth/handlers/console"
	"kiket.dev/auth/handlers/oauth"
	"kiket.dev/auth/handlers/ops"
	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server"
)

// Options are what the handler is made of. Metrics may be nil.
type Options struct {
	Server         *server.Server
	Readiness      *ops.Readiness
	Metrics        *ops.Metrics
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins whose pages may call the management API.
	CORSOrigins []string
	Logger      *slog.Logger
}

// New returns the handler of the public listener.
func New(o Options) (http.Handler, error) {
	router := mux.NewRouter().SkipClean(true)
	endpoints := &oauth.Endpoints{
		Provider: o.Server.Provider, Ring: o.Server.Ring, Issuer: o.Server.Issuer,
		Audience: o.Server.DefaultAudience, Catalogue: o.Server.Catalogue,
		Clock: o.Server.Clock,
	}
	management := &api.API{Server: o.Server}
	pages, err := console.New(o.Server)
	if err != nil {
		return nil, err
	}
	routes := slices.Concat(endpoints.Routes(), o.Readiness.Routes(), management.Routes(), pages.Routes())
	notAllowed := byPath(management.NotAllowed, pages.NotAllowed, oauth.NotAllowed)
	if err := web.Mount(router, routes, notAllowed); err != nil {
		return nil, err
	}
	router.NotFoundHandler = byPath(management.NotFound, pages.NotFound, oauth.NotFound)
	if len(o.CORSOrigins) > 0 {
		router.Use(callableFrom(o.CORSOrigins))
	}
	options := web.Options{
		Logger: o.Logger, TrustedProxies: o.TrustedProxies, Failed: byPath(management.Failed, pages.Failed, oauth.Failed),
	}
	if o.Metrics != nil {
		options.Observe = o.Metrics.Observe
	}
	return web.Handler(router, options), nil
}

// byPath lets the management API speak its own words, the console show a page, and the
// OAuth endpoints speak theirs.
func byPath(management, pages, others http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isManagement(r):
			management(w, r)
		case below(r, console.Base):
			pages(w, r)
		default:
			others(w, r)
		}
	})
}

func isManagement(r *http.Request) bool { return below(r, api.Base) }

// below reports whether the path of a request is base, or under it.
func below(r *http.Request, base string) bool {
	return r.URL.Path == base || strings.HasPrefix(r.URL.Path, base+"/")
}

// callableFrom lets pages of the origins call the management API (CORS). Without
// any nobody's may.
func callableFrom(origins []string) mux.MiddlewareFunc {
	shared := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "X-Kiket-API-Key", "X-API-Key"},
		ExposedHeaders: []string{
			"X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After",
			"WWW-Authenticate", "Idempotency-Replayed",
		},
		MaxAge: 600, // seconds
	})
	return func(next http.Handler) http.Handler {
		wrapped := shared.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isManagement(r) {
				wrapped.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
