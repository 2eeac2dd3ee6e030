package storage

import (
	"net/netip"
	"strings"
)

// OnThisMachine reports whether only this machine is reached under a host name or
// address (RFC 6761 section 6.3 for the names).
func OnThisMachine(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
