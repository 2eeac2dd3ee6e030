package clients

import (
	"strings"
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
	clients   sources
	addresses sources
}

// NewThrottle returns an empty throttle.
func NewThrottle(clock func() time.Time) *Throttle {
	return &Throttle{
		clock:     clock,
		clients:   sources{burst: failuresPerClient, recovery: clientRecovery, most: mostSources},
		addresses: sources{burst: failuresPerAddress, recovery: addressRecovery, most: mostSources},
	}
}

// Failed counts a failure and returns 0 while the client and the address are
// within their limits, or else how long to wait before the next attempt. An id
// that no client can have counts for the address alone.
func (t *Throttle) Failed(clientID, address string) time.Duration {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := t.addresses.count(address, now)
	if validClientID(clientID) {
		wait = max(wait, t.clients.count(clientID, now))
	}
	return wait
}

// sources are those from which failures came.
type sources struct {
	burst    int           // failures at once
	recovery time.Duration // until one more
	most     int           // sources that are remembered
	limiters map[string]*rate.Limiter
}

// count counts a failure and returns how long to wait before the next attempt.
func (s *sources) count(source string, now time.Time) time.Duration {
	limiter, ok := s.limiters[source]
	if !ok {
		limiter = rate.NewLimiter(rate.Every(s.recovery), s.burst)
		s.remember(source, limiter, now)
	}
	if limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - limiter.TokensAt(now)
	return max(time.Duration(missing*float64(s.recovery)), time.Second)
}

// remember keeps nothing of the text that the source may have been cut out of.
func (s *sources) remember(source string, limiter *rate.Limiter, now time.Time) {
	if len(s.limiters) >= s.most {
		s.forgetRecovered(now)
	}
	if s.limiters == nil {
		s.limiters = map[string]*rate.Limiter{}
	}
	s.limiters[strings.Clone(source)] = limiter
}

// forgetRecovered drops the sources that are as good as new, or all if that
// frees nothing.
func (s *sources) forgetRecovered(now time.Time) {
	before := len(s.limiters)
	for source, limiter := range s.limiters {
		if limiter.TokensAt(now) >= float64(s.burst) {
			delete(s.limiters, source)
		}
	}
	if len(s.limiters) == before {
		clear(s.limiters)
	}
}
