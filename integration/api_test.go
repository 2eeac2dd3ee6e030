package integration

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// admin returns the full-access workspace token of the first organization.
func (d *deployment) admin() string { return d.boot.WorkspaceAPIToken.Token }

// call sends a request to the management API. The body is JSON text or a value to
// be encoded, nil for none; headers are name, value. The answer is held against the
// API's description.
func (i *instance) call(t testing.TB, method, path, token string, body any, headers ...string) answer {
	t.Helper()
	text := ""
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	if text != "" {
		headers = append([]string{"Content-Type", "application/json"}, headers...)
	}
	if token != "" {
		headers = append([]string{"Authorization", "Bearer " + token}, headers...)
	}
	a := do(t, i.request(method, "/api/v1"+path, text, headers...))
	conforms(t, method, path, text, a)
	return a
}

// want fails the test unless the answer has the status, and returns its JSON, if it
// has any.
func (a answer) want(t testing.TB, status int) map[string]any {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if a.body == "" {
		return nil
	}
	return a.json(t)
}

// wantProblem fails the test unless the answer is a problem (RFC 9457) with the
// status and the code, and returns it.
func (a answer) wantProblem(t testing.TB, status int, code string) map[string]any {
	t.Helper()
	p := a.want(t, status)
	if p["error"] != code {
		t.Fatalf("error %v, want %s: %s", p["error"], code, a.body)
	}
	if a.header.Get("Content-Type") != "application/problem+json" || p["status"] != float64(status) ||
		p["title"] != http.StatusText(status) || p["detail"] == "" || p["message"] != p["detail"] ||
		p["request_id"] != a.header.Get("X-Request-Id") || a.header.Get("X-Request-Id") == "" {
		t.Errorf("not a whole problem: %v %s", a.header, a.body)
	}
	if challenge := a.header.Get("WWW-Authenticate"); (status == 401 || status == 403) != strings.Contains(challenge, "resource_metadata=") {
		t.Errorf("status %d with the challenge %q", status, challenge)
	}
	return p
}

// wantInvalid fails the test unless the answer says that exactly these fields are
// wrong.
func (a answer) wantInvalid(t testing.TB, fields ...string) {
	t.Helper()
	p := a.wantProblem(t, http.StatusUnprocessableEntity, "invalid")
	wrong, _ := p["errors"].(map[string]any)
	if len(wrong) != len(fields) {
		t.Errorf("wrong fields %v, want %v", wrong, fields)
	}
	for _, field := range fields {
		if wrong[field] == nil {
			t.Errorf("%s is not said to be wrong: %s", field, a.body)
		}
	}
}
