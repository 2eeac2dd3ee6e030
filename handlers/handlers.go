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

	"github.com/gorilla/mux"

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
	Logger         *slog.Logger
}

// New returns the handler of the public listener.
func New(o Options) (http.Handler, error) {
	router := mux.NewRouter().SkipClean(true)
	endpoints := &oauth.Endpoints{
		Provider: o.Server.Provider, Ring: o.Server.Ring, Issuer: o.Server.Issuer, Catalogue: o.Server.Catalogue,
	}
	routes := slices.Concat(endpoints.Routes(), o.Readiness.Routes())
	if err := web.Mount(router, routes, http.HandlerFunc(oauth.NotAllowed)); err != nil {
		return nil, err
	}
	router.NotFoundHandler = http.HandlerFunc(oauth.NotFound)
	options := web.Options{
		Logger: o.Logger, TrustedProxies: o.TrustedProxies, Failed: http.HandlerFunc(oauth.Failed),
	}
	if o.Metrics != nil {
		options.Observe = o.Metrics.Observe
	}
	return web.Handler(router, options), nil
}
