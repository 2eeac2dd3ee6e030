package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"kiket.dev/auth/storage"
)

// parseIssuer wants an issuer identifier of RFC 8414 section 2: clients compare
// it byte for byte, so there must be one spelling of it.
func parseIssuer(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", errors.New("not an absolute URL such as https://auth.example.com")
	case u.User != nil:
		return "", errors.New("must not hold a user name or password")
	case u.Hostname() == "":
		return "", errors.New("has no host")
	case strings.ContainsAny(text, "?#"):
		return "", errors.New("must have neither a query nor a fragment (RFC 8414 section 2)")
	case strings.HasSuffix(text, "/"):
		return "", fmt.Errorf("must not end in a slash: write %s", strings.TrimRight(text, "/"))
	case u.Path != "":
		return "", errors.New("must have no path: the endpoints lie at the root of their host")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("must be an https URL")
	case u.Scheme == "http" && !storage.OnThisMachine(u.Hostname()):
		return "", errors.New("must be https, since the host is not loopback")
	case u.String() != text || u.Host != strings.ToLower(u.Host):
		return "", fmt.Errorf("is not in its normal form: write %s", normalForm(u))
	}
	return text, nil
}

func normalForm(u *url.URL) string {
	lower := *u
	lower.Host = strings.ToLower(u.Host)
	return lower.String()
}

// parseAudience wants an absolute URI without a fragment (RFC 8707 section 2).
func parseAudience(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !u.IsAbs() || (u.Host == "" && u.Opaque == ""):
		return "", errors.New("not an absolute URI such as https://auth.example.com/api")
	case u.User != nil:
		return "", errors.New("must not hold a user name or password")
	case strings.Contains(text, "#"):
		return "", errors.New("must not have a fragment (RFC 8707 section 2)")
	}
	return text, nil
}

// parseOrigins wants origins as browsers spell them (RFC 6454 section 6.2).
func parseOrigins(text string) ([]string, error) {
	var origins []string
	var wrong []error
	for _, item := range splitList(text) {
		u, err := url.Parse(item)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+strings.ToLower(u.Host) != item {
			wrong = append(wrong, fmt.Errorf("%q is not an origin such as https://app.example.com", item))
			continue
		}
		origins = append(origins, item)
	}
	return origins, oneLine(wrong)
}
