package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

// parseAddress wants host:port with a numeric port; an empty host is all
// interfaces.
func parseAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errors.New("want host:port, such as 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	return text, nil
}

func parsePrefixes(text string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var wrong []error
	for _, item := range splitList(text) {
		p, err := parsePrefix(item)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, oneLine(wrong)
}

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.Prefix{}, fmt.Errorf("%q is an address, not a network: write %s/%d", text, text, address.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network such as 10.0.0.0/8", text)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q: write an IPv4 network as one", text)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q names an address inside a network: write %s", text, p.Masked())
	}
	return p, nil
}

// oneLine joins errors with semicolons, so that a mistake stays on one line.
func oneLine(errs []error) error {
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// splitList reads a list separated by commas; blanks around an item do not
// count, an empty text is an empty list.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
	}
	return items
}

func parseScopes(text string) (storage.Catalogue, error) {
	return storage.NewCatalogue(splitList(text)...)
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 90s, 15m or 1h30m", text)
	}
	return d, nil
}

func between(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := parseDuration(text)
		if err != nil {
			return 0, err
		}
		if d < least || d > most {
			return 0, fmt.Errorf("%q is out of range: want %s to %s", text, least, most)
		}
		return d, nil
	}
}

// wholeSeconds is for what is sent in seconds, where a fraction would be lost.
func wholeSeconds(parse func(string) (time.Duration, error)) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := parse(text)
		if err == nil && d%time.Second != 0 {
			return 0, fmt.Errorf("%q is not a whole number of seconds", text)
		}
		return d, err
	}
}

// zeroOr also takes 0, which means that there is no limit.
func zeroOr(parse func(string) (time.Duration, error)) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		if d, err := parseDuration(text); err == nil && d == 0 {
			return 0, nil
		}
		return parse(text)
	}
}

func parseRotation(text string) (time.Duration, error) {
	d, err := parseDuration(text)
	if err == nil && d != 0 && d < time.Hour {
		return 0, fmt.Errorf("%q is out of range: want 0, or at least %s", text, time.Hour)
	}
	return d, err
}

func parseCount(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q is not a number from %d to %d", text, least, most)
		}
		return n, nil
	}
}

func oneOf(names ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(names, text) {
			return "", fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
		}
		return text, nil
	}
}

func parseLevel(text string) (slog.Level, error) {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	for _, level := range levels {
		if formatLevel(level) == text {
			return level, nil
		}
	}
	return 0, fmt.Errorf("%q is none of debug, info, warn, error", text)
}

// parseMailbox wants one mailbox of RFC 5322 section 3.4.
func parseMailbox(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, err := mail.ParseAddress(text); err != nil {
		return "", fmt.Errorf("%q is not a mail address such as Kiket Auth <auth@example.com>", text)
	}
	return text, nil
}
