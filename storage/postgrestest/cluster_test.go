package postgrestest_test

import (
	"context"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"

	"kiket.dev/auth/storage/postgrestest"
)

func TestClusterStopsAndHeals(t *testing.T) {
	cluster := postgrestest.Start(t, postgrestest.Options{})
	url := cluster.NewDatabase(t)
	exec(t, url, "CREATE TABLE kept (n int)")

	cluster.Stop()
	if conn, err := net.Dial("tcp", cluster.Address()); err == nil {
		_ = conn.Close()
		t.Fatal("the server still listens after Stop")
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	exec(t, url, "INSERT INTO kept VALUES (1)")
	if err := cluster.Restart(); err != nil {
		t.Fatal(err)
	}
	exec(t, cluster.CloneDatabase(t, url), "INSERT INTO kept VALUES (2)")
	if cluster.NewDatabase(t) == url {
		t.Error("two databases have the same URL")
	}
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}
