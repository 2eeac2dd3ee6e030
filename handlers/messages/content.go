package messages

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// fact is a line of a message.
type fact struct{ Name, Text string }

// subject is the message in one line.
func subject(m alerts.Message) string {
	text := fmt.Sprintf("[%s] %s", m.Organization, m.Summary)
	if m.Kind == alerts.AlertMessage && m.Count > 1 {
		text += fmt.Sprintf(" (%d times)", m.Count)
	}
	return oneLine(text)
}

// facts are what is known, in the order in which it is told.
func facts(m alerts.Message) []fact {
	told := []fact{{"Organization", oneLine(m.Organization)}}
	if m.Kind == alerts.ExpiryMessage {
		return told
	}
	if m.Kind != alerts.AlertMessage {
		return append(told, fact{"Time", moment(m.LastAt)})
	}
	if m.Count == 1 {
		told = append(told, fact{"Time", moment(m.LastAt)})
	} else {
		told = append(told, fact{"Count", fmt.Sprint(m.Count)}, fact{"First", moment(m.FirstAt)}, fact{"Last", moment(m.LastAt)})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Details)) {
		told = append(told, fact{words(name), oneLine(fmt.Sprint(m.Details[name]))})
	}
	return append(told, fact{"Severity", string(m.Severity)}, fact{"Rule", m.Rule})
}

// invitation is what the link is for.
func invitation(m alerts.Message) string {
	switch {
	case m.Kind == alerts.ExpiryMessage:
		return "Replace or remove them"
	case m.Rule == string(alerts.AuditBroken):
		return "Look at the audit log"
	case m.Subject.ID != 0:
		return "Look at it, or revoke it"
	}
	return "Look at the alerts"
}

// footnote tells whoever reads the mails of a channel why they get them, and who can end
// that: they may never have asked for it. "" for what goes to a member.
func footnote(to alerts.Destination, m alerts.Message) string {
	if to.AddedBy == (storage.Party{}) {
		return ""
	}
	who := oneLine(to.AddedBy.Name)
	if to.AddedBy.Kind != "session" {
		who = fmt.Sprintf("%s (%s)", who, strings.ReplaceAll(to.AddedBy.Kind, "_", " "))
	}
	server := m.Link
	if u, err := url.Parse(m.Link); err == nil {
		server = u.Host
	}
	return fmt.Sprintf("This address was put on the list for alerts of %s at %s by %s. The admins of %s can take it off.",
		oneLine(m.Organization), server, who, oneLine(m.Organization))
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// words turns the name of a detail into words: ip_address is IP address.
func words(name string) string {
	text := strings.ReplaceAll(name, "_", " ")
	if rest, ok := strings.CutPrefix(text, "ip "); ok {
		return "IP " + rest
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// longestLine is how many characters are sent of a text that others have chosen.
const longestLine = 300

// oneLine keeps a text from being more than a line, and from turning the direction of
// what follows.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if characters := []rune(text); len(characters) > longestLine {
		text = string(characters[:longestLine]) + "…"
	}
	return text
}
