package gormstore

import (
	"strings"
	"time"
)

// conditions are SQL conditions that all must hold, with their parameters.
type conditions struct {
	sql  []string
	args []any
}

func (c *conditions) String() string { return strings.Join(c.sql, " AND ") }

func (c *conditions) add(sql string, args ...any) {
	c.sql, c.args = append(c.sql, sql), append(c.args, args...)
}

func (c *conditions) addIf(asked bool, sql string) {
	if asked {
		c.add(sql)
	}
}

// addID adds a condition on an id, unless it is 0.
func (c *conditions) addID(sql string, id int64) {
	if id != 0 {
		c.add(sql, id)
	}
}

// addAt adds a condition whose parameters are all the one time, unless it is zero.
func (c *conditions) addAt(sql string, at time.Time) {
	if !at.IsZero() {
		c.add(sql)
		for range strings.Count(sql, "?") {
			c.args = append(c.args, moment(at))
		}
	}
}
