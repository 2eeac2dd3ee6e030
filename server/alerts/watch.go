package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/throttle"
	"kiket.dev/auth/storage"
)

const (
	// raiseEvery is how often what was seen is written down: several of the same within
	// that time are one.
	raiseEvery = 2 * time.Second
	// mostTroubles and mostCounted bound the memory.
	mostTroubles = 1000
	mostCounted  = 20_000
)

// Watch gathers what is seen of trouble, in memory, where requests are answered. Its
// counts are of this process: several replicas notice a burst a little later. Make it
// with [NewWatch].
type Watch struct {
	raise  func(context.Context, Trouble) error
	client func(ctx context.Context, clientID string) (storage.Client, error)
	clock  func() time.Time
	logger *slog.Logger
	// policies are those of the organizations, as they were a moment ago.
	policies atomic.Pointer[policies]

	mu       sync.Mutex
	pending  map[string]seen
	dropped  int64
	failures *counts
	networks *counts
	fetches  *counts
}

// seen is trouble that was seen.
type seen struct {
	Trouble
	// clientID says whose it is where that is not known yet.
	clientID string
}

// NewWatch returns a watch that hands what it sees to raise.
func NewWatch(raise func(context.Context, Trouble) error, clients storage.ClientStore, clock func() time.Time, logger *slog.Logger) *Watch {
	w := &Watch{
		raise: raise, client: clients.ClientByClientID, clock: clock, logger: logger, pending: map[string]seen{},
		failures: newCounts(burstWindow), networks: newCounts(burstWindow), fetches: newCounts(fetchWindow),
	}
	w.policies.Store(newPolicies(nil))
	return w
}

// policy returns what the rule does for the organization. It reads memory alone.
func (w *Watch) policy(organizationID int64, rule Rule) Policy {
	return w.policies.Load().of(organizationID, rule)
}

// Sighting says where a credential was seen.
type Sighting struct {
	Address   string // of who used it, as far as it is known
	UserAgent string
	By        string // the resource server that was asked; empty: this server itself
}

func (s Sighting) details() map[string]any {
	details := map[string]any{}
	if a, err := netip.ParseAddr(s.Address); err == nil { // it may be what somebody says
		details["ip_address"] = a.Unmap().WithZone("").String()
	}
	for name, value := range map[string]string{
		"user_agent": access.UserAgent(s.UserAgent), "resource_server": s.By,
	} {
		if value != "" {
			details[name] = value
		}
	}
	return details
}

// Inactive is told of a credential that exists and was used although it is not active.
func (w *Watch) Inactive(c storage.Credential, seen Sighting) {
	rule, reason := ended(c, w.clock())
	if rule == "" {
		return
	}
	details := seen.details()
	details["reason"] = reason
	if prefix := c.Token.Prefix; prefix != "" {
		details["token_prefix"] = prefix
	}
	w.add(Trouble{
		OrganizationID: c.Token.OrganizationID, Rule: rule, Subject: subjectOf(c),
		Summary: usedAfterEnd(c, reason), Details: details, Count: 1,
	})
}

// Used is told of a credential that was used, as it was before.
func (w *Watch) Used(c storage.Credential, seen Sighting) {
	t := c.Token
	if t.Kind == storage.AccessToken || t.LastUsedAt.IsZero() {
		return
	}
	w.woken(t.OrganizationID, subjectOf(c), t.LastUsedAt, seen)
}

// Authenticated is told of a client that authenticated, as it was before.
func (w *Watch) Authenticated(c storage.Client, seen Sighting) {
	if c.Kind == storage.Application && !c.LastUsedAt.IsZero() {
		w.woken(c.OrganizationID, c.Party(), c.LastUsedAt, seen)
	}
}

func (w *Watch) woken(organizationID int64, subject storage.Party, lastUsed time.Time, seen Sighting) {
	slept := w.clock().Sub(lastUsed)
	if slept < w.policy(organizationID, DormantUsed).Window {
		return
	}
	details := seen.details()
	details["last_used_at"] = lastUsed.UTC().Format(time.RFC3339)
	w.add(Trouble{
		OrganizationID: organizationID, Rule: DormantUsed, Subject: subject, Details: details, Count: 1,
		Summary: fmt.Sprintf("The %s was used again after %d days", called(subject), int(slept.Hours()/24)),
	})
}

// AuthenticationFailed is told of a client id for which somebody failed to authenticate,
// whether or not there is such a client: that is found out of a burst, and later.
func (w *Watch) AuthenticationFailed(clientID, address string) {
	now, network := w.clock(), throttle.Network(address)
	w.mu.Lock()
	n, _ := w.failures.add(clientID, "", now)
	m, several := w.networks.add(network, clientID, now)
	w.mu.Unlock()
	details := map[string]any{"ip_address": address, "within": burstWindow.String()}
	clientID = strings.Clone(clientID) // and not all of a request that it was cut out of
	if count := beyond(n, mostApplicationFailures); count > 0 {
		w.note(seen{Trouble{Rule: ApplicationFailures, Details: details, Count: count}, clientID})
	}
	if count := beyond(m, mostNetworkFailures); count > 0 && several {
		w.note(seen{Trouble{
			Rule: NetworkFailures, Subject: storage.Party{Kind: "network", Name: network}, Details: details, Count: count,
			Summary: fmt.Sprintf("Somebody at %s fails again and again to authenticate as several applications", network),
		}, clientID})
	}
}

// resolve finds out whose the trouble is; false: nobody's who could be told.
func (w *Watch) resolve(ctx context.Context, s seen) (Trouble, bool, error) {
	if s.clientID == "" {
		return s.Trouble, true, nil
	}
	c, err := w.client(ctx, s.clientID)
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && (c.Kind != storage.Application || c.OrganizationID == 0):
		return Trouble{}, false, nil
	case err != nil:
		return Trouble{}, false, err
	}
	t := s.Trouble
	t.OrganizationID = c.OrganizationID
	if t.Rule == ApplicationFailures {
		t.Subject = c.Party()
		t.Summary = fmt.Sprintf("Somebody fails again and again to authenticate as the %s", called(t.Subject))
	}
	return t, true, nil
}

// beyond is how much of a count is news: nothing below the limit, all of it when that is
// reached, then each.
func beyond(n, limit int64) int64 {
	switch {
	case n < limit:
		return 0
	case n == limit:
		return n
	}
	return 1
}

// Fetched is told of an access token that an application was given.
func (w *Watch) Fetched(t storage.Token, c storage.Client) {
	if t.ExpiresAt.Sub(t.CreatedAt) < fetchWindow {
		return
	}
	key := strings.Join([]string{c.ClientID, t.Audience, t.Scopes.String()}, "\x00")
	w.mu.Lock()
	n, _ := w.fetches.add(key, "", w.clock())
	w.mu.Unlock()
	if count := beyond(n, mostFetches); count > 0 {
		subject := c.Party()
		w.add(Trouble{
			OrganizationID: c.OrganizationID, Rule: TokenPerCall, Subject: subject, Count: count,
			Summary: fmt.Sprintf("The %s fetches far more tokens than it needs", called(subject)),
			Details: map[string]any{
				"within": fetchWindow.String(), "token_lifetime": t.ExpiresAt.Sub(t.CreatedAt).String(), "audience": t.Audience, "scope": t.Scopes.String(),
			},
		})
	}
}

// add counts trouble together with what is pending of the same, unless the organization
// does not want to hear of it.
func (w *Watch) add(t Trouble) {
	if w.policy(t.OrganizationID, t.Rule).Enabled {
		w.note(seen{Trouble: t})
	}
}

func (w *Watch) note(s seen) {
	s.FirstAt = w.clock()
	s.LastAt = s.FirstAt
	w.mu.Lock()
	defer w.mu.Unlock()
	w.merge(s)
}

func (w *Watch) merge(s seen) {
	key := fmt.Sprintf("%d %s %s", s.OrganizationID, s.clientID, s.dedupeKey())
	before, known := w.pending[key]
	switch {
	case known:
		s.Count += before.Count
		if before.FirstAt.Before(s.FirstAt) {
			s.FirstAt = before.FirstAt
		}
		if before.LastAt.After(s.LastAt) {
			s.LastAt, s.Summary, s.Details = before.LastAt, before.Summary, before.Details
		}
	case len(w.pending) >= mostTroubles:
		w.dropped++
		return
	}
	w.pending[key] = s
}

// Run raises what has gathered every few seconds until ctx ends. What fails is tried
// again.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(raiseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := w.Flush(ctx); err != nil && ctx.Err() == nil {
				w.logger.WarnContext(ctx, "alerts not raised, will try again", "error", err)
			}
		}
	}
}

// Flush raises everything that has gathered. What could not be raised is kept, but for
// that of organizations that are not there.
func (w *Watch) Flush(ctx context.Context) error {
	w.mu.Lock()
	gathered := w.pending
	w.pending = map[string]seen{}
	if w.dropped > 0 {
		w.logger.WarnContext(ctx, "alerts dropped: too much trouble at once", "dropped", w.dropped)
		w.dropped = 0
	}
	w.mu.Unlock()
	var failed error
	for _, key := range slices.Sorted(maps.Keys(gathered)) {
		t, somebodys, err := w.resolve(ctx, gathered[key])
		if err == nil && somebodys {
			err = w.raise(ctx, t)
		}
		switch {
		case errors.Is(err, storage.ErrNotFound):
			w.logger.WarnContext(ctx, "an alert could not be raised", "error", err)
		case err != nil:
			failed = err
			w.mu.Lock()
			w.merge(gathered[key])
			w.mu.Unlock()
		}
	}
	return failed
}
