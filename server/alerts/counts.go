package alerts

import (
	"strings"
	"time"
)

// counts counts by key, to the minute, so that each organization can look back as far as
// it wants to. It is not safe for concurrent use.
type counts struct{ byKey map[string]*count }

// count is how often something happened, and when.
type count struct {
	minutes []minute // in order
	who     string
	several bool // more than one who
	// told are the organizations that the burst which lasts was told.
	told map[int64]bool
}

type minute struct{ at, n int64 }

func newCounts() *counts { return &counts{byKey: map[string]*count{}} }

// add counts one more. What is longer ago than the longest window is forgotten.
func (c *counts) add(key, who string, longest time.Duration, now time.Time) *count {
	counted := c.byKey[key]
	if counted == nil {
		if len(c.byKey) >= mostCounted {
			c.forget(longest, now)
		}
		counted = &count{}
		c.byKey[strings.Clone(key)] = counted
	}
	if counted.prune(longest, now); len(counted.minutes) == 0 {
		*counted = count{who: strings.Clone(who)}
	}
	counted.several = counted.several || counted.who != who
	at := now.Unix() / 60
	if last := len(counted.minutes) - 1; last >= 0 && counted.minutes[last].at >= at {
		counted.minutes[last].n++
	} else {
		counted.minutes = append(counted.minutes, minute{at, 1})
	}
	return counted
}

// within returns how many there were in the window that ends now, and in the minute in
// which it begins.
func (c *count) within(window time.Duration, now time.Time) int64 {
	n := int64(0)
	for _, m := range c.minutes {
		if m.in(window, now) {
			n += m.n
		}
	}
	return n
}

func (m minute) in(window time.Duration, now time.Time) bool {
	return (m.at+1)*60 > now.Add(-window).Unix()
}

func (c *count) prune(longest time.Duration, now time.Time) {
	for len(c.minutes) > 0 && !c.minutes[0].in(longest, now) {
		c.minutes = c.minutes[1:]
	}
}

// news is how much of what was counted the organization is to be told: nothing below its
// threshold, all of the window when that is reached, then what is new.
func (c *count) news(organizationID int64, p Policy, fresh int64, now time.Time) int64 {
	n := c.within(p.Window, now)
	switch {
	case !p.Enabled || n < p.Threshold:
		delete(c.told, organizationID)
		return 0
	case c.told[organizationID]:
		return fresh
	case c.told == nil:
		c.told = map[int64]bool{}
	}
	c.told[organizationID] = true
	return n
}

// forget drops what was counted longer ago than the longest window, or all if nothing
// was.
func (c *counts) forget(longest time.Duration, now time.Time) {
	before := len(c.byKey)
	for key, counted := range c.byKey {
		if counted.prune(longest, now); len(counted.minutes) == 0 {
			delete(c.byKey, key)
		}
	}
	if len(c.byKey) == before {
		clear(c.byKey)
	}
}
