// Package throttle slows down whoever guesses.
//
// [Attempts] counts per source, which is whatever the caller tells apart: an
// address, an account, both together. It counts in this process's memory alone:
// several replicas allow several times as much, and a restart forgets.
package throttle

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Limit is how many attempts a source has at once, and how soon it has another.
type Limit struct {
	Burst    int
	Recovery time.Duration
}

// mostSources bounds the memory; when it is reached, those that have recovered are
// forgotten.
const mostSources = 50_000

// Attempts counts. Make it with [New].
type Attempts struct {
	limit Limit
	clock func() time.Time

	mu sync.Mutex
	// whole is when all attempts of a source will have recovered.
	whole map[string]time.Time
}

// New returns a counter that has counted nothing.
func New(limit Limit, clock func() time.Time) *Attempts {
	return &Attempts{limit: limit, clock: clock, whole: map[string]time.Time{}}
}

// Take takes one of the source's attempts and returns 0. If none is left it
// returns how long it will be until one is, at least a second.
func (a *Attempts) Take(source string) time.Duration {
	now := a.clock()
	a.mu.Lock()
	defer a.mu.Unlock()
	whole, known := a.whole[source]
	if whole.Before(now) {
		whole = now
	}
	whole = whole.Add(a.limit.Recovery)
	if over := whole.Sub(now) - time.Duration(a.limit.Burst)*a.limit.Recovery; over > 0 {
		return max(over, time.Second)
	}
	if !known && len(a.whole) >= mostSources {
		a.forget(now)
	}
	a.whole[strings.Clone(source)] = whole // and not all of a request that it was cut out of
	return 0
}

// Restore gives back an attempt that was taken.
func (a *Attempts) Restore(source string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if whole, known := a.whole[source]; known {
		a.whole[source] = whole.Add(-a.limit.Recovery)
	}
}

// forget drops the sources that have recovered, or all if none has.
func (a *Attempts) forget(now time.Time) {
	before := len(a.whole)
	for source, whole := range a.whole {
		if !whole.After(now) {
			delete(a.whole, source)
		}
	}
	if len(a.whole) == before {
		clear(a.whole)
	}
}

// subnet is how many bits of an IPv6 address tell customers apart; within them
// each has as many addresses as they like.
const subnet = 64

// Network returns what of an address tells one sender from another: the address,
// or the subnet of one of IPv6. What is no address is returned as it is.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a.WithZone(""), subnet).Masked().String()
}
