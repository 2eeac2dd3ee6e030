package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
)

// observed is what an [Observer] was told, but for the time.
type observed struct {
	Route, Method string
	Status        int
}

// front is a handler with a route for everything that may happen, and what it
// leaves behind.
type front struct {
	http.Handler
	log      bytes.Buffer
	observed []observed
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{}
	router := mux.NewRouter()
	get := func(path string, h http.HandlerFunc) Route {
		return Route{Method: "GET", Path: path, Permission: Public, Handler: h}
	}
	err := Mount(router, []Route{
		get("/things/{id}", func(_ http.ResponseWriter, r *http.Request) {
			RecordOf(r.Context()).Add(slog.String("colour", "green"))
			if deadline, ok := r.Context().Deadline(); !ok || time.Until(deadline) > timeout {
				t.Errorf("the request may take until %s", deadline)
			}
		}),
		get("/failure", func(w http.ResponseWriter, r *http.Request) {
			RecordOf(r.Context()).Fail(errors.New("out of paper"))
			w.WriteHeader(http.StatusServiceUnavailable)
		}),
		get("/panic", func(http.ResponseWriter, *http.Request) { panic("at the disco") }),
		get("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	}, notAllowed)
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = Handler(router, Options{
		Logger: slog.New(slog.NewJSONHandler(&f.log, nil)),
		Observe: func(route, method string, status int, took time.Duration) {
			if took <= 0 {
				t.Errorf("%s took %s", route, took)
			}
			f.observed = append(f.observed, observed{route, method, status})
		},
		Failed: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "internal error", http.StatusInternalServerError)
		}),
	})
	return f
}

// line returns the one line that was logged since the last call.
func (f *front) line(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(f.log.Bytes(), &line); err != nil {
		t.Fatalf("logged %q: %v", f.log.String(), err)
	}
	f.log.Reset()
	return line
}

func TestHandler(t *testing.T) {
	f := newFront(t)
	for _, tt := range []struct {
		method, path string
		route        string
		status       int
		level        string
		logged       map[string]any
	}{
		{"GET", "/things/kcs_secret?a=kcs_secret", "/things/{id}", 200, "INFO", map[string]any{"colour": "green"}},
		{"HEAD", "/things/7", "/things/{id}", 200, "INFO", map[string]any{"colour": "green"}},
		{"POST", "/things/7", "/things/{id}", 405, "INFO", nil},
		{"KCS_SECRET", "/things/7", "/things/{id}", 405, "INFO", nil},
		{"GET", "/kcs_secret", "unmatched", 404, "INFO", nil},
		{"GET", "/failure", "/failure", 503, "ERROR", map[string]any{"error": "out of paper"}},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Header.Set("User-Agent", "kcs_secret")
		f.ServeHTTP(w, r)
		if text := f.log.String(); strings.Contains(strings.ToLower(text), "kcs_secret") {
			t.Errorf("%s %s: logged what a stranger sent: %s", tt.method, tt.path, text)
		}
		method := tt.method
		if method == "KCS_SECRET" {
			method = "other"
		}
		want := map[string]any{
			"level": tt.level, "msg": "request", "method": method, "route": tt.route, "status": float64(tt.status),
			"address": "192.0.2.1", "request_id": w.Header().Get("X-Request-Id"),
		}
		for name, value := range tt.logged {
			want[name] = value
		}
		got := f.line(t)
		delete(got, "time")
		delete(got, "ms")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.path, diff)
		}
		if diff := cmp.Diff([]observed{{tt.route, method, tt.status}}, f.observed); diff != "" {
			t.Errorf("%s %s, observed (-want +got):\n%s", tt.method, tt.path, diff)
		}
		f.observed = nil
		if w.Code != tt.status || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: answered %d %v", tt.method, tt.path, w.Code, w.Header())
		}
	}
}

// A panic is an answer, a line in the log with the place where it happened, and
// a request that is observed.
func TestHandlerPanic(t *testing.T) {
	f := newFront(t)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest("GET", "/panic", nil))
	if w.Code != http.StatusInternalServerError || w.Body.String() != "internal error\n" || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("answered %d %q", w.Code, w.Body.String())
	}
	line := f.line(t)
	text, _ := line["error"].(string)
	if line["level"] != "ERROR" || line["route"] != "/panic" || !strings.HasPrefix(text, "panic: at the disco\n") || !strings.Contains(text, "handler_test.go") {
		t.Errorf("logged %v", line)
	}
	if diff := cmp.Diff([]observed{{"/panic", "GET", 500}}, f.observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}

	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("aborting came out as %v", p)
		}
	}()
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/abort", nil))
}

// Outside a request there is a record all the same, and what is left there is lost.
func TestRecordOutsideRequest(t *testing.T) {
	RecordOf(t.Context()).Add(slog.String("colour", "green"))
	if diff := cmp.Diff(&Record{}, RecordOf(t.Context()), cmp.AllowUnexported(Record{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
