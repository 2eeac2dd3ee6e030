package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// wrongSecret is well-formed and nobody's.
const wrongSecret = "kcs_000000000000000000000000000000000000000037bf688e"

// tooMany is more failures than any limit allows at once.
const tooMany = 400

// untilThrottled makes the same wrong request until it is answered 429, and
// returns how many times it was answered otherwise.
func untilThrottled(t testing.TB, ask func() answer) int {
	t.Helper()
	for n := range tooMany {
		a := ask()
		switch a.status {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 60 {
				t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
			}
			if a.json(t)["error"] != "temporarily_unavailable" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("answered %s", a.body)
			}
			return n
		default:
			t.Fatalf("answered %d %s", a.status, a.body)
		}
	}
	t.Fatalf("%d failures and no throttling", tooMany)
	return 0
}

// throttled reports whether one of several attempts at once is answered 429. One
// alone may come late enough to be let through.
func throttled(ask func() answer) bool {
	var all sync.WaitGroup
	var refused atomic.Bool
	for range 8 {
		all.Go(func() {
			if ask().status == http.StatusTooManyRequests {
				refused.Store(true)
			}
		})
	}
	all.Wait()
	return refused.Load()
}

// attacker guesses from an address, as a proxy reports it.
func attacker(t testing.TB, i *instance, forwarded, path string, clientID func() string) func() answer {
	return func() answer {
		r := i.request("POST", path, "grant_type=client_credentials&token=x",
			"Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", forwarded)
		r.SetBasicAuth(clientID(), wrongSecret)
		return do(t, r)
	}
}

func always(id string) func() string { return func() string { return id } }

// strangers are client ids of which no two are the same.
func strangers() func() string {
	var n atomic.Int64
	return func() string { return fmt.Sprintf("app_%024d", n.Add(1)) }
}

// Whoever guesses a client's secret is soon told to wait; the client itself is
// not kept out by that, wherever it is.
func TestThrottlePerClient(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_TRUSTED_PROXIES=127.0.0.0/8")
		application, other := i.application("issues"), i.application("issues")
		// From ever new addresses, so that it is not the address that is throttled.
		n := 0
		passed := untilThrottled(t, func() answer {
			n++
			return attacker(t, i, fmt.Sprintf("198.51.100.%d", n%250), "/oauth/token", always(application.id))()
		})
		if passed < 2 {
			t.Errorf("throttled after %d failures: a client may fail twice in one attempt to connect", passed)
		}
		for range 3 {
			i.fetch(t, application) // the genuine client passes
		}
		if a := attacker(t, i, "203.0.113.1", "/oauth/introspect", always(application.id))(); a.status != http.StatusTooManyRequests {
			t.Errorf("introspection with a wrong secret: %d", a.status)
		}
		if a := attacker(t, i, "203.0.113.1", "/oauth/token", always(other.id))(); a.status != http.StatusUnauthorized {
			t.Errorf("another client's first failure: %d", a.status)
		}
		if a := i.post(t, "/oauth/token", credentials{}, "grant_type", "client_credentials",
			"client_id", application.id, "client_secret", application.secret); a.status != http.StatusOK {
			t.Errorf("the genuine client, another method: %d %s", a.status, a.body)
		}
	})
}

// Whoever tries many clients, or many tokens, from one address is told to wait;
// genuine clients at that address pass.
func TestThrottlePerAddress(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_TRUSTED_PROXIES=127.0.0.0/8")
		application := i.application("issues")
		next := strangers()
		untilThrottled(t, attacker(t, i, "198.51.100.1", "/oauth/token", next))
		from := func(forwarded string) func() answer { return attacker(t, i, forwarded, "/oauth/token", next) }
		if !throttled(from("198.51.100.1")) {
			t.Error("the same address is no longer throttled")
		}
		// What the attacker writes into the header itself stands before what the
		// proxy adds.
		if !throttled(from("192.0.2.55, 198.51.100.1")) {
			t.Error("the same address with a made-up origin is not throttled")
		}
		if got := from("198.51.100.2")().status; got != http.StatusUnauthorized {
			t.Errorf("another address: %d", got)
		}
		genuine := i.request("POST", "/oauth/token", "grant_type=client_credentials",
			"Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", "198.51.100.1")
		genuine.SetBasicAuth(application.id, application.secret)
		if a := do(t, genuine); a.status != http.StatusOK {
			t.Errorf("a genuine client at that address: %d %s", a.status, a.body)
		}

		guess := func() answer {
			return i.postRaw(t, "/oauth/introspect", "token=x", "X-Forwarded-For", "198.51.100.77",
				"Authorization", "Bearer wksp_"+strings.Repeat("0", 48))
		}
		untilThrottled(t, guess)
		bearer := i.postRaw(t, "/oauth/introspect", "token=x", "X-Forwarded-For", "198.51.100.77",
			"Authorization", "Bearer "+i.boot.WorkspaceAPIToken.Token)
		if bearer.status != http.StatusOK {
			t.Errorf("a genuine bearer at that address: %d %s", bearer.status, bearer.body)
		}
	})
}

// Without trusted proxies X-Forwarded-For is what a stranger says, and changes
// nothing.
func TestThrottleIgnoresStrangersHeader(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	next, n := strangers(), 0
	untilThrottled(t, func() answer {
		n++
		return attacker(t, i, fmt.Sprintf("198.51.100.%d", n%250), "/oauth/token", next)()
	})
}
