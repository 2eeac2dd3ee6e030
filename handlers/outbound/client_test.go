package outbound

import (
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"kiket.dev/auth/server/assertions"
)

var _ assertions.Fetcher = (*Client)(nil)

// quiet keeps handshakes that fail out of the output.
var quiet = log.New(io.Discard, "", 0)

// host is a server of somebody else's.
type host struct {
	*httptest.Server
	connections atomic.Int32
}

// counting counts the connections that a listener accepts.
type counting struct {
	net.Listener
	accepted *atomic.Int32
}

func (c counting) Accept() (net.Conn, error) {
	connection, err := c.Listener.Accept()
	if err == nil {
		c.accepted.Add(1)
	}
	return connection, err
}

func newHost(t *testing.T, handler http.HandlerFunc) *host {
	t.Helper()
	h := &host{Server: httptest.NewUnstartedServer(handler)}
	h.Listener = counting{h.Listener, &h.connections}
	h.Config.ErrorLog = quiet
	h.EnableHTTP2 = true // is not asked for
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

// client is one that may connect to 127.0.0.1 and trusts the host.
func (h *host) client() *Client {
	return New(Options{Allowed: prefixes("127.0.0.1/32"), RootCAs: h.authorities()})
}

func (h *host) authorities() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(h.Certificate())
	return pool
}

// port of the host, for addresses by another name.
func (h *host) port() string {
	_, port, _ := net.SplitHostPort(h.Listener.Addr().String())
	return port
}

func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func fetch(t *testing.T, c *Client, address string) (string, error) {
	t.Helper()
	body, err := c.Fetch(t.Context(), address)
	return string(body), err
}

func wantError(t *testing.T, err error, reason string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("got error %v, want %s", err, reason)
	}
}

func TestFetch(t *testing.T) {
	var got *http.Request
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		_, _ = w.Write([]byte("keys"))
	})
	c := h.client()
	for range 2 {
		if body, err := fetch(t, c, h.URL+"/keys?for=us"); err != nil || body != "keys" {
			t.Fatalf("got %q, error %v", body, err)
		}
		want := http.Header{"User-Agent": {"kiket-auth"}, "Accept": {"application/json, application/jwk-set+json"}}
		if len(got.Header) != len(want) || got.UserAgent() != "kiket-auth" || got.Method != http.MethodGet || got.RequestURI != "/keys?for=us" || got.ProtoMajor != 1 {
			t.Errorf("asked with %s %s %s %v", got.Method, got.RequestURI, got.Proto, got.Header)
		}
	}
	if n := h.connections.Load(); n != 1 {
		t.Errorf("%d connections for two requests", n)
	}
	if c.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the environment can name a proxy")
	}
}

// By default nothing on this machine is connected to, by address or by name.
func TestLoopbackIsRefused(t *testing.T) {
	h := newHost(t, answering("secret"))
	c := New(Options{RootCAs: h.authorities()})
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"} {
		if body, err := fetch(t, c, "https://"+name+":"+h.port()+"/"); !errors.Is(err, ErrNotPublic) {
			t.Errorf("%s: got %q, error %v", name, body, err)
		}
	}
	if n := h.connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

// Nor is anything that is no https URL.
func TestFetchChecksTheURL(t *testing.T) {
	h := newHost(t, answering("keys"))
	plain := httptest.NewServer(answering("keys"))
	defer plain.Close()
	for address, reason := range map[string]string{
		plain.URL: "want https",
		strings.Replace(h.URL, "https://", "https://user:canary@", 1): "want no credentials",
		h.URL + "#a": "want no fragment",
		"":           "want https",
	} {
		_, err := fetch(t, h.client(), address)
		wantError(t, err, reason)
	}
}
