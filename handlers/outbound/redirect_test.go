package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

func TestRedirects(t *testing.T) {
	plain := httptest.NewServer(answering("secret"))
	defer plain.Close()
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Referer() != "" {
			t.Errorf("said to come from %s", r.Referer())
		}
		to := r.FormValue("to")
		if n, err := strconv.Atoi(r.FormValue("n")); err == nil && n > 0 {
			to = "/?n=" + strconv.Itoa(n-1)
		}
		if to == "" {
			_, _ = w.Write([]byte("keys"))
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	for n := range 4 {
		if body, err := fetch(t, h.client(), h.URL+"/?n="+strconv.Itoa(n)); err != nil || body != "keys" {
			t.Errorf("%d redirects: got %q, error %v", n, body, err)
		}
	}
	_, err := fetch(t, h.client(), h.URL+"/?n=4")
	wantError(t, err, "more than 3 redirects")
	for to, reason := range map[string]string{
		plain.URL:                       "want https",
		"http://client.example/":        "want https",
		"file:///etc/passwd":            "want https",
		"https://user@127.0.0.1/":       "want no credentials",
		"https://127.0.0.2/":            "not a public address",
		"https://[::1]/":                "not a public address",
		"https://169.254.169.254/":      "not a public address",
		"//10.0.0.1/":                   "not a public address",
		"https://[::ffff:127.0.0.2]/":   "not a public address",
		"https://127.0.0.1:0/":          "want a port",
		"https://client.example:99999/": "want a port",
	} {
		body, err := fetch(t, h.client(), h.URL+"/?to="+to)
		if body != "" {
			t.Errorf("%s: got %q", to, body)
		}
		wantError(t, err, "redirected to where it may not lead: "+reason)
	}
}

// A name that leads elsewhere when it is asked again, in a redirect to it, gets
// nowhere: each connection is checked.
func TestRedirectToAName(t *testing.T) {
	var c *Client
	var h *host
	h = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		c.allowed = nil // from here on, 127.0.0.1 stands for an address that is not allowed
		http.Redirect(w, r, "https://localhost:"+h.port()+"/", http.StatusFound)
	})
	c = h.client()
	if body, err := fetch(t, c, h.URL); !errors.Is(err, ErrNotPublic) {
		t.Errorf("got %q, error %v", body, err)
	}
	if n := h.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
