package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"kiket.dev/auth/server/credentials"
	"kiket.dev/auth/storage"
)

// filterBody is a filter of credentials in a body; in a query its members are parameters.
type filterBody struct {
	kind, unusedFor, expiringWithin string
	flags                           credentials.Filter
	wrong                           error
}

// UnmarshalJSON implements [json.Unmarshaler]. What is wrong with a member is told of
// that member, later.
func (f *filterBody) UnmarshalJSON(text []byte) error {
	var body struct {
		Kind               string `json:"kind"`
		UnusedFor          string `json:"unused_for"`
		ExpiringWithin     string `json:"expiring_within"`
		FullAccess         bool   `json:"full_access"`
		NeverUsed          bool   `json:"never_used"`
		OwnerGone          bool   `json:"owner_gone"`
		OverPrivileged     bool   `json:"over_privileged"`
		ExceedsMaxLifetime bool   `json:"exceeds_max_lifetime"`
	}
	members, err := object(text)
	if err != nil {
		return err
	}
	f.wrong = fill(reflect.ValueOf(&body).Elem(), members)
	f.kind, f.unusedFor, f.expiringWithin = body.Kind, body.UnusedFor, body.ExpiringWithin
	f.flags = credentials.Filter{
		FullAccess: body.FullAccess, NeverUsed: body.NeverUsed, OwnerGone: body.OwnerGone,
		OverPrivileged: body.OverPrivileged, ExceedsMaxLifetime: body.ExceedsMaxLifetime,
	}
	return nil
}

var _ json.Unmarshaler = (*filterBody)(nil)

func (*filterBody) wanted() string { return "an object of filters" }

// read returns the filter, or a *storage.Invalid for each member that is wrong.
func (f *filterBody) read() (credentials.Filter, error) {
	filter := f.flags
	err := readFilter(&filter, f.kind, f.unusedFor, f.expiringWithin)
	if err = errors.Join(f.wrong, err); err == nil && filter == (credentials.Filter{}) {
		err = storage.Invalidf("filter", "want at least one filter")
	}
	return filter, err
}

// credentialFilter reads the filter of the query.
func (c *call) credentialFilter() (credentials.Filter, error) {
	var f credentials.Filter
	wrong := readFilter(&f, c.query.Get("kind"), c.query.Get("unused_for"), c.query.Get("expiring_within"))
	for _, flag := range []struct {
		name string
		set  *bool
	}{
		{"full_access", &f.FullAccess},
		{"never_used", &f.NeverUsed},
		{"owner_gone", &f.OwnerGone},
		{"over_privileged", &f.OverPrivileged},
		{"exceeds_max_lifetime", &f.ExceedsMaxLifetime},
	} {
		var err error
		*flag.set, err = c.flag(flag.name)
		wrong = errors.Join(wrong, err)
	}
	return f, wrong
}

// readFilter reads those that are texts.
func readFilter(f *credentials.Filter, kind, unusedFor, expiringWithin string) error {
	var errKind, errUnused, errExpiring error
	if f.Kind = credentials.Kind(kind); kind != "" && !slices.Contains(credentials.Kinds, f.Kind) {
		errKind = storage.Invalidf("kind", "want one of %v", credentials.Kinds)
	}
	f.UnusedFor, errUnused = span("unused_for", unusedFor)
	f.ExpiringWithin, errExpiring = span("expiring_within", expiringWithin)
	return errors.Join(errKind, errUnused, errExpiring)
}

var (
	spanText = regexp.MustCompile(`^([1-9][0-9]{0,5})([smhdw])$`)
	unitOf   = map[string]time.Duration{
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
	}
)

// longestSpan keeps what is counted from now within the years that can be written.
const longestSpan = 100 * 365 * 24 * time.Hour

// span reads a span of time such as 90d, 0 if it is empty.
func span(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	parts := spanText.FindStringSubmatch(text)
	if parts == nil {
		return 0, storage.Invalidf(name, "want a number of seconds, minutes, hours, days or weeks such as 30m, 12h or 90d")
	}
	n, _ := strconv.ParseInt(parts[1], 10, 64) // six digits at most
	if unit := unitOf[parts[2]]; n <= int64(longestSpan/unit) {
		return time.Duration(n) * unit, nil
	}
	return 0, storage.Invalidf(name, "want at most 100 years")
}
