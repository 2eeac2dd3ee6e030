package sessions

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kiket.dev/auth/server/clients"
)

const avery = "avery@acme.test"

func newGuard() (*Guard, *time.Time) {
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	return NewGuard(func() time.Time { return now }), &now
}

// fail makes attempts that fail until one is refused and returns how many there were.
func fail(t *testing.T, g *Guard, accounts, addresses func(n int) string) int {
	t.Helper()
	for n := range 1000 {
		_, err := g.admit(addresses(n), accounts(n))
		var throttled *clients.ThrottledError
		switch {
		case err == nil:
		case !errors.As(err, &throttled) || throttled.RetryAfter < time.Second || throttled.RetryAfter > time.Minute:
			t.Fatalf("refused with %v", err)
		default:
			return n
		}
	}
	t.Fatal("never refused")
	return 0
}

func one(text string) func(int) string { return func(int) string { return text } }

func many(format string) func(int) string {
	return func(n int) string { return fmt.Sprintf(format, n) }
}

func succeed(t *testing.T, g *Guard, address string) {
	t.Helper()
	a, err := g.admit(address, avery)
	if err != nil {
		t.Fatalf("%s is refused: %v", address, err)
	}
	a.succeeded()
}

func TestGuardLimits(t *testing.T) {
	tests := []struct {
		name             string
		account, address func(int) string
		want             int
	}{
		{"one account from one address", one(avery), one("192.0.2.1"), 10},
		{"one account from one subnet", one(avery), many("2001:db8::%d"), 10},
		{"one account from many addresses", one(avery), many("192.0.2.%d"), 50},
		{"many accounts from one address", many("user%d@acme.test"), one("192.0.2.1"), 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, now := newGuard()
			if got := fail(t, g, tt.account, tt.address); got != tt.want {
				t.Errorf("refused after %d, want %d", got, tt.want)
			}
			if _, err := g.admit("198.51.100.1", "somebody@else.test"); err != nil {
				t.Errorf("somebody else somewhere else: %v", err)
			}
			*now = now.Add(time.Minute)
			if _, err := g.admit(tt.address(0), tt.account(0)); err != nil {
				t.Errorf("a minute later: %v", err)
			}
		})
	}
}

// An attempt that is refused by one limit does not count at another.
func TestGuardRefusalsDoNotCount(t *testing.T) {
	g, _ := newGuard()
	for range 200 {
		_, _ = g.admit("192.0.2.1", avery)
	}
	if got := fail(t, g, many("user%d@acme.test"), one("192.0.2.1")); got != 50 {
		t.Errorf("others at the address are refused after %d failures, want 50", got)
	}
}

// Whoever guesses from everywhere does not keep the person out where they are at
// home; guessing there is limited as before.
func TestGuardFamiliarAddress(t *testing.T) {
	g, _ := newGuard()
	succeed(t, g, "198.51.100.7")
	fail(t, g, one(avery), many("192.0.2.%d"))
	for range 100 {
		succeed(t, g, "198.51.100.7")
	}
	if _, err := g.admit("198.51.100.8", avery); err == nil {
		t.Error("an address that is not familiar is not refused")
	}
	if got := fail(t, g, one(avery), one("198.51.100.7")); got != 10 {
		t.Errorf("refused after %d failures at the familiar address, want 10", got)
	}
}
