package gormstore

import (
	"os"
	"testing"

	"kiket.dev/auth/storage/postgrestest"
)

// cluster is the PostgreSQL of this package's tests.
var cluster *postgrestest.Cluster

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, &cluster, postgrestest.Options{Durable: os.Getenv("GORMSTORE_DURABLE") != ""}))
}
