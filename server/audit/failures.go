package audit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/throttle"
	"kiket.dev/auth/storage"
)

// The actions of failed authentications.
const (
	authenticationFailed = "authentication.failed" // of a client, or with a token
	signInDenied         = "session.create_denied"
)

const (
	// sumOver is how long failures are summed up before they are one event.
	sumOver    = time.Minute
	writeEvery = 2 * time.Second
	// mostSums bounds the memory: further sources are summed up as one.
	mostSums = 5000
	// mostWritten bounds the events of one minute with one kind of target in one
	// organization: the sources with the most failures, and all others as one.
	mostWritten = 20
)

// Failures sums up authentications that failed, in memory, by what they were for and
// the network that they came from. Each sum is one event a minute, so that nobody can
// flood the log, and no request waits for it. Make it with [NewFailures].
type Failures struct {
	recorder *Recorder
	store    interface {
		storage.Transactor
		storage.ClientStore
	}
	logger *slog.Logger

	mu   sync.Mutex
	sums map[source]*sum
}

// source is what failures are summed up by.
type source struct {
	action       string
	organization int64
	target       storage.Party
	clientID     string // of a client that is to be looked up
	network      string // empty: of several networks
}

// sum are the failures of a source.
type sum struct {
	count       int64
	networks    int
	first, last time.Time
	origin      access.Origin // of the last
}

func (s *sum) add(o sum) {
	s.count += o.count
	s.networks += o.networks
	if s.first.IsZero() || o.first.Before(s.first) {
		s.first = o.first
	}
	if !o.last.Before(s.last) {
		s.last, s.origin = o.last, o.origin
	}
}

// NewFailures returns sums that are written by the recorder.
func NewFailures(recorder *Recorder, store storage.Store, logger *slog.Logger) *Failures {
	return &Failures{recorder: recorder, store: store, logger: logger, sums: map[source]*sum{}}
}

// Client is told of a client id for which somebody failed to authenticate, whether or
// not there is such a client. What was typed is not kept if there is none.
func (f *Failures) Client(clientID, address string) {
	clientID = strings.Clone(clientID) // and not all of a request that it was cut out of
	f.count(source{action: authenticationFailed, clientID: clientID}, access.Origin{Address: address})
}

// Token is told of a bearer token that was refused: of the credential that it was once,
// or, if that is zero, none that there is.
func (f *Failures) Token(c storage.Credential, origin access.Origin) {
	caller := access.FromCredential(c, storage.Catalogue{}, origin).Party
	if c.Token.ID == 0 {
		caller = storage.Party{Kind: "token"}
	}
	f.count(source{action: authenticationFailed, organization: c.Token.OrganizationID, target: caller}, origin)
}

// SignIn is told of somebody who could not sign in as the user (zero: nobody that there
// is) to the organization (0: none).
func (f *Failures) SignIn(organization int64, user storage.Party, origin access.Origin) {
	f.count(source{action: signInDenied, organization: organization, target: user}, origin)
}

func (f *Failures) count(s source, origin access.Origin) {
	s.network = throttle.Network(origin.Address)
	now := f.recorder.Clock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(s, sum{count: 1, networks: 1, first: now, last: now, origin: origin})
}

func (f *Failures) add(s source, more sum) {
	if f.sums[s] == nil && len(f.sums) >= mostSums {
		s = source{action: s.action}
	}
	if f.sums[s] == nil {
		f.sums[s] = &sum{}
	}
	f.sums[s].add(more)
}

// Run writes the sums that are a minute old until ctx ends. What cannot be written is
// kept, and summed up further.
func (f *Failures) Run(ctx context.Context) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := f.write(ctx, f.recorder.Clock().Add(-sumOver)); err != nil && ctx.Err() == nil {
				f.logger.WarnContext(ctx, "failed authentications not written down, will try again", "error", err)
			}
		}
	}
}

// Flush writes all sums.
func (f *Failures) Flush(ctx context.Context) error {
	return f.write(ctx, f.recorder.Clock())
}

// take takes out the sums that began at that time or before.
func (f *Failures) take(until time.Time) map[source]*sum {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := map[source]*sum{}
	for s, sum := range f.sums {
		if !sum.first.After(until) {
			taken[s] = sum
			delete(f.sums, s)
		}
	}
	return taken
}

func (f *Failures) write(ctx context.Context, until time.Time) error {
	taken := f.take(until)
	if len(taken) == 0 {
		return nil
	}
	events, err := f.resolve(ctx, taken)
	if err == nil {
		err = f.store.Transaction(ctx, func(ctx context.Context) error {
			for _, s := range slices.SortedFunc(maps.Keys(events), compareSources) {
				if err := f.record(ctx, s, events[s]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		for s, sum := range taken {
			f.add(s, *sum)
		}
	}
	return err
}

func compareSources(a, b source) int {
	return cmp.Or(cmp.Compare(a.organization, b.organization), cmp.Compare(a.action, b.action), cmp.Compare(a.target.Kind, b.target.Kind),
		cmp.Compare(a.target.ID, b.target.ID), cmp.Compare(a.network, b.network))
}

// resolve finds out which clients there are, and bounds how much is written.
func (f *Failures) resolve(ctx context.Context, taken map[source]*sum) (map[source]*sum, error) {
	type group struct {
		organization int64
		action, kind string
	}
	groups := map[group]map[source]*sum{}
	known := map[string]storage.Client{}
	for s, failed := range taken {
		if s.clientID != "" {
			c, err := f.client(ctx, known, s.clientID)
			if err != nil {
				return nil, err
			}
			s.clientID, s.organization, s.target = "", c.OrganizationID, storage.Party{Kind: "client"}
			if c.ID != 0 {
				s.target = c.Party()
			}
		}
		g := group{s.organization, s.action, s.target.Kind}
		if groups[g] == nil {
			groups[g] = map[source]*sum{}
		}
		merge(groups[g], s, *failed)
	}
	events := map[source]*sum{}
	for g, sources := range groups {
		most := slices.SortedFunc(maps.Keys(sources), func(a, b source) int {
			return cmp.Or(cmp.Compare(sources[b].count, sources[a].count), compareSources(a, b))
		})
		for n, s := range most {
			into := s
			if n >= mostWritten {
				into = source{action: g.action, organization: g.organization, target: storage.Party{Kind: g.kind}}
			}
			merge(events, into, *sources[s])
		}
	}
	return events, nil
}

func merge(sums map[source]*sum, s source, more sum) {
	if sums[s] == nil {
		sums[s] = &sum{}
	}
	sums[s].add(more)
}

// client looks up whom failures are about; zero: there is no such client.
func (f *Failures) client(ctx context.Context, known map[string]storage.Client, clientID string) (storage.Client, error) {
	if c, ok := known[clientID]; ok {
		return c, nil
	}
	c, err := f.store.ClientByClientID(ctx, clientID)
	if errors.Is(err, storage.ErrNotFound) {
		c, err = storage.Client{}, nil
	}
	known[clientID] = c
	return c, err
}

func (f *Failures) record(ctx context.Context, s source, sum *sum) error {
	details := map[string]any{
		"count": sum.count, "first_at": sum.first.UTC().Format(time.RFC3339), "last_at": sum.last.UTC().Format(time.RFC3339),
	}
	if s.action == signInDenied {
		details["reason"] = "invalid_credentials"
	}
	if s.network != "" {
		details["network"] = s.network
	} else {
		details["networks"] = sum.networks
	}
	caller := access.Caller{Party: storage.Party{Kind: "anonymous"}, Origin: sum.origin}
	return f.recorder.Record(ctx, caller, Event{OrganizationID: s.organization, Action: s.action, Target: s.target, Details: details})
}
