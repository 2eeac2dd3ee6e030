package alerts

import (
	"strings"
	"time"
)

// counts counts by key, from the first time on for a window. It is not safe for
// concurrent use.
type counts struct {
	window time.Duration
	byKey  map[string]*count
}

type count struct {
	until   time.Time
	n       int64
	who     string
	several bool // more than one who
}

func newCounts(window time.Duration) *counts {
	return &counts{window: window, byKey: map[string]*count{}}
}

// add counts one more and returns how many there were in the window, and whether who was
// not always the same.
func (c *counts) add(key, who string, now time.Time) (n int64, several bool) {
	counted, known := c.byKey[key]
	if !known || !now.Before(counted.until) {
		if !known && len(c.byKey) >= mostCounted {
			c.forget(now)
		}
		counted = &count{until: now.Add(c.window), who: strings.Clone(who)}
		c.byKey[strings.Clone(key)] = counted
	}
	counted.n++
	counted.several = counted.several || counted.who != who
	return counted.n, counted.several
}

// forget drops the counts whose window is over, or all if none is.
func (c *counts) forget(now time.Time) {
	before := len(c.byKey)
	for key, counted := range c.byKey {
		if !now.Before(counted.until) {
			delete(c.byKey, key)
		}
	}
	if len(c.byKey) == before {
		clear(c.byKey)
	}
}
