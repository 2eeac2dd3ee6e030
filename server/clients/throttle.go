package clients

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of failed attempts: so many at once, and then one more every so often.
const (
	failuresPerClient  = 30
	failuresPerAddress = 120
	clientRecovery     = 2 * time.Second
	addressRecovery    = 500 * time.Millisecond
	// mostSources bounds the memory; when it is reached, those who have had no
	// failure for a while are forgotten.
	mostSources = 50_000
)

// Throttle counts failed authentications per client and per address. It is
// asked only after a failure: whoever presents the right secret passes.
type Throttle struct {
	clock     func() time.Time
	mu        sync.Mutex
	clients   map[string]*rate.Limiter
	addresses map[string]*rate.Limiter
}

// NewThrottle returns an empty throttle.
func NewThrottle(clock func() time.Time) *Throttle {
	return &Throttle{clock: clock, clients: map[string]*rate.Limiter{}, addresses: map[string]*rate.Limiter{}}
}

// Failed counts a failure and returns 0 while the client and the address are
// within their limits, or else how long to wait before the next attempt.
func (t *Throttle) Failed(clientID, address string) time.Duration {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := count(t.addresses, address, now, addressRecovery, failuresPerAddress)
	if clientID != "" {
		wait = max(wait, count(t.clients, clientID, now, clientRecovery, failuresPerClient))
	}
	return wait
}

func count(sources map[string]*rate.Limiter, source string, now time.Time, recovery time.Duration, burst int) time.Duration {
	limiter, ok := sources[source]
	if !ok {
		if len(sources) >= mostSources {
			forgetRecovered(sources, now, burst)
		}
		limiter = rate.NewLimiter(rate.Every(recovery), burst)
		sources[source] = limiter
	}
	if limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - limiter.TokensAt(now)
	return max(time.Duration(missing*float64(recovery)), time.Second)
}

// forgetRecovered drops the sources that are as good as new, or all if that
// frees nothing.
func forgetRecovered(sources map[string]*rate.Limiter, now time.Time, burst int) {
	before := len(sources)
	for source, limiter := range sources {
		if limiter.TokensAt(now) >= float64(burst) {
			delete(sources, source)
		}
	}
	if len(sources) == before {
		clear(sources)
	}
}
