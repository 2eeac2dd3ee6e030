package throttle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/throttle"
)

// clock is a clock that stands still until it is moved.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func newAttempts(burst int, recovery time.Duration) (*throttle.Attempts, *clock) {
	c := &clock{time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	return throttle.New(throttle.Limit{Burst: burst, Recovery: recovery}, c.time), c
}

// taken takes until there is nothing left and returns how many there were.
func taken(a *throttle.Attempts, source string) int {
	for n := range 1000 {
		if a.Take(source) > 0 {
			return n
		}
	}
	return 1000
}

func TestTakeRecovers(t *testing.T) {
	a, c := newAttempts(3, 10*time.Second)
	steps := []struct {
		pass time.Duration
		want int
	}{
		{0, 3},
		{9 * time.Second, 0},
		{time.Second, 1},
		{25 * time.Second, 2},
		{5 * time.Second, 1}, // the half that was left over
		{time.Hour, 3},
	}
	for i, step := range steps {
		c.now = c.now.Add(step.pass)
		if got := taken(a, "x"); got != step.want {
			t.Errorf("step %d: %d attempts, want %d", i, got, step.want)
		}
	}
	if got := taken(a, "y"); got != 3 {
		t.Errorf("another source has %d attempts", got)
	}
}

func TestTakeSaysHowLong(t *testing.T) {
	a, c := newAttempts(1, 30*time.Second)
	a.Take("x")
	c.now = c.now.Add(10 * time.Second)
	if got := a.Take("x"); got != 20*time.Second {
		t.Errorf("wait %s, want 20s", got)
	}
	c.now = c.now.Add(19*time.Second + 900*time.Millisecond)
	if got := a.Take("x"); got != time.Second {
		t.Errorf("wait %s, want at least a second", got)
	}
	c.now = c.now.Add(100 * time.Millisecond)
	if got := a.Take("x"); got != 0 {
		t.Errorf("wait %s after it is over", got)
	}
}

func TestRestore(t *testing.T) {
	a, _ := newAttempts(2, time.Minute)
	a.Restore("x") // of a source that took nothing
	for range 10 {
		if wait := a.Take("x"); wait > 0 {
			t.Fatalf("wait %s although every attempt was given back", wait)
		}
		a.Restore("x")
	}
	if got := taken(a, "x"); got != 2 {
		t.Errorf("%d attempts, want 2", got)
	}
}

// The memory is bounded; those who have nothing left are the last to be forgotten.
func TestForgetting(t *testing.T) {
	a, c := newAttempts(2, time.Second)
	for n := range 49_999 {
		a.Take(fmt.Sprint(n))
	}
	c.now = c.now.Add(1500 * time.Millisecond)
	taken(a, "guesser")
	a.Take("one more")
	if a.Take("guesser") == 0 {
		t.Error("forgotten although others have recovered")
	}
}

func TestNetwork(t *testing.T) {
	tests := map[string]string{
		"192.0.2.1":              "192.0.2.1",
		"::ffff:192.0.2.1":       "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"fe80::1%eth0":           "fe80::/64",
		"":                       "",
		"not an address at all!": "not an address at all!",
	}
	for give, want := range tests {
		if diff := cmp.Diff(want, throttle.Network(give)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", give, diff)
		}
	}
}
