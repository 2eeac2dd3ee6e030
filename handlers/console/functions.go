package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// functions returns what templates can call.
func functions(clock func() time.Time) template.FuncMap {
	return template.FuncMap{
		"asset":   func(name string) string { return staticNames[name] },
		"path":    func(parts ...any) string { return Base + joined(parts) },
		"wrong":   func(f form, name string) wrongField { return wrongField{Name: name, Problems: f.Wrong[name]} },
		"newForm": newForm,
		"day":     day,
		"moment":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":     func(t time.Time) string { return ago(clock().Sub(t)) },
		"past":    func(t time.Time) bool { return clock().After(t) },
		"within":  func(t time.Time, days int) bool { return t.Sub(clock()) < time.Duration(days)*24*time.Hour },
		"plural":  plural[int],
		"lasts":   lasts,
		"counted": plural[int64],

		"channelKind":    channelKind,
		"credentialKind": credentialKind,
		"ruleName":       func(rule string) string { return ruleName(alerts.Rule(rule)) },
		"severityClass":  severityClass,

		"clock":   func(t time.Time) string { return t.UTC().Format("15:04") },
		"explain": explain,
		"browser": browser,
		"kind":    kindName,
		"strings": func(s storage.Scopes) []string { return s },
		"pair":    func(first, second any) pair { return pair{first, second} },
	}
}

// pair lets a template be given two things.
type pair struct{ First, Second any }

// wrongField is what is the matter with a field.
type wrongField struct {
	Name     string
	Problems []string
}

func joined(parts []any) string {
	var b strings.Builder
	for _, part := range parts {
		_, _ = fmt.Fprint(&b, part)
	}
	return b.String()
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// ago says how long something is past, or to come, in words.
func ago(d time.Duration) string {
	if d < 0 {
		return "in " + span(-d)
	}
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return plural(int64(d/time.Minute), "minute")
	case d < day:
		return plural(int64(d/time.Hour), "hour")
	case d < 60*day:
		return plural(int64(d/day), "day")
	case d < 2*365*day:
		return plural(int64(d/(30*day)), "month")
	}
	return plural(int64(d/(365*day)), "year")
}

// lasts says exactly how long something is, in the largest unit of which it is a whole
// number.
func lasts(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0:
		return plural(int64(d/day), "day")
	case d%time.Hour == 0:
		return plural(int64(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return plural(int64(d/time.Minute), "minute")
	}
	return plural(int64(d/time.Second), "second")
}

// plural counts: 1 token, 2 tokens.
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// kindNames are what kinds of credentials are called on pages.
var kindNames = map[string]string{
	string(storage.WorkspaceAPIToken): "API token",
	string(storage.ExtensionKey):      "Extension key",
	string(storage.Session):           "Session",
	string(storage.AccessToken):       "Access token",
	"oauth_application":               "Integration",
	"extension":                       "Extension",
	"user":                            "Member",
	"operator":                        "Operator",
}

func kindName(kind any) string {
	name := fmt.Sprint(kind)
	if known, ok := kindNames[name]; ok {
		return known
	}
	return strings.ReplaceAll(name, "_", " ")
}

// browser says in a few words what a user agent names itself.
func browser(userAgent string) string {
	for _, known := range []struct{ mark, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	} {
		if strings.Contains(userAgent, known.mark) {
			for _, system := range []struct{ mark, name string }{
				{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
			} {
				if strings.Contains(userAgent, system.mark) {
					return known.name + " on " + system.name
				}
			}
			return known.name
		}
	}
	const most = 60
	if runes := []rune(userAgent); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return userAgent
}
