package gormstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPlans asks each engine how it would run the statements that name rows, and
// holds that none reads a table from one end to the other, but finds its rows by an
// index. The tables are small, and plans are made for good when they are.
func TestPlans(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := openMigrated(t, engines[engine](t))
			w := newPlanned(t, s)
			r := record(t, s)
			for _, calls := range []plannedCalls{w.hot(), w.clients(), w.tokens(), w.others(), w.audit(), w.inventory(), w.resets()} {
				for name, call := range calls {
					r.statements = nil
					if err := call(t.Context()); err != nil {
						t.Errorf("%s: %v", name, err)
					}
					checkPlans(t, s, name, r.statements)
				}
			}
		})
	}
}

// TestPlansByIndex holds that PostgreSQL finds by that very index what it is made for.
func TestPlansByIndex(t *testing.T) {
	s := openMigrated(t, migratedDatabase(t))
	w := newPlanned(t, s)
	r := record(t, s)
	for want, call := range map[string]func() error{
		"Conflict Arbiter Indexes: client_assertions_pkey": func() error {
			return s.SpendAssertion(t.Context(), w.c.ID, "jti", w.now)
		},
		"Index Scan using clients_resource_server_identifier on clients": func() error {
			return found(s.ResourceServerByIdentifier(t.Context(), w.o.ID, w.server.Identifier))
		},
	} {
		r.statements = nil
		if err := call(); err != nil || len(r.statements) != 1 {
			t.Fatalf("%d statements, %v", len(r.statements), err)
		}
		if plan := explain(t, s, r.statements[0]); !strings.Contains(plan, want) || faultOf(s.Dialect(), plan) != "" {
			t.Errorf("want %s\n%s", want, plan)
		}
	}
}

func checkPlans(t *testing.T, s *Store, name string, statements []statement) {
	t.Helper()
	checked := 0
	for _, st := range statements {
		if strings.HasPrefix(st.sql, "INSERT") {
			continue
		}
		checked++
		plan := explain(t, s, st)
		if fault := faultOf(s.Dialect(), plan); fault != "" {
			t.Errorf("%s: %s\n%s\n%s", name, fault, st.sql, plan)
		}
	}
	if checked == 0 {
		t.Errorf("%s: nothing was sent", name)
	}
}

// explain returns the engine's plan. PostgreSQL is asked for the plan that it keeps.
func explain(t *testing.T, s *Store, st statement) string {
	t.Helper()
	if s.Dialect() == "sqlite" {
		return strings.Join(column(t, s.pools[0].QueryContext, 3, "EXPLAIN QUERY PLAN "+st.sql, st.args...), "\n")
	}
	conn, err := s.pools[0].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	prepare := func(sql string) {
		if _, err := conn.ExecContext(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	prepare("PREPARE planned AS " + st.sql)
	defer prepare("DEALLOCATE planned")
	values := make([]string, len(st.args))
	for n, arg := range st.args {
		values[n] = literal(t, arg)
	}
	call := "EXPLAIN (COSTS OFF) EXECUTE planned"
	if len(values) > 0 {
		call += "(" + strings.Join(values, ", ") + ")"
	}
	return strings.Join(column(t, conn.QueryContext, 0, call), "\n")
}

// literal writes a parameter as a text whose type PostgreSQL finds out.
func literal(t *testing.T, arg any) string {
	t.Helper()
	if valuer, ok := arg.(driver.Valuer); ok {
		value, err := valuer.Value()
		if err != nil {
			t.Fatal(err)
		}
		arg = value
	}
	switch v := arg.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return "'" + v.Format(time.RFC3339Nano) + "'"
	case []byte:
		return fmt.Sprintf(`'\x%x'`, v)
	}
	if list := reflect.ValueOf(arg); list.Kind() == reflect.Slice {
		elements := make([]string, list.Len())
		for n := range elements {
			elements[n] = strings.Trim(literal(t, list.Index(n).Interface()), "'")
		}
		return `'{"` + strings.Join(elements, `","`) + `"}'`
	}
	return fmt.Sprintf("'%v'", arg)
}

// column returns one column of all rows.
func column(t *testing.T, query func(context.Context, string, ...any) (*sql.Rows, error), n int, sql string, args ...any) []string {
	t.Helper()
	rows, err := query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		cells := make([]any, len(names))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(*cells[n].(*any)))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

var (
	sqliteScan    = regexp.MustCompile(`(?m)^SCAN (\w+)`)
	postgresScan  = regexp.MustCompile(`Scan (?:Backward )?(?:using \w+ )?on \w+`)
	postgresIndex = regexp.MustCompile(`(?m)^.*(?:Index Scan|Index Only Scan|Bitmap Index Scan).*\n(.*)`)
)

// faultOf says what is wrong with a plan, "" if nothing is.
func faultOf(engine, plan string) string {
	if engine == "sqlite" {
		for _, scan := range sqliteScan.FindAllStringSubmatch(plan, -1) {
			// A subquery's rows, which were found by an index, are read one after the other.
			// sqlite_sequence has a row for each table; a constant row is of none.
			if scan[1] != "sqlite_sequence" && scan[1] != "CONSTANT" && !strings.Contains(plan, "CO-ROUTINE "+scan[1]) && !strings.Contains(plan, "MATERIALIZE "+scan[1]) {
				return "reads all of " + scan[1]
			}
		}
		return ""
	}
	if strings.Contains(plan, "Seq Scan") {
		return "reads a table"
	}
	read := strings.Join(postgresScan.FindAllString(plan, -1), " ")
	if strings.Contains(read, "tokens_access") && strings.Contains(read, "tokens_opaque") {
		return "reads tokens of all kinds"
	}
	for _, index := range postgresIndex.FindAllStringSubmatch(plan, -1) {
		if !strings.Contains(index[1], "Index Cond") {
			return "reads an index from one end to the other: " + index[0]
		}
	}
	return ""
}
