package storage

import "testing"

func TestOnThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "mail.localhost": true, "127.0.0.2": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "mail.test": false, "10.0.0.1": false, "localhost.test": false, "notlocalhost": false, "0.0.0.0": false, "127.1": false,
	} {
		if got := OnThisMachine(host); got != want {
			t.Errorf("%q on this machine: %t", host, got)
		}
	}
}
