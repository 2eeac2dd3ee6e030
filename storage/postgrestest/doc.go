// Package postgrestest runs a real PostgreSQL for tests: a throwaway cluster in a
// temporary folder, on a port of its own, that is gone when the test process is.
//
// It is not for production and no stand-in for PostgreSQL: where there is none,
// tests fail and say which package is missing. They are never skipped.
//
// A test package starts one cluster in TestMain and each test takes a database
// of its own:
//
//	var cluster *postgrestest.Cluster
//
//	func TestMain(m *testing.M) {
//		os.Exit(postgrestest.Main(m, &cluster, postgrestest.Options{}))
//	}
//
//	func TestSomething(t *testing.T) {
//		url := cluster.NewDatabase(t)
//		…
//	}
//
// [Cluster.Stop], [Cluster.Start] and [Cluster.Restart] make outages; the port
// stays the same, so that what is connected can find its way back.
package postgrestest
