package console

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kiket.dev/auth/storage"
)

// change is what was before and is now.
type change struct{ Name, Before, After string }

// fact is something known, by name.
type fact struct{ Name, Value string }

// auditLine is an event on the page.
type auditLine struct {
	Event    storage.AuditEvent
	Sentence auditSentence
	// Actor and Target are what to filter by for all that they did, or that was done to
	// them, By for what was done with the same credential alone; empty: that cannot be
	// said.
	Actor, Target, By string
	Page              string // of the target; empty: it has none
	Changes           []change
	Facts             []fact
	Hash              string
}

// auditDay are the events of one day.
type auditDay struct {
	Lines []auditLine // at least one
}

// auditDays puts events, which are in order, under the days on which they happened.
// persons are those whose sessions acted, by number of the session.
func auditDays(events []storage.AuditEvent, persons map[int64]storage.Party) []auditDay {
	var days []auditDay
	for _, e := range events {
		line := auditLineOf(e)
		if person := partyText(persons[e.Actor.ID]); person != "" && e.Actor.Kind == string(storage.Session) {
			line.Actor = person
		}
		if n := len(days); n > 0 && storage.DayOf(days[n-1].Lines[0].Event.CreatedAt).Equal(storage.DayOf(e.CreatedAt)) {
			days[n-1].Lines = append(days[n-1].Lines, line)
			continue
		}
		days = append(days, auditDay{Lines: []auditLine{line}})
	}
	return days
}

func auditLineOf(e storage.AuditEvent) auditLine {
	line := auditLine{
		Event: e, Sentence: sentenceOf(e), Actor: partyText(e.Actor), Target: partyText(e.Target), By: partyText(e.Actor),
		Page: pageOf(e.Target), Hash: base64.RawURLEncoding.EncodeToString(e.Hash),
	}
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		value := e.Details[name]
		if name == "before" || name == "after" { // below
			continue
		}
		if changed := changeOf(value); changed.Name != "" {
			changed.Name = words(name)
			line.Changes = append(line.Changes, changed)
			continue
		}
		if nested, ok := value.(map[string]any); ok && name == "changes" { // of the configuration
			for _, setting := range slices.Sorted(maps.Keys(nested)) {
				changed := changeOf(nested[setting])
				changed.Name = setting
				line.Changes = append(line.Changes, changed)
			}
			continue
		}
		line.Facts = append(line.Facts, fact{words(name), valueText(value)})
	}
	before, _ := e.Details["before"].(map[string]any)
	after, _ := e.Details["after"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		line.Changes = append(line.Changes, change{words(name), valueText(before[name]), valueText(after[name])})
	}
	return line
}

// changeOf reads a change out of an event's details; it has a name if it is one.
func changeOf(value any) change {
	members, ok := value.(map[string]any)
	if !ok || len(members) != 2 {
		return change{}
	}
	for _, names := range [][2]string{{"before", "after"}, {"from", "to"}} {
		before, had := members[names[0]]
		after, has := members[names[1]]
		if had && has {
			return change{Name: "change", Before: valueText(before), After: valueText(after)}
		}
	}
	return change{}
}

// words is a name of the log as it is read.
func words(name string) string {
	text := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// valueText is a value of an event's details as it is read.
func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case string:
		if v == "" {
			return "none"
		}
		return v
	case bool:
		return fmt.Sprint(v)
	case []any:
		var parts []string
		for _, part := range v {
			parts = append(parts, valueText(part))
		}
		if len(parts) == 0 {
			return "none"
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		if name, ok := v["name"].(string); ok && name != "" && len(v) <= 3 {
			return name
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// partyText names somebody or something as the log is searched for it.
func partyText(p storage.Party) string {
	if p.Kind == "" || p.ID == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.Kind, p.ID)
}

// pageOf is the page of something, "" if it has none.
func pageOf(p storage.Party) string {
	if p.ID == 0 {
		return ""
	}
	switch p.Kind {
	case "user":
		return below(membersPath, p.ID)
	case "extension":
		return below(extensionsPath, p.ID)
	case "alert_channel":
		return alertsPath + "/channels"
	}
	if hasCredentialPage(p.Kind) {
		return below(credentialsPath+"/"+p.Kind, p.ID)
	}
	return ""
}
