package sessions

import (
	"sync"
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/throttle"
)

// Limits of failed sign-ins. One place guesses at one account a few times; many
// places together guess at it a hundred times in an hour; one place guesses at many.
var (
	failuresHere       = throttle.Limit{Burst: 10, Recovery: 30 * time.Second}
	failuresPerAccount = throttle.Limit{Burst: 50, Recovery: time.Minute}
	failuresPerAddress = throttle.Limit{Burst: 60, Recovery: 2 * time.Second}
)

// Limits of mail that strangers have sent to people.
var (
	mailsHere       = throttle.Limit{Burst: 3, Recovery: 20 * time.Minute}
	mailsPerAccount = throttle.Limit{Burst: 5, Recovery: 12 * time.Minute}
	mailsPerAddress = throttle.Limit{Burst: 20, Recovery: time.Minute}
)

// mostFamiliar bounds the memory for who signed in from where.
const mostFamiliar = 50_000

// Guard counts failed sign-ins, before the password is looked at, and mail that is asked
// for. Somebody who signed
// in from an address before is not kept out of it by failures from elsewhere, which
// anybody could cause. Make it with [NewGuard].
type Guard struct {
	signIns, mails limits

	mu       sync.Mutex
	familiar map[string]struct{} // account and address
}

// limits are what is counted of one thing.
type limits struct{ here, accounts, addresses *throttle.Attempts }

// NewGuard returns a guard that has seen nobody.
func NewGuard(clock func() time.Time) *Guard {
	count := func(here, account, address throttle.Limit) limits {
		return limits{throttle.New(here, clock), throttle.New(account, clock), throttle.New(address, clock)}
	}
	return &Guard{
		signIns:  count(failuresHere, failuresPerAccount, failuresPerAddress),
		mails:    count(mailsHere, mailsPerAccount, mailsPerAddress),
		familiar: map[string]struct{}{},
	}
}

// attempt is one that was let through. It counts as failed until it has succeeded.
type attempt struct {
	guard *Guard
	here  string
	taken []taken
}

type taken struct {
	from   *throttle.Attempts
	source string
}

// admit lets an attempt through or returns a *clients.ThrottledError. The account is
// an address in lower case, whoever's.
func (g *Guard) admit(address, account string) (*attempt, error) {
	return g.take(g.signIns, address, account)
}

// admitMail is admit for mail to the account. Each counts.
func (g *Guard) admitMail(address, account string) (*attempt, error) {
	return g.take(g.mails, address, account)
}

func (g *Guard) take(of limits, address, account string) (*attempt, error) {
	network := throttle.Network(address)
	a := &attempt{guard: g, here: account + " " + network}
	limits := []taken{{of.here, a.here}, {of.addresses, network}}
	if !g.knows(a.here) {
		limits = append(limits, taken{of.accounts, account})
	}
	for _, l := range limits {
		if wait := l.from.Take(l.source); wait > 0 {
			a.restore()
			return nil, &clients.ThrottledError{RetryAfter: wait}
		}
		a.taken = append(a.taken, l)
	}
	return a, nil
}

// notMade makes the attempt count no longer: nothing was learnt from it about the
// password, because the database does not answer or the server has too much to do.
func (a *attempt) notMade() { a.restore() }

func (a *attempt) restore() {
	for _, t := range a.taken {
		t.from.Restore(t.source)
	}
}

// succeeded makes the attempt count no longer, and the address familiar.
func (a *attempt) succeeded() {
	a.restore()
	g := a.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.familiar) >= mostFamiliar {
		clear(g.familiar)
	}
	g.familiar[a.here] = struct{}{}
}

func (g *Guard) knows(here string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.familiar[here]
	return known
}
