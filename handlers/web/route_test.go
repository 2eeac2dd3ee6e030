package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
)

// saying is a handler that answers with a text, and what of the path was variable.
func saying(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, text+mux.Vars(r)["id"])
	})
}

// notAllowed answers a wrong method.
var notAllowed = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not allowed", http.StatusMethodNotAllowed)
})

func TestMountIncomplete(t *testing.T) {
	good := Route{Method: "GET", Path: "/good", Permission: Public, Handler: saying("good")}
	for name, change := range map[string]func(*Route){
		"no permission": func(r *Route) { r.Permission = "" },
		"no method":     func(r *Route) { r.Method = "" },
		"no handler":    func(r *Route) { r.Handler = nil },
	} {
		bad := Route{Method: "POST", Path: "/bad", Permission: ClientAuthentication, Handler: saying("bad")}
		change(&bad)
		router := mux.NewRouter()
		err := Mount(router, []Route{good, bad, good}, notAllowed)
		if err == nil || !strings.Contains(err.Error(), "/bad") {
			t.Errorf("%s: got error %v, want one that names the route", name, err)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest("POST", "/bad", nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: the route answers %d", name, w.Code)
		}
	}
	if err := Mount(mux.NewRouter(), []Route{good}, notAllowed); err != nil {
		t.Errorf("a complete route: %v", err)
	}
}

func TestMount(t *testing.T) {
	router := mux.NewRouter()
	err := Mount(router, []Route{
		{Method: "GET", Path: "/things", Permission: Public, Handler: saying("list")},
		{Method: "GET", Path: "/document", Permission: Public, Handler: saying("document"), CORS: true},
		{Method: "POST", Path: "/things", Permission: ClientAuthentication, Handler: saying("created")},
		{Method: "DELETE", Path: "/things/{id}", Permission: "admin", Handler: saying("deleted ")},
		{Method: "GET", Path: "/things/{id}", Permission: "admin", Handler: saying("thing ")},
		{Method: "POST", Path: "/token", Permission: ClientAuthentication, Handler: saying("token")},
	}, notAllowed)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(router)
	defer server.Close()
	const refused = "not allowed\n"
	for _, tt := range []struct {
		request string
		status  int
		body    string
		allow   string
	}{
		{"GET /things", 200, "list", ""},
		{"HEAD /things", 200, "", ""},
		{"POST /things", 200, "created", ""},
		{"GET /things/7", 200, "thing 7", ""},
		{"HEAD /things/7", 200, "", ""},
		{"DELETE /things/7", 200, "deleted 7", ""},
		{"POST /token", 200, "token", ""},
		{"GET /document", 200, "document", ""},

		{"PUT /things", 405, refused, "GET, HEAD, POST"},
		{"OPTIONS /things", 405, refused, "GET, HEAD, POST"},
		{"PATCH /things/7", 405, refused, "DELETE, GET, HEAD"},
		{"GET /token", 405, refused, "POST"},
		{"HEAD /token", 405, "", "POST"},
		{"OPTIONS /token", 405, refused, "POST"},
		{"post /token", 405, refused, "POST"},
		{"ANYTHING /token", 405, refused, "POST"},
		{"POST /document", 405, refused, "GET, HEAD, OPTIONS"},

		{"GET /nothing", 404, "404 page not found\n", ""},
		{"GET /things/", 404, "404 page not found\n", ""},
		{"GET /things/7/parts", 404, "404 page not found\n", ""},
		{"POST /Token", 404, "404 page not found\n", ""},
	} {
		a := ask(t, server.URL, tt.request)
		got := fmt.Sprintf("%d %q, Allow %q", a.StatusCode, a.body, a.Header.Get("Allow"))
		if want := fmt.Sprintf("%d %q, Allow %q", tt.status, tt.body, tt.allow); got != want {
			t.Errorf("%s: got %s, want %s", tt.request, got, want)
		}
		if origin := a.Header.Get("Access-Control-Allow-Origin"); (origin != "") != (tt.request == "GET /document") {
			t.Errorf("%s: may be read from the origin %q", tt.request, origin)
		}
	}
	get, head := ask(t, server.URL, "GET /document"), ask(t, server.URL, "HEAD /document")
	get.Header.Del("Date")
	head.Header.Del("Date")
	if diff := cmp.Diff(get.Header, head.Header); diff != "" {
		t.Errorf("HEAD has other headers (-GET +HEAD):\n%s", diff)
	}
}

func TestPreflight(t *testing.T) {
	router := mux.NewRouter()
	if err := Mount(router, []Route{{Method: "GET", Path: "/document", Permission: Public, Handler: saying("document"), CORS: true}}, notAllowed); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("OPTIONS", "/document", nil))
	want := http.Header{
		"Access-Control-Allow-Origin":  {"*"},
		"Access-Control-Allow-Methods": {"GET, HEAD"},
		"Access-Control-Allow-Headers": {"Content-Type, MCP-Protocol-Version"},
		"Access-Control-Max-Age":       {"86400"},
	}
	if diff := cmp.Diff(want, w.Result().Header); diff != "" || w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("answered %d, %d bytes (-want +got):\n%s", w.Code, w.Body.Len(), diff)
	}
}

// reply is an answer whose body has been read.
type reply struct {
	*http.Response
	body string
}

// ask sends "METHOD /path" over a connection, so that HEAD is what it is for
// clients.
func ask(t *testing.T, base, request string) reply {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response, string(body)}
}
