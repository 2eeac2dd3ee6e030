package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode/utf8"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// ErrNotMigrated says that the database lacks a table or a column that this
// version of the program needs: its migrations have not been applied.
var ErrNotMigrated = errors.New("database is not migrated")

var (
	// errTimeout is the cause with which an operation's own time limit ends it.
	errTimeout = errors.New("the database did not answer in time")
	errText    = errors.New("text holds a NUL or is not valid UTF-8")
)

// result codes of SQLite, https://www.sqlite.org/rescode.html.
const (
	sqliteError      = 1
	sqliteConstraint = 19

	sqliteConstraintForeignKey = 787
	sqliteConstraintPrimaryKey = 1555
	sqliteConstraintUnique     = 2067
)

// lockNotAvailable is the SQLSTATE of a wait for a lock that was too long.
const lockNotAvailable = "55P03"

// sqliteUnavailable holds the primary codes that say something about the
// database and nothing about the statement: BUSY, LOCKED, NOMEM, READONLY,
// INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL and NOTADB.
var sqliteUnavailable = map[int]bool{5: true, 6: true, 7: true, 8: true, 9: true, 10: true, 11: true, 13: true, 14: true, 15: true, 26: true}

// translate turns what gorm or a driver says into a sentinel of package storage
// and keeps the words of the original. The context is the caller's: that it was
// cancelled is [context.Canceled] and no word about the database, while a
// deadline that passed means that the database was too slow for it.
//
// A foreign key that points nowhere is ErrNotFound: what the new row was to
// belong to is not there.
func translate(ctx context.Context, err error) error {
	if err == nil || isSentinel(err) {
		return err
	}
	if sentinel := sentinelOf(err); sentinel != nil && !errors.Is(sentinel, storage.ErrUnavailable) {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errTimeout) {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, errTimeout)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	if ctx.Err() != nil || isUnavailable(err) {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	return err
}

func isSentinel(err error) bool {
	for _, sentinel := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrUnavailable, ErrNotMigrated} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// sentinelOf reads the answers of an engine that did answer; nil if the error
// is none, or means nothing in particular.
func sentinelOf(err error) error {
	var pg *pgconn.PgError
	var lite *gosqlite.Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return storage.ErrNotFound
	case errors.As(err, &pg):
		return postgresSentinel(pg)
	case errors.As(err, &lite):
		return sqliteSentinel(lite)
	}
	return nil
}

// postgresSentinel goes by SQLSTATE,
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func postgresSentinel(err *pgconn.PgError) error {
	switch err.Code {
	case "23505":
		return storage.ErrConflict
	case "23503":
		return storage.ErrNotFound
	case "42P01", "42703":
		return ErrNotMigrated
	case
		"25006", // read-only: a standby, or a primary that has just been demoted
		"40001", // serialization failure
		"40P01", // deadlock
		lockNotAvailable,
		"57014": // query cancelled
		return storage.ErrUnavailable
	case "0A000":
		// A prepared statement met a table that a migration has just changed. The
		// driver prepares it anew.
		if strings.Contains(err.Message, "cached plan must not change result type") {
			return storage.ErrUnavailable
		}
	}
	switch err.Code[:min(2, len(err.Code))] {
	case
		"08", // connection exception
		"28", // the server refuses the user
		"3D", // or has no such database
		"53", // insufficient resources
		"57", // operator intervention
		"58": // system error
		return storage.ErrUnavailable
	}
	return nil
}

func sqliteSentinel(err *gosqlite.Error) error {
	switch code := err.Code(); {
	case code == sqliteConstraintUnique, code == sqliteConstraintPrimaryKey:
		return storage.ErrConflict
	case code == sqliteConstraintForeignKey:
		return storage.ErrNotFound
	case code == sqliteError && (strings.Contains(err.Error(), "no such table") ||
		strings.Contains(err.Error(), "no such column") || strings.Contains(err.Error(), "has no column named")):
		return ErrNotMigrated
	case sqliteUnavailable[code&0xff]:
		return storage.ErrUnavailable
	}
	return nil
}

// isUnavailable reports whether the error is of the connection rather than of
// the statement.
func isUnavailable(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	var system interface{ Timeout() bool } // syscall.Errno among others
	switch {
	case errors.Is(sentinelOf(err), storage.ErrUnavailable):
		return true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// Not the caller's context, or translate would have seen it: the operation's
		// own limit, or a connection that was closed by another's.
		return true
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	}
	return errors.As(err, &connect) || errors.As(err, &network) || errors.As(err, &system) ||
		pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}

// fromEngine reports whether the database itself refused a statement.
func fromEngine(err error) bool {
	var pg *pgconn.PgError
	var lite *gosqlite.Error
	return errors.As(err, &pg) || errors.As(err, &lite)
}

// storable returns an error if one of the texts cannot be stored. PostgreSQL
// takes neither a NUL nor invalid UTF-8 in a text, and its refusal looks like a
// fault of the connection to some; SQLite takes both. Neither is asked.
func storable(texts ...string) error {
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
			return errText
		}
	}
	return nil
}

// findable is storable for a look-up: nothing has such a name, so nothing is found.
func findable(texts ...string) error {
	if storable(texts...) != nil {
		return storage.ErrNotFound
	}
	return nil
}

// legible makes a text from a stranger storable: what cannot be stored becomes
// U+FFFD. It is for what is only kept to be read, such as a user agent.
func legible(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
