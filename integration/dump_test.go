package integration

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// dump returns every row of every table.
func (d *deployment) dump(t testing.TB) string {
	t.Helper()
	var text strings.Builder
	if d.engine == postgres {
		connection, err := pgx.Connect(t.Context(), d.url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = connection.Close(t.Context()) }()
		dumpRows(t, &text, queryPostgres(t, connection), `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`, `SELECT t::text FROM %q t`)
		return text.String()
	}
	path := strings.TrimPrefix(d.url, "sqlite:")
	db, err := sql.Open("sqlite", path) // the driver of package gormstore
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	dumpRows(t, &text, querySQLite(t, db), `SELECT name FROM sqlite_master WHERE type = 'table'`, `SELECT * FROM %q`)
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files { // what was deleted may be there still
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(raw)
	}
	return text.String()
}

func dumpRows(t testing.TB, to *strings.Builder, query func(string) []string, tables, rows string) {
	t.Helper()
	names := query(tables)
	if len(names) < 8 {
		t.Fatalf("tables: %v", names)
	}
	for _, name := range names {
		for _, row := range query(fmt.Sprintf(rows, name)) {
			to.WriteString(name + ": " + row + "\n")
		}
	}
}

func queryPostgres(t testing.TB, connection *pgx.Conn) func(string) []string {
	return func(text string) []string {
		rows, err := connection.Query(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

func querySQLite(t testing.TB, db *sql.DB) func(string) []string {
	return func(text string) []string {
		rows, err := db.QueryContext(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for rows.Next() {
			values, targets := make([]string, len(columns)), make([]any, len(columns))
			for n := range values {
				targets[n] = &sql.Null[[]byte]{}
			}
			if err := rows.Scan(targets...); err != nil {
				t.Fatal(err)
			}
			for n, target := range targets {
				values[n] = string(target.(*sql.Null[[]byte]).V)
			}
			all = append(all, strings.Join(values, " | "))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
}
