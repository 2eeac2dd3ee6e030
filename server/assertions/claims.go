package assertions

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Limits of what is claimed.
const (
	// maxLifetime is how long an assertion may be good for; most are for a minute.
	maxLifetime = time.Hour
	// leeway is how far the client's clock may be off.
	leeway = 30 * time.Second
	// maxIDBytes bounds what has to be remembered of an assertion.
	maxIDBytes = 255
	// lastSecond is the last of the year 9999.
	lastSecond = 253402300799
)

// checkClaims checks everything that is claimed (RFC 7523 section 3) and returns
// the id of the assertion, and when it is no longer accepted.
func checkClaims(claims map[string]any, clientID string, audiences []string, now time.Time) (id string, until time.Time, err error) {
	for _, name := range []string{"iss", "sub"} {
		if claimed, _ := claims[name].(string); claimed == "" || claimed != clientID {
			return "", time.Time{}, invalidf("%s: not the client id", name)
		}
	}
	if audience, ok := soleAudience(claims["aud"]); !ok || !slices.Contains(audiences, audience) {
		return "", time.Time{}, invalidf("aud: not this server alone")
	}
	expires, err := checkTimes(claims, now)
	if err != nil {
		return "", time.Time{}, err
	}
	id, _ = claims["jti"].(string)
	if id == "" || len(id) > maxIDBytes || strings.ContainsFunc(id, unicode.IsControl) {
		return "", time.Time{}, invalidf("jti: want a string of 1 to %d bytes without control characters", maxIDBytes)
	}
	return id, expires.Add(leeway), nil
}

// soleAudience returns the audience if there is one and no other: an assertion meant
// for others, too, could be used by them (draft-ietf-oauth-rfc7523bis section 3).
func soleAudience(claim any) (string, bool) {
	if list, ok := claim.([]any); ok && len(list) == 1 {
		claim = list[0]
	}
	audience, ok := claim.(string)
	return audience, ok && audience != ""
}

// checkTimes checks the times and returns when the assertion expires.
func checkTimes(claims map[string]any, now time.Time) (time.Time, error) {
	expires, present, ok := timeOf(claims, "exp")
	switch {
	case !present:
		return time.Time{}, invalidf("exp: missing")
	case !ok:
		return time.Time{}, invalidf("exp: not a time")
	case !now.Before(expires.Add(leeway)):
		return time.Time{}, invalidf("exp: past since %s", now.Sub(expires).Round(time.Second))
	case expires.After(now.Add(maxLifetime + leeway)):
		return time.Time{}, invalidf("exp: more than %s from now", maxLifetime)
	}
	for _, name := range []string{"iat", "nbf"} {
		begins, present, ok := timeOf(claims, name)
		switch {
		case !present:
			continue
		case !ok:
			return time.Time{}, invalidf("%s: not a time", name)
		case begins.After(now.Add(leeway)):
			return time.Time{}, invalidf("%s: %s from now", name, begins.Sub(now).Round(time.Second))
		case begins.After(expires):
			return time.Time{}, invalidf("%s: after exp", name)
		case name == "iat" && expires.Sub(begins) > maxLifetime:
			return time.Time{}, invalidf("exp: more than %s after iat", maxLifetime)
		}
	}
	return expires, nil
}

// timeOf returns a claim that is a NumericDate (RFC 7519 section 2): seconds since
// 1970, of which there may be fractions.
func timeOf(claims map[string]any, name string) (t time.Time, present, ok bool) {
	claim, present := claims[name]
	seconds, ok := claim.(float64)
	if !ok || seconds < 0 || seconds > lastSecond {
		return time.Time{}, present, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))).UTC(), present, true
}
