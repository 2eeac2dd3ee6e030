package alerts

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// counts counts by key, to the minute, so that each organization can look back as far as
// it wants to. It is not safe for concurrent use.
type counts struct{ byKey map[string]*count }

// count is how often something happened, and when.
type count struct {
	minutes []minute // in order
	total   int64    // also of what is longer ago than any window
	who     string
	several bool // more than one who
	// told is, of organizations that were told of the burst which lasts, the total then.
	told map[int64]int64
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
	counted.total++
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
// threshold, all of the window when that is reached, then what has come since.
func (c *count) news(organizationID int64, p Policy, now time.Time) int64 {
	n := c.within(p.Window, now)
	if !p.Enabled || n < p.Threshold {
		delete(c.told, organizationID)
		return 0
	}
	if before, known := c.told[organizationID]; known {
		n = c.total - before
	}
	if c.told == nil {
		c.told = map[int64]int64{}
	}
	c.told[organizationID] = c.total
	return n
}

// forget drops what was counted longer ago than the longest window, and, if that makes no
// room, the quarter that was counted least: whoever makes keys up to hide a burst has to
// make each of them a burst. Of those that are alike chance decides, so that nobody can
// know which ones go.
func (c *counts) forget(longest time.Duration, now time.Time) {
	type entry struct {
		key string
		n   int64
	}
	entries := make([]entry, 0, len(c.byKey))
	for key, counted := range c.byKey { // in no order
		if counted.prune(longest, now); len(counted.minutes) == 0 {
			delete(c.byKey, key)
			continue
		}
		entries = append(entries, entry{key, counted.within(longest, now)})
	}
	if len(c.byKey) < mostCounted {
		return
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.n, b.n) })
	for _, e := range entries[:mostCounted/4] {
		delete(c.byKey, e.key)
	}
}
