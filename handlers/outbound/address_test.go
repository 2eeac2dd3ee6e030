package outbound

import (
	"errors"
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
		"::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
		"2000::1", "2001:200::1", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111", "2a00:1450::1", "3ffe::1", "3fff:1000::1",
	} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
		"127.0.0.1", "127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.192",
		"192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::1.1.1.1", "::ffff:0:1.1.1.1", // unspecified, loopback, compatible, translated
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", // mapped
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1.1.1.1", // NAT64
		"2002:7f00:1::", "2002:a00:1::1", "2002:101:101::1", // 6to4
		"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:1ff:ffff::", // Teredo and others
		"2001:db8::1", "3fff::1", "3fff:fff::1", "100::1", "5f00::1", "1fff::1", "4000::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
		"2606:4700:4700::1111%eth0",
	} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// Every connection is checked by the address that it goes to.
func TestCheckConnection(t *testing.T) {
	c := New(Options{Allowed: prefixes("10.1.0.0/16", "fd00::/8", "fe80::/10")})
	for address, allowed := range map[string]bool{
		"1.1.1.1:443": true, "[2606:4700::1]:443": true, "[::ffff:1.1.1.1]:443": true,
		"10.1.2.3:8443": true, "[::ffff:10.1.2.3]:8443": true, "[fd00::1]:443": true, "[fe80::1%lo]:443": true,
		"10.2.0.1:443": false, "127.0.0.1:443": false, "[::1]:443": false, "[64:ff9b::10.2.0.1]:443": false,
		"localhost:443": false, "": false, "/run/docker.sock": false,
	} {
		if err := c.checkConnection(t.Context(), "tcp", address, nil); (err == nil) != allowed || err != nil && !errors.Is(err, ErrNotPublic) {
			t.Errorf("%s: got error %v", address, err)
		}
	}
}
