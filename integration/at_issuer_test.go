package integration

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// startAtIssuer runs a server that listens where its issuer says that it is, for
// clients that find everything else from there.
func startAtIssuer(t testing.TB, e engine, settings ...string) *instance {
	t.Helper()
	address := freeAddress(t)
	i := start(t, e, append([]string{"KIKET_AUTH_ISSUER=http://" + address, "KIKET_AUTH_LISTEN=" + address}, settings...)...)
	if want := i.base + "/api"; i.boot.ResourceServer.Identifier != want {
		t.Fatalf("the default audience is %s, want %s", i.boot.ResourceServer.Identifier, want)
	}
	return i
}

// freeAddress returns a loopback address whose port is free, below those that
// the system hands out by itself: nobody takes it before the server does.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000)))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no port is free")
	return ""
}
