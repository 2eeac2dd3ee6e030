package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func TestClientAddress(t *testing.T) {
	nobody := prefixes()
	proxies := prefixes("10.0.0.0/8", "192.0.2.7/32", "2001:db8:1::/48")
	everybody := prefixes("0.0.0.0/0", "::/0")
	for _, tt := range []struct {
		name      string
		peer      string
		forwarded []string // header by header
		trusted   []netip.Prefix
		want      string
	}{
		{"no proxy", "198.51.100.1:4711", nil, proxies, "198.51.100.1"},
		{"a stranger's header", "198.51.100.1:4711", []string{"203.0.113.1"}, proxies, "198.51.100.1"},
		{"nobody is trusted", "10.0.0.1:4711", []string{"203.0.113.1"}, nobody, "10.0.0.1"},
		{"a proxy without header", "10.0.0.1:4711", nil, proxies, "10.0.0.1"},
		{"a proxy with an empty header", "10.0.0.1:4711", []string{""}, proxies, "10.0.0.1"},
		{"one proxy", "10.0.0.1:4711", []string{"203.0.113.1"}, proxies, "203.0.113.1"},
		{"two proxies", "10.0.0.1:4711", []string{"203.0.113.1, 192.0.2.7"}, proxies, "203.0.113.1"},
		{"two proxies, two headers", "10.0.0.1:4711", []string{"203.0.113.1", "192.0.2.7"}, proxies, "203.0.113.1"},
		{"two proxies, the outer one unknown", "10.0.0.1:4711", []string{"203.0.113.1, 192.0.2.8"}, proxies, "192.0.2.8"},
		{"made up by the client", "10.0.0.1:4711", []string{"192.0.2.55, 203.0.113.1"}, proxies, "203.0.113.1"},
		{"made up by the client, header by header", "10.0.0.1:4711", []string{"192.0.2.55", "203.0.113.1"}, proxies, "203.0.113.1"},
		{"made up to look like a proxy", "10.0.0.1:4711", []string{"192.0.2.55, 10.0.0.2, 203.0.113.1"}, proxies, "203.0.113.1"},
		{"from inside", "10.0.0.1:4711", []string{"10.1.1.1"}, proxies, "10.1.1.1"},
		{"everybody is trusted", "198.51.100.1:4711", []string{"203.0.113.1, 203.0.113.2"}, everybody, "203.0.113.1"},
		{"spaces", "10.0.0.1:4711", []string{" \t203.0.113.1 ,192.0.2.7\t"}, proxies, "203.0.113.1"},
		{"not an address", "10.0.0.1:4711", []string{"unknown"}, proxies, "10.0.0.1"},
		{"not an address, before one", "10.0.0.1:4711", []string{"unknown, 203.0.113.1"}, proxies, "203.0.113.1"},
		{"not an address, after one", "10.0.0.1:4711", []string{"203.0.113.1, unknown, 192.0.2.7"}, proxies, "192.0.2.7"},
		{"nothing after an address", "10.0.0.1:4711", []string{"203.0.113.1,"}, proxies, "10.0.0.1"},
		{"an address with a port", "10.0.0.1:4711", []string{"203.0.113.1:80"}, proxies, "10.0.0.1"},
		{"leading zeros", "10.0.0.1:4711", []string{"203.0.113.001"}, proxies, "10.0.0.1"},
		{"IPv6", "[2001:db8:1::1]:4711", []string{"2001:DB8:2:0::1"}, proxies, "2001:db8:2::1"},
		{"IPv6 in brackets", "[2001:db8:1::1]:4711", []string{"[2001:db8:2::1]"}, proxies, "2001:db8:1::1"},
		{"IPv4 over IPv6", "[::ffff:10.0.0.1]:4711", []string{"::ffff:203.0.113.1"}, proxies, "203.0.113.1"},
		{"zones", "[2001:db8:1::1%eth0]:4711", []string{"2001:db8:2::1%eth1, 2001:db8:1::2%<script>"}, proxies, "2001:db8:2::1"},
		{"the zone of a stranger", "[fe80::1%eth0]:4711", nil, proxies, "fe80::1"},
		{"no peer", "", []string{"203.0.113.1"}, everybody, ""},
		{"a peer without a port", "10.0.0.1", []string{"203.0.113.1"}, proxies, ""},
		{"a Unix socket", "@", []string{"203.0.113.1"}, everybody, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-For"] = tt.forwarded
			if got := clientAddress(r, tt.trusted); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The id of a request is a trusted proxy's, or made here.
func TestRequestID(t *testing.T) {
	proxies := prefixes("10.0.0.0/8")
	for _, tt := range []struct {
		peer, id string
		kept     bool
	}{
		{"10.0.0.1:4711", "0af7651916cd43dd8448eb211c80319c", true},
		{"[::ffff:10.0.0.1]:4711", "a.b_c-1234", true},
		{"198.51.100.1:4711", "0af7651916cd43dd8448eb211c80319c", false},
		{"", "0af7651916cd43dd8448eb211c80319c", false},
		{"10.0.0.1:4711", "", false},
		{"10.0.0.1:4711", "1234567", false},
		{"10.0.0.1:4711", "1234567\n", false},
		{"10.0.0.1:4711", "a b c d e", false},
		{"10.0.0.1:4711", "<script>", false},
		{"10.0.0.1:4711", "0af7651916cd43dd8448eb211c80319c0af7651916cd43dd8448eb211c80319c0", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.peer
		r.Header.Set("X-Request-Id", tt.id)
		got, other := requestID(r, proxies), requestID(r, proxies)
		if !acceptableID.MatchString(got) {
			t.Errorf("%q from %s: the id is %q", tt.id, tt.peer, got)
		}
		if kept := got == tt.id; kept != tt.kept || (got == other) != tt.kept {
			t.Errorf("%q from %s: the id is %q, and then %q", tt.id, tt.peer, got, other)
		}
	}
}
