package messages

import (
	"fmt"
	"slices"
	"strings"

	"kiket.dev/auth/server/alerts"
)

// section is a list in a message.
type section struct {
	Title string
	Items []string
}

// sections are what expires, what ends first first.
func sections(m alerts.Message) []section {
	byDays := map[int]*section{}
	var order []int
	for _, e := range m.Expiring {
		s := byDays[e.Days]
		if s == nil {
			s = &section{Title: fmt.Sprintf("Within %d days", e.Days)}
			byDays[e.Days] = s
			order = append(order, e.Days)
		}
		s.Items = append(s.Items, expiringLine(e))
	}
	slices.Sort(order)
	var told []section
	for _, days := range order {
		told = append(told, *byDays[days])
	}
	if more := m.Count - int64(len(m.Expiring)); m.Kind == alerts.ExpiryMessage && more > 0 {
		told = append(told, section{Title: fmt.Sprintf("And %d more", more)})
	}
	return told
}

// expiringLine is one credential in a line, by which it is found again.
func expiringLine(e alerts.Expiring) string {
	kind := strings.ReplaceAll(e.Kind, "_", " ")
	if rest, ok := strings.CutPrefix(kind, "workspace api "); ok {
		kind = "workspace API " + rest
	}
	return oneLine(fmt.Sprintf("%s: %s (%s, %s…)", moment(e.ExpiresAt), e.Name, kind, e.Prefix))
}
