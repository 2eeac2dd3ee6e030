package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cpuTime is CPU time spent, in user and kernel mode together.
type cpuTime struct{ server, database time.Duration }

func (c cpuTime) minus(other cpuTime) cpuTime {
	return cpuTime{c.server - other.server, c.database - other.database}
}

// cpuOf returns what the server has spent so far, and the database if that is a
// program of its own.
func cpuOf(tb testing.TB, i *instance) cpuTime {
	tb.Helper()
	spent := cpuTime{server: statOf(tb, i.cmd.Process.Pid).own}
	if i.engine == postgres {
		spent.database = clusterCPU(tb, i.url)
	}
	return spent
}

// processStat is what /proc says of a process.
type processStat struct {
	parent        int
	own, children time.Duration // children: those that have ended
}

// tick is the unit of /proc/PID/stat, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

func statOf(tb testing.TB, pid int) processStat {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	// The name in parentheses may hold anything; what follows the last one does not.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	number := func(n int) int {
		v, err := strconv.Atoi(fields[n-3]) // numbered as in proc(5)
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
	return processStat{
		parent:   number(4),
		own:      time.Duration(number(14)+number(15)) * tick,
		children: time.Duration(number(16)+number(17)) * tick,
	}
}

// clusterCPU adds up the postmaster and all its processes, ended ones too.
func clusterCPU(tb testing.TB, url string) time.Duration {
	tb.Helper()
	postmaster := postmasterOf(tb, url)
	stat := statOf(tb, postmaster)
	total := stat.own + stat.children
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		tb.Fatal(err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := os.Stat(entry); err != nil {
			continue // it has ended since it was listed
		}
		if s := statOf(tb, pid); s.parent == postmaster {
			total += s.own
		}
	}
	return total
}

// postmasterOf returns the parent of a connection's process.
func postmasterOf(tb testing.TB, url string) int {
	tb.Helper()
	connection, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = connection.Close(tb.Context()) }()
	return statOf(tb, int(connection.PgConn().PID())).parent
}
