package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// requestLines returns the log's lines about requests. Every line of the log
// must be one JSON object.
func requestLines(t testing.TB, i *instance) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(i.log()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Errorf("not JSON: %q", line)
		}
		if v["msg"] == "request" {
			lines = append(lines, v)
		}
	}
	return lines
}

// Every request is one line, found by the id in its answer, and the line holds
// what there is to know.
func TestRequestLog(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		application := i.application("issues")
		token := i.fetch(t, application)
		form := []string{"Content-Type", "application/x-www-form-urlencoded"}
		tests := []struct {
			answer        answer
			method, route string
			status        int
			more          map[string]any
		}{
			{i.post(t, "/oauth/token", application, "grant_type", "client_credentials"), "POST", "/oauth/token", 200, map[string]any{"organization_id": 1.0, "jti": "", "application_id": ""}},
			{i.post(t, "/oauth/token", credentials{"nobody", "wrong"}, "grant_type", "client_credentials"), "POST", "/oauth/token", 401, map[string]any{"refused": "invalid_client", "reason": "client authentication failed"}},
			{i.post(t, "/oauth/token", application, "grant_type", "password"), "POST", "/oauth/token", 400, map[string]any{"refused": "unsupported_grant_type"}},
			{i.postRaw(t, "/oauth/token", "%zz"), "POST", "/oauth/token", 400, map[string]any{"refused": "invalid_request"}},
			{i.post(t, "/oauth/introspect", i.resourceServer(), "token", token), "POST", "/oauth/introspect", 200, map[string]any{"active": true, "token_kind": "access_token", "credential_id": ""}},
			{i.post(t, "/oauth/introspect", i.resourceServer(), "token", "wksp_nonsense"), "POST", "/oauth/introspect", 200, map[string]any{"active": false}},
			{i.post(t, "/oauth/revoke", application, "token", token), "POST", "/oauth/revoke", 200, nil},
			{i.get(t, "/oauth/token"), "GET", "/oauth/token", 405, map[string]any{"refused": "method"}},
			{i.get(t, "/nowhere/"+token+"?secret="+application.secret), "GET", "unmatched", 404, nil},
			{do(t, i.request("POST", "/oauth/token", strings.Repeat("a", 70_000), form...)), "POST", "/oauth/token", 413, map[string]any{"refused": "body too large"}},
			{i.get(t, "/.well-known/jwks.json"), "GET", "/.well-known/jwks.json", 200, nil},
			{do(t, i.request("OPTIONS", "/.well-known/jwks.json", "")), "OPTIONS", "/.well-known/jwks.json", 204, nil},
			{i.get(t, "/readyz"), "GET", "/readyz", 200, nil},
		}
		lines := map[string]map[string]any{}
		eventually(t, func() error { // the line follows the answer
			all := requestLines(t, i)
			for _, line := range all {
				lines[fmt.Sprint(line["request_id"])] = line
			}
			if want := len(tests) + 1; len(all) != want || len(lines) != want { // and the token at the beginning
				return fmt.Errorf("%d lines and %d ids for %d requests", len(all), len(lines), want)
			}
			return nil
		})
		for n, tt := range tests {
			line := lines[tt.answer.header.Get("X-Request-Id")]
			got := map[string]any{"method": line["method"], "route": line["route"], "status": line["status"], "address": line["address"], "answered": tt.answer.status}
			want := map[string]any{"method": tt.method, "route": tt.route, "status": float64(tt.status), "address": "127.0.0.1", "answered": tt.status}
			for name, value := range tt.more {
				if got[name] = line[name]; value == "" && got[name] != nil {
					value = got[name] // it is there, whatever it is
				}
				want[name] = value
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request %d (-want +got):\n%s", n, diff)
			}
			allowed := slices.Concat([]string{"time", "level", "msg", "request_id", "method", "route", "status", "ms", "address"}, slices.Collect(maps.Keys(tt.more)))
			for name := range line {
				if !slices.Contains(allowed, name) {
					t.Errorf("request %d: %s is logged", n, name)
				}
			}
			if ms, ok := line["ms"].(float64); !ok || ms <= 0 || ms > 60_000 {
				t.Errorf("request %d took %v", n, line["ms"])
			}
		}
		if i.printed() != "" {
			t.Errorf("standard output: %q", i.printed())
		}
	})
}

// An id and an address that a stranger makes up are not believed; those of a
// trusted proxy are, if the id is of a sane form.
func TestRequestLogBehindProxy(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite)
	id := "edge-0123456789.abc_DEF"
	ask := func(i *instance, id string) map[string]any {
		a := i.get(t, "/healthz", "X-Request-Id", id, "X-Forwarded-For", "203.0.113.9")
		if a.status != http.StatusOK {
			t.Fatal(a.status)
		}
		var line map[string]any
		eventually(t, func() error {
			for _, line = range requestLines(t, i) {
				if line["request_id"] == a.header.Get("X-Request-Id") {
					return nil
				}
			}
			return fmt.Errorf("no line about %s", a.header.Get("X-Request-Id"))
		})
		return line
	}
	direct := d.serve()
	if line := ask(direct, id); line["request_id"] == id || line["address"] != "127.0.0.1" {
		t.Errorf("believed a stranger: %v", line)
	}
	behind := d.serve("KIKET_AUTH_TRUSTED_PROXIES=127.0.0.0/8")
	if line := ask(behind, id); line["request_id"] != id || line["address"] != "203.0.113.9" {
		t.Errorf("did not believe the proxy: %v", line)
	}
	for _, odd := range []string{"short", strings.Repeat("a", 65), `quoted"-and-long`, "<script>alert(1)</script>"} {
		if line := ask(behind, odd); line["request_id"] == odd {
			t.Errorf("took %q for a request id", odd)
		}
	}
}
