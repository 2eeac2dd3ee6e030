package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hang answers nothing for as long as somebody waits, and then neither: the end of
// an answer could be in time after all.
func hang(r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Who answers slowly, at whatever point, is given up.
func TestTimeLimit(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"header": func(_ http.ResponseWriter, r *http.Request) { hang(r) },
		"body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
			hang(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, handler)
			c := h.client()
			c.limit = 200 * time.Millisecond
			_, err := fetch(t, c, h.URL)
			if !errors.Is(err, ErrTooSlow) {
				t.Errorf("got error %v", err)
			}
		})
	}
	t.Run("no handshake", func(t *testing.T) {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		c := New(Options{Allowed: prefixes("127.0.0.0/8")})
		c.limit = 200 * time.Millisecond
		if _, err := fetch(t, c, "https://"+silent.Addr().String()); !errors.Is(err, ErrTooSlow) {
			t.Errorf("got error %v", err)
		}
	})
	t.Run("whoever asks is gone", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := newHost(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			hang(r)
		})
		if _, err := h.client().Fetch(ctx, h.URL); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
	})
	if limit := New(Options{}).limit; limit != 5*time.Second {
		t.Errorf("the limit is %s", limit)
	}
}

// No more than so many run at once; the others have their turn afterwards.
func TestTurns(t *testing.T) {
	var running, most atomic.Int32
	full := make(chan struct{})
	fill := sync.OnceFunc(func() { close(full) })
	h := newHost(t, func(w http.ResponseWriter, _ *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		if n == mostAtOnce {
			fill()
		}
		<-full
		_, _ = w.Write([]byte("keys"))
	})
	c := h.client()
	c.limit = time.Minute
	var all sync.WaitGroup
	for range 2 * mostAtOnce {
		all.Go(func() {
			if body, err := fetch(t, c, h.URL); err != nil || body != "keys" {
				t.Errorf("got %q, error %v", body, err)
			}
		})
	}
	all.Wait()
	if got := most.Load(); got != 32 {
		t.Errorf("%d at once", got)
	}
	for range mostAtOnce {
		c.turns <- struct{}{}
	}
	c.limit = 50 * time.Millisecond
	_, err := fetch(t, c, h.URL)
	wantError(t, err, "waiting while 32 others run")
}
