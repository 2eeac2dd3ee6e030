package integration

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/handlers/outbound"
)

// publisher is where a client publishes its keys.
type publisher struct {
	*httptest.Server
	mu      sync.Mutex
	keys    any
	fetched int
}

func newPublisher(t *testing.T, keys any) *publisher {
	t.Helper()
	p := &publisher{keys: keys}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetched++
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "https://127.0.0.2:1/keys", http.StatusFound)
			return
		}
		_ = json.NewEncoder(w).Encode(p.keys)
	}))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// publish replaces the keys and returns how often they have been fetched so far.
func (p *publisher) publish(keys any) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
	return p.fetched
}

// trusted is the file with the publisher's certificate.
func (p *publisher) trusted(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "authorities.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A client publishes its keys at its jwks_uri (RFC 7591 section 2), in a network that
// the operator allows.
func TestPublishedKeys(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		first, second := newKeyPair(t, jose.ES256, "first"), newKeyPair(t, jose.EdDSA, "second")
		p := newPublisher(t, keySetOf(t, first))
		i := start(t, e, "SSL_CERT_FILE="+p.trusted(t), "KIKET_AUTH_OUTBOUND_NETWORKS=127.0.0.0/8")
		c, application := i.registerKeyed(t, first, map[string]any{"jwks": nil, "jwks_uri": p.URL + "/keys"})
		for range 5 {
			i.fetchAsserted(t, c)
		}
		if fetched := p.publish(keySetOf(t, second, first)); fetched != 1 {
			t.Errorf("fetched %d times for five requests", fetched)
		}
		// A key that is not known is looked for, but not for everyone who makes one up.
		next := keyedClient{c.id, second}
		// What was fetched a moment ago is new enough. Each refusal counts as a failure.
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for i.tokenFor(t, next.assert(t, nil)).status != http.StatusOK {
			<-tick.C
		}
		i.fetchAsserted(t, c)
		for range 10 {
			refusedClient(t, "a key that nobody has published", i.tokenFor(t, keyedClient{c.id, newKeyPair(t, jose.ES256, "third")}.assert(t, nil)))
		}
		if fetched := p.publish("nonsense"); fetched != 2 {
			t.Errorf("fetched %d times, want 2", fetched)
		}
		p.Close()
		i.fetchAsserted(t, next) // from what was fetched before
		i.patch(t, application, map[string]any{"jwks_uri": p.URL + "/gone"})
		refusedClient(t, "keys that cannot be fetched", i.tokenFor(t, c.assert(t, nil)))
		if !strings.Contains(i.log(), `"reason":"client authentication failed: `) {
			t.Error("the log does not say why")
		}
	})
}

// Without the operator's leave the server connects to no address of its own networks,
// whatever names it and whoever redirects to it.
func TestPublishedKeysStayOutside(t *testing.T) {
	t.Parallel()
	pair := newKeyPair(t, jose.ES256, "")
	p := newPublisher(t, keySetOf(t, pair))
	port := p.URL[strings.LastIndexByte(p.URL, ':'):]
	i := start(t, sqlite, "SSL_CERT_FILE="+p.trusted(t))
	c, application := i.registerKeyed(t, pair, map[string]any{"jwks": nil, "jwks_uri": "https://localhost" + port + "/keys"})
	refusedClient(t, "a name of this machine", i.tokenFor(t, c.assert(t, nil)))
	if fetched := p.publish(keySetOf(t, pair)); fetched != 0 {
		t.Errorf("fetched %d times", fetched)
	}
	wantRefusedFetch(t, i, "https://localhost"+port+"/keys")
	// Allowed here, and sent on to where it is not.
	allowed := i.serve("KIKET_AUTH_OUTBOUND_NETWORKS=127.0.0.1/32")
	allowed.patch(t, application, map[string]any{"jwks_uri": p.URL + "/elsewhere"})
	refusedClient(t, "redirected", allowed.tokenFor(t, c.assert(t, nil)))
	if fetched := p.publish(nil); fetched != 1 {
		t.Errorf("fetched %d times, want the redirect alone", fetched)
	}
	wantRefusedFetch(t, allowed, p.URL+"/elsewhere")
}

// wantRefusedFetch looks for the line that says that an address was not connected to,
// since it is none of the public internet.
func wantRefusedFetch(t *testing.T, i *instance, url string) {
	t.Helper()
	eventually(t, func() error {
		for line := range strings.Lines(i.log()) {
			if strings.Contains(line, `"jwks_uri":"`+url+`"`) && strings.Contains(line, outbound.ErrNotPublic.Error()) {
				return nil
			}
		}
		return fmt.Errorf("the log does not say that %s was refused:\n%s", url, i.log())
	})
}
