package clients

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that only the test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Advance(d time.Duration) { c.now = c.now.Add(d) }

// address returns another one for every n.
func address(n int) string { return fmt.Sprintf("198.51.%d.%d", n/256, n%256) }

// clientID returns another one for every n.
func clientID(n int) string { return fmt.Sprintf("app_%024x", n) }

// exhaust lets failures happen until one has to wait, and returns how many did
// not.
func exhaust(t *testing.T, fail func(n int) time.Duration) int {
	t.Helper()
	for n := range 10 * failuresPerAddress.Burst {
		if fail(n) > 0 {
			return n
		}
	}
	t.Fatal("nobody has to wait")
	return 0
}

func TestThrottleLimits(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fail     func(th *Throttle, n int) time.Duration
		limit    int
		recovery time.Duration // of one attempt
	}{
		{"one client, many addresses", func(th *Throttle, n int) time.Duration { return th.Failed(clientID(0), address(n)) }, failuresPerClient.Burst, failuresPerClient.Recovery},
		{"many clients, one address", func(th *Throttle, n int) time.Duration { return th.Failed(clientID(n), address(0)) }, failuresPerAddress.Burst, failuresPerAddress.Recovery},
		{"no client, one address", func(th *Throttle, _ int) time.Duration { return th.Failed("", address(0)) }, failuresPerAddress.Burst, failuresPerAddress.Recovery},
		{"no address", func(th *Throttle, _ int) time.Duration { return th.Failed("", "") }, failuresPerAddress.Burst, failuresPerAddress.Recovery},
		{"one client, one address", func(th *Throttle, _ int) time.Duration { return th.Failed(clientID(0), address(0)) }, failuresPerClient.Burst, failuresPerClient.Recovery},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := newClock()
			th := NewThrottle(now.Now)
			fail := func(n int) time.Duration { return tt.fail(th, n) }
			if got := exhaust(t, fail); got != tt.limit {
				t.Errorf("%d failures at once, want %d", got, tt.limit)
			}
			wait := fail(0)
			if want := max(tt.recovery, time.Second); wait != want {
				t.Errorf("has to wait %s, want %s", wait, want)
			}
			// Impatience is not punished, and whoever waits as told may try again.
			if again := fail(0); again != wait {
				t.Errorf("has to wait %s after %s", again, wait)
			}
			now.Advance(tt.recovery / 2)
			if wait = fail(0); wait <= 0 || wait > max(tt.recovery, time.Second) {
				t.Errorf("has to wait %s after half of the time", wait)
			}
			now.Advance(wait)
			if wait = fail(0); wait != 0 {
				t.Errorf("has to wait %s after waiting as told", wait)
			}
			now.Advance(tt.recovery * time.Duration(tt.limit))
			if got := exhaust(t, fail); got != tt.limit {
				t.Errorf("%d failures at once after a long rest, want %d", got, tt.limit)
			}
		})
	}
}

func TestThrottleIsolation(t *testing.T) {
	th := NewThrottle(newClock().Now)
	exhaust(t, func(n int) time.Duration { return th.Failed(clientID(0), address(n)) })
	if wait := th.Failed(clientID(1), address(0)); wait != 0 {
		t.Errorf("another client at an address that failed once has to wait %s", wait)
	}
	if wait := th.Failed("", address(1)); wait != 0 {
		t.Errorf("no client at an address that failed once has to wait %s", wait)
	}
	exhaust(t, func(n int) time.Duration { return th.Failed(clientID(1000+n), "203.0.113.1") })
	if wait := th.Failed(clientID(1000), "203.0.113.2"); wait != 0 {
		t.Errorf("a client that failed once, at another address, has to wait %s", wait)
	}
}

func TestThrottleAtOnce(t *testing.T) {
	th := NewThrottle(newClock().Now)
	var passed atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range failuresPerClient.Burst {
				if th.Failed(clientID(0), address(n)) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := int(passed.Load()); got != failuresPerClient.Burst {
		t.Errorf("%d failures at once, want %d", got, failuresPerClient.Burst)
	}
}

// What a stranger sends along with a wrong secret is not kept.
func TestThrottleMemory(t *testing.T) {
	th := NewThrottle(newClock().Now)
	padding := strings.Repeat("a", 64<<10)
	before := heap()
	for n := range 1000 {
		body := clientID(n) + padding
		th.Failed(body, address(0))                  // no client's id
		th.Failed(body[:len(clientID(n))], body[:8]) // cut out of what was sent
	}
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("grown by %d bytes", grown)
	}
	for n := range 1000 {
		if th.Failed(clientID(n), address(1+n)) != 0 {
			t.Errorf("client %d has to wait", n)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
