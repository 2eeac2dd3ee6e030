package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kiket.dev/auth/server/access"
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
	raise func(context.Context, Trouble) error
	store watchStore
	clock func() time.Time

	logger *slog.Logger
	// policies are those of the organizations, as they were a moment ago.
	policies atomic.Pointer[policies]

	mu       sync.Mutex
	pending  map[string]Trouble
	tried    tried
	dropped  int64
	failures *counts // by client id
	networks *counts
	fetches  *counts
}

// watchStore is what is read when nobody waits.
type watchStore interface {
	storage.ClientStore
	storage.AlertRuleStore
}

// NewWatch returns a watch that hands what it sees to raise.
func NewWatch(raise func(context.Context, Trouble) error, store watchStore, clock func() time.Time, logger *slog.Logger) *Watch {
	w := &Watch{
		raise: raise, store: store, clock: clock, logger: logger, pending: map[string]Trouble{}, tried: newTried(),
		failures: newCounts(), networks: newCounts(), fetches: newCounts(),
	}
	w.policies.Store(newPolicies(nil))
	return w
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
		OrganizationID: c.Token.OrganizationID, Rule: rule, Subject: SubjectOf(c),
		Summary: usedAfterEnd(c, reason), Details: details, Count: 1,
	})
}

// Used is told of a credential that was used, as it was before.
func (w *Watch) Used(c storage.Credential, seen Sighting) {
	t := c.Token
	if t.Kind == storage.AccessToken || t.LastUsedAt.IsZero() {
		return
	}
	w.woken(t.OrganizationID, SubjectOf(c), t.LastUsedAt, seen)
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

// add counts trouble that happens now together with what is pending of the same, unless
// the organization does not want to hear of it.
func (w *Watch) add(t Trouble) {
	if !w.policy(t.OrganizationID, t.Rule).Enabled {
		return
	}
	t.FirstAt = w.clock()
	t.LastAt = t.FirstAt
	w.mu.Lock()
	defer w.mu.Unlock()
	w.merge(t)
}

func (w *Watch) merge(t Trouble) {
	key := fmt.Sprintf("%d %s", t.OrganizationID, t.dedupeKey())
	before, known := w.pending[key]
	switch {
	case known:
		t.Count += before.Count
		if before.FirstAt.Before(t.FirstAt) {
			t.FirstAt = before.FirstAt
		}
		if before.LastAt.After(t.LastAt) {
			t.LastAt, t.Summary, t.Details = before.LastAt, before.Summary, before.Details
		}
	case len(w.pending) >= mostTroubles:
		w.dropped++
		return
	}
	w.pending[key] = t
}

// Run raises what has gathered every few seconds until ctx ends, and keeps to what
// organizations have set meanwhile. What fails is tried again.
func (w *Watch) Run(ctx context.Context) {
	raise, learn := time.NewTicker(raiseEvery), time.NewTicker(learnEvery)
	defer raise.Stop()
	defer learn.Stop()
	err := w.learn(ctx)
	for {
		if err != nil && ctx.Err() == nil {
			w.logger.WarnContext(ctx, "alerts not raised, or not as organizations want them; will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-raise.C:
			err = w.Flush(ctx)
		case <-learn.C:
			err = w.learn(ctx)
		}
	}
}

// Flush raises everything that has gathered. What could not be raised is kept, but for
// that of organizations that are not there.
func (w *Watch) Flush(ctx context.Context) error {
	failed := w.lookAtAttempts(ctx)
	w.mu.Lock()
	gathered := w.pending
	w.pending = map[string]Trouble{}
	if w.dropped > 0 {
		w.logger.WarnContext(ctx, "alerts dropped: too much trouble at once", "dropped", w.dropped)
		w.dropped = 0
	}
	w.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(gathered)) {
		err := w.raise(ctx, gathered[key])
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
