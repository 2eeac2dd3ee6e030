package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestPost(t *testing.T) {
	var got string
	elsewhere := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /here", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = strings.Join([]string{string(body), r.Header.Get("Content-Type"), r.Header.Get("Webhook-Id"), r.Header.Get("User-Agent")}, " ")
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("POST /moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere++ })
	mux.HandleFunc("POST /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	c := New(Options{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	c.http.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	post := func(path string) error {
		return c.Post(t.Context(), s.URL+path, []byte(`{"a":1}`), http.Header{"Webhook-Id": {"msg_1"}})
	}
	if err := post("/here?secret"); err != nil || got != `{"a":1} application/json msg_1 kiket-auth` {
		t.Errorf("%v: %s", err, got)
	}
	for path, want := range map[string]int{"/moved?secret": 307, "/broken?secret": 502} {
		var status *StatusError
		err := post(path)
		if !errors.As(err, &status) || status.Status != want || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if elsewhere != 0 {
		t.Error("what is sent was sent on")
	}
	if err := New(Options{}).Post(t.Context(), s.URL, nil, nil); !errors.Is(err, ErrNotPublic) {
		t.Errorf("to this machine: %v", err)
	}
}
