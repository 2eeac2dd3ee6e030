package clients

import (
	"time"

	"kiket.dev/auth/server/throttle"
)

// Limits of failed attempts.
var (
	failuresPerClient  = throttle.Limit{Burst: 30, Recovery: 2 * time.Second}
	failuresPerAddress = throttle.Limit{Burst: 120, Recovery: 500 * time.Millisecond}
)

// Throttle counts failed authentications per client and per address. It is
// asked only after a failure: whoever presents the right secret passes.
type Throttle struct {
	clients   *throttle.Attempts
	addresses *throttle.Attempts
}

// NewThrottle returns an empty throttle.
func NewThrottle(clock func() time.Time) *Throttle {
	return &Throttle{
		clients:   throttle.New(failuresPerClient, clock),
		addresses: throttle.New(failuresPerAddress, clock),
	}
}

// Failed counts a failure and returns 0 while the client and the address are
// within their limits, or else how long to wait before the next attempt. An id
// that no client can have counts for the address alone.
func (t *Throttle) Failed(clientID, address string) time.Duration {
	wait := t.addresses.Take(throttle.Network(address))
	if validClientID(clientID) {
		wait = max(wait, t.clients.Take(clientID))
	}
	return wait
}
