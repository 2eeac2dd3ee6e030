package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc's CPU times, USER_HZ, which Linux shows as 100
// per second to every program.
const clockTick = 10 * time.Millisecond

// CPUTime returns how much CPU the server has used so far, its backends included.
func (c *Cluster) CPUTime() (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return 0, errors.New("PostgreSQL does not run")
	}
	server := c.server.Process.Pid
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		parent, used, err := parseStat(string(text))
		if err != nil {
			return 0, err
		}
		if parent == server || filepath.Base(filepath.Dir(file)) == strconv.Itoa(server) {
			ticks += used
		}
	}
	return time.Duration(ticks) * clockTick, nil
}

// parseStat reads the parent of a process and the ticks that it and the children
// that it has waited for have used: fields 4 and 14 to 17 of proc_pid_stat(5).
func parseStat(text string) (parent int, ticks int64, err error) {
	_, rest, found := strings.Cut(text, ") ") // after the name, which may hold spaces
	fields := strings.Fields(rest)
	if !found || len(fields) < 15 {
		return 0, 0, fmt.Errorf("unexpected process status %q", text)
	}
	parent, err = strconv.Atoi(fields[1])
	for _, field := range fields[11:15] {
		n, fieldErr := strconv.ParseInt(field, 10, 64)
		err = errors.Join(err, fieldErr)
		ticks += n
	}
	return parent, ticks, err
}
