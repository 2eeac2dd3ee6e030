package gormstore

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

// moment is a point in time as it is stored: in UTC and in microseconds, which
// is what PostgreSQL keeps, and NULL if it is zero. Always UTC, the text that
// SQLite keeps compares as the times do.
type moment time.Time

// stored returns t as it will be read back.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Value implements [driver.Valuer].
func (m moment) Value() (driver.Value, error) {
	t := time.Time(m)
	if t.IsZero() {
		return nil, nil
	}
	return stored(t), nil
}

// Scan implements [database/sql.Scanner].
func (m *moment) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m = moment{}
	case time.Time:
		*m = moment(v.UTC())
	default:
		return fmt.Errorf("reading a point in time: unexpected %T", src)
	}
	return nil
}

func (m moment) time() time.Time { return time.Time(m) }

// reference is the id of another row, NULL if it is 0.
type reference int64

// Value implements [driver.Valuer].
func (r reference) Value() (driver.Value, error) {
	if r == 0 {
		return nil, nil
	}
	return int64(r), nil
}

// Scan implements [database/sql.Scanner].
func (r *reference) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*r = 0
	case int64:
		*r = reference(v)
	default:
		return fmt.Errorf("reading an id: unexpected %T", src)
	}
	return nil
}

// text is a text that may come as NULL from the far side of a LEFT JOIN.
type text string

// Scan implements [database/sql.Scanner].
func (t *text) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case []byte:
		*t = text(v)
	default:
		return fmt.Errorf("reading a text: unexpected %T", src)
	}
	return nil
}

// Value implements [driver.Valuer].
func (t text) Value() (driver.Value, error) { return string(t), nil }

// blob is a sequence of bytes, NULL if it is empty.
type blob []byte

// Scan implements [database/sql.Scanner].
func (b *blob) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*b = nil
	case []byte:
		*b = bytes.Clone(v) // the driver's
	case string:
		*b = blob(v)
	default:
		return fmt.Errorf("reading bytes: unexpected %T", src)
	}
	return nil
}

// Value implements [driver.Valuer].
func (b blob) Value() (driver.Value, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return []byte(b), nil
}

func methodsText(methods []storage.AuthMethod) string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = string(m)
	}
	return strings.Join(names, " ")
}

func parseMethods(text string) []storage.AuthMethod {
	names := strings.Fields(text)
	methods := make([]storage.AuthMethod, len(names))
	for i, n := range names {
		methods[i] = storage.AuthMethod(n)
	}
	return methods
}
