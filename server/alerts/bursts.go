package alerts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/throttle"
	"kiket.dev/auth/storage"
)

// attempt is what failed authentications are gathered by until it is known whose they
// are.
type attempt struct {
	rule     Rule
	clientID string
	network  string // of NetworkFailures
}

// attempts are when and where, since they were looked at last.
type attempts struct {
	first, last time.Time
	address     string // of the last
}

// AuthenticationFailed is told of a client id for which somebody failed to authenticate,
// whether or not there is such a client: that is found out of what any organization
// would take for a burst, and later.
func (w *Watch) AuthenticationFailed(clientID, address string) {
	now, network, policies := w.clock(), throttle.Network(address), w.policies.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	suspect := func(c *count, a attempt) {
		if c.within(policies.longest[a.rule], now) < policies.least[a.rule] {
			c.told = nil // the burst is over, if there was one
			return
		}
		w.gather(a, attempts{first: now, last: now, address: address})
	}
	clientID = strings.Clone(clientID) // and not all of a request that it was cut out of
	suspect(w.failures.add(clientID, "", policies.longest[ApplicationFailures], now), attempt{rule: ApplicationFailures, clientID: clientID})
	if c := w.networks.add(network, clientID, policies.longest[NetworkFailures], now); c.several {
		suspect(c, attempt{NetworkFailures, clientID, network})
	}
}

// tried are attempts until they are looked at. There is room for each rule's by itself:
// one network that makes ids up must not hide the guesses at one that is real.
type tried map[Rule]map[attempt]attempts

func newTried() tried {
	return tried{ApplicationFailures: map[attempt]attempts{}, NetworkFailures: map[attempt]attempts{}}
}

// gather keeps attempts until they are looked at.
func (w *Watch) gather(a attempt, more attempts) {
	room := w.tried[a.rule]
	before, known := room[a]
	switch {
	case known:
		more.first = before.first
		if before.last.After(more.last) {
			more.last, more.address = before.last, before.address
		}
	case len(room) >= mostTroubles:
		w.dropped++
		return
	}
	room[a] = more
}

// lookAtAttempts finds out whose the attempts are that have gathered, and whether they
// are trouble there. Those of which that cannot be found out are kept.
func (w *Watch) lookAtAttempts(ctx context.Context) error {
	w.mu.Lock()
	all := w.tried
	w.tried = newTried()
	w.mu.Unlock()
	return errors.Join(w.lookAt(ctx, all[ApplicationFailures]), w.lookAt(ctx, all[NetworkFailures]))
}

func (w *Watch) lookAt(ctx context.Context, all map[attempt]attempts) error {
	var failed error
	for a, gathered := range all {
		owner, err := w.store.ClientByClientID(ctx, a.clientID)
		switch {
		case errors.Is(err, storage.ErrNotFound), err == nil && (owner.Kind != storage.Application || owner.OrganizationID == 0):
			// nobody's who could be told
		case err != nil:
			failed = err
			w.mu.Lock()
			w.gather(a, gathered)
			w.mu.Unlock()
		default:
			w.burst(a, gathered, owner)
		}
	}
	return failed
}

// burst notes attempts if they are trouble for the owner of the client.
func (w *Watch) burst(a attempt, gathered attempts, owner storage.Client) {
	policy := w.policy(owner.OrganizationID, a.rule)
	w.mu.Lock()
	defer w.mu.Unlock()
	counted := w.failures.byKey[a.clientID]
	if a.rule == NetworkFailures {
		counted = w.networks.byKey[a.network]
	}
	if counted == nil { // forgotten meanwhile
		return
	}
	n := counted.news(owner.OrganizationID, policy, w.clock())
	if n == 0 {
		return
	}
	t := Trouble{
		OrganizationID: owner.OrganizationID, Rule: a.rule, Subject: owner.Party(), Count: n, FirstAt: gathered.first, LastAt: gathered.last,
		Details: map[string]any{"ip_address": gathered.address, "within": policy.Window.String()},
	}
	t.Summary = fmt.Sprintf("Somebody fails again and again to authenticate as the %s", called(t.Subject))
	if a.rule == NetworkFailures {
		t.Subject = storage.Party{Kind: "network", Name: a.network}
		t.Summary = fmt.Sprintf("Somebody at %s fails again and again to authenticate as several applications", a.network)
	}
	w.merge(t)
}

// Fetched is told of an access token that an application was given.
func (w *Watch) Fetched(t storage.Token, c storage.Client) {
	policy := w.policy(c.OrganizationID, TokenPerCall)
	if t.ExpiresAt.Sub(t.CreatedAt) < policy.Window {
		return
	}
	key := strings.Join([]string{c.ClientID, t.Audience, t.Scopes.String()}, "\x00")
	now := w.clock()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.fetches.add(key, "", policy.Window, now).news(c.OrganizationID, policy, now)
	if n == 0 {
		return
	}
	subject := c.Party()
	w.merge(Trouble{
		OrganizationID: c.OrganizationID, Rule: TokenPerCall, Subject: subject, Count: n, FirstAt: now, LastAt: now,
		Summary: fmt.Sprintf("The %s fetches far more tokens than it needs", called(subject)),
		Details: map[string]any{
			"within": policy.Window.String(), "token_lifetime": t.ExpiresAt.Sub(t.CreatedAt).String(), "audience": t.Audience, "scope": t.Scopes.String(),
		},
	})
}
