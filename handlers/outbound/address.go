package outbound

import (
	"errors"
	"net/netip"
	"slices"
)

// ErrNotPublic says that an address is none of the public internet, and that the
// operator has not allowed it.
var ErrNotPublic = errors.New("not a public address")

// notPublic4 is what of IPv4 is not public unicast (IANA IPv4 Special-Purpose Address
// Registry, RFC 6890).
var notPublic4 = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // between carriers and customers, RFC 6598
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, where clouds tell their machines secrets
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation, RFC 5737
	"192.88.99.0/24",  // relays of 6to4, RFC 7526
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks, RFC 2544
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
)

// notPublic6 is what of public6 is not public unicast after all (IANA IPv6
// Special-Purpose Address Registry).
var (
	public6    = netip.MustParsePrefix("2000::/3")
	notPublic6 = prefixes(
		"2001::/23",     // protocol assignments; Teredo among them, which leads to any IPv4 address
		"2001:db8::/32", // documentation, RFC 3849
		"2002::/16",     // 6to4, which leads to any IPv4 address
		"3fff::/20",     // documentation, RFC 9637
	)
	// nat64 leads to the IPv4 address at its end (RFC 6052); in networks of IPv6
	// alone it is how much of the internet is reached.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// public reports whether an address is one of the public internet. One with a zone is
// in no prefix, and so is not.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if nat64.Contains(a) {
		raw := a.As16()
		a = netip.AddrFrom4([4]byte(raw[12:]))
	}
	if a.Is4() {
		return !within(a, notPublic4)
	}
	return public6.Contains(a) && !within(a, notPublic6)
}

// checkAddress returns ErrNotPublic unless we may connect to the address.
func (c *Client) checkAddress(a netip.Addr) error {
	if public(a) || within(a.Unmap().WithZone(""), c.allowed) {
		return nil
	}
	return ErrNotPublic
}
