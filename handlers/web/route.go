package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Permission says who may use a route.
type Permission string

// The permissions that are not a scope.
const (
	// Public routes answer everybody.
	Public Permission = "public"
	// ClientAuthentication routes authenticate OAuth clients by themselves.
	ClientAuthentication Permission = "client authentication"
)

// Route is one method on one path.
type Route struct {
	Method     string
	Path       string // as gorilla/mux spells it
	Permission Permission
	Handler    http.Handler
	// CORS lets browsers of any origin read the answer; for public documents.
	CORS bool
}

// Mount adds the routes to the router. GET routes answer HEAD too; other
// methods on a known path get 405 with Allow, through notAllowed. A route
// without a permission is an error.
func Mount(router *mux.Router, routes []Route, notAllowed http.Handler) error {
	allowed := map[string][]string{}
	var paths []string
	for _, r := range routes {
		if r.Permission == "" || r.Method == "" || r.Handler == nil {
			return fmt.Errorf("route %s %s: needs a method, a permission and a handler", r.Method, r.Path)
		}
		methods := []string{r.Method}
		if r.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		handler := r.Handler
		if r.CORS {
			handler = readableFromAnywhere(handler)
			router.Path(r.Path).Methods(http.MethodOptions).Handler(preflight(methods))
		}
		router.Path(r.Path).Methods(methods...).Handler(handler)
		if !slices.Contains(paths, r.Path) {
			paths = append(paths, r.Path)
		}
		allowed[r.Path] = append(allowed[r.Path], methods...)
		if r.CORS {
			allowed[r.Path] = append(allowed[r.Path], http.MethodOptions)
		}
	}
	for _, path := range paths {
		allow := strings.Join(allowed[path], ", ")
		router.Path(path).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			notAllowed.ServeHTTP(w, r)
		})
	}
	return nil
}

func readableFromAnywhere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		next.ServeHTTP(w, r)
	})
}

func preflight(methods []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		// Clients of the Model Context Protocol send their version along.
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type, MCP-Protocol-Version")
		w.Header().Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	})
}
