package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxURLLength is how long an address may be, in characters.
const MaxURLLength = 2000

// CheckURL checks an address when it is given: an absolute https URL with a host, of
// at most [MaxURLLength] characters, without credentials and without a fragment; and
// if its host is an IP address, one that we may connect to. Whether a name leads to
// such an address is seen when it is used. The error continues "jwks_uri: ", and
// repeats nothing.
func (c *Client) CheckURL(text string) error {
	if len(text) > MaxURLLength {
		return fmt.Errorf("want at most %d characters", MaxURLLength)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("want a URL of ASCII characters without spaces")
	}
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("not a URL")
	}
	if strings.Contains(text, "#") {
		return errors.New("want no fragment")
	}
	return c.checkURL(u)
}

// checkURL checks what also a redirect must keep to.
func (c *Client) checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "https":
		return errors.New("want https")
	case u.Hostname() == "" || u.Opaque != "":
		return errors.New("want a host")
	case u.User != nil:
		return errors.New("want no credentials")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("want a port of 1 to 65535")
		}
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return c.checkAddress(a)
	}
	return nil
}
