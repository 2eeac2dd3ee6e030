package console

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/handlers/api"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// auditPages are Organization → Audit.
var auditPages = []page{
	{method: http.MethodGet, path: "/audit", permission: admins, show: (*Console).listAudit},
	{method: http.MethodGet, path: "/audit/export", permission: admins, show: (*Console).exportAudit},
}

// auditFields are the fields of the filter.
var auditFields = []string{"action", "actor", "target", "since", "until"}

func (c *Console) listAudit(v *visit) (view, error) {
	shown := view{template: "audit", title: "Audit"}
	data := map[string]any{"Actions": auditChoices(v.text("action")), "Filtered": v.anyOf(auditFields...)}
	shown.data = data
	chain, err := c.server.Log.Chain(v.context(), v.caller, v.organizationID())
	if err != nil {
		return view{}, err
	}
	data["Chain"] = shownChain{chain, c.server.Inspector.Every}
	if data["Members"], err = c.server.Members.List(v.context(), v.caller, v.organizationID(), storage.Page{Limit: suggestedMembers}); err != nil {
		return view{}, err
	}
	filter, err := v.auditFilter()
	if err != nil {
		return v.again(shown, err)
	}
	found, err := c.server.Log.Events(v.context(), v.caller, filter, storage.AuditPage{After: v.auditPosition(), Limit: pageLimit + 1})
	if err != nil {
		return view{}, err
	}
	if len(found) > pageLimit {
		found = found[:pageLimit]
		data["Older"] = "?" + with(v.chosen(auditFields...), "before", auditPositionText(found[pageLimit-1])).Encode()
	}
	persons, err := v.persons(found)
	if err != nil {
		return view{}, err
	}
	if data["Actor"], err = v.auditActorOf(filter.Actor, found); err != nil {
		return view{}, err
	}
	data["Days"] = auditDays(found, persons)
	data["Query"] = v.chosen(auditFields...).Encode()
	return shown, nil
}

// shownChain is where the chain stands, and how often the server verifies it.
type shownChain struct {
	audit.ChainState
	Every time.Duration // 0: never
}

// Found is in how many places the log is not as it was sealed.
func (s shownChain) Found() int64 { return int64(len(s.Verified.Findings)) + s.Verified.More }

func (c *Console) exportAudit(v *visit) (view, error) {
	filter, err := v.auditFilter()
	if err != nil {
		return view{}, err
	}
	format := api.AuditFormat(v.text("format"))
	if format != api.CSV && format != api.NDJSON {
		return view{}, storage.Invalidf("format", "want ndjson or csv")
	}
	return view{stream: func(w http.ResponseWriter) error {
		return api.ExportAuditEvents(v.context(), w, c.server, v.caller, filter, format)
	}}, nil
}

// anyOf reports whether one of the fields is filled in.
func (v *visit) anyOf(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return v.text(name) != "" })
}

// chosen are those of the fields that are filled in, for the addresses of other pages.
func (v *visit) chosen(names ...string) url.Values {
	chosen := url.Values{}
	for _, name := range names {
		if text := v.text(name); text != "" {
			chosen.Set(name, text)
		}
	}
	return chosen
}

func with(query url.Values, name, value string) url.Values {
	query.Set(name, value)
	return query
}

var (
	actionText = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z0-9_]*$`)
	partyForm  = regexp.MustCompile(`^([a-z][a-z0-9_]*):([1-9][0-9]{0,17})$`)
)

// auditFilter reads the form.
func (v *visit) auditFilter() (storage.AuditFilter, error) {
	f := storage.AuditFilter{OrganizationID: v.organizationID()}
	var wrong []error
	action := v.text("action")
	switch {
	case action != "" && !actionText.MatchString(action):
		wrong = append(wrong, storage.Invalidf("action", "choose one of the list"))
	case strings.HasSuffix(action, "."):
		f.ActionPrefix = action
	default:
		f.Action = action
	}
	var errs [4]error
	f.Actor, errs[0] = v.party("actor")
	f.Target, errs[1] = v.party("target")
	f.Since, errs[2] = v.date("since")
	f.Until, errs[3] = v.date("until")
	if !f.Until.IsZero() {
		f.Until = f.Until.AddDate(0, 0, 1) // all of that day
	}
	if errs[2] == nil && errs[3] == nil && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		errs[3] = storage.Invalidf("until", "want a day that is not before the first")
	}
	return f, errors.Join(append(wrong, errs[:]...)...)
}

// lastYear is the last of which all days can be compared as text: the day after has four
// digits too.
const lastYear = 9998

// date reads the beginning of a day in UTC, zero if none is given.
func (v *visit) date(name string) (time.Time, error) {
	text := v.text(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil || at.Year() > lastYear {
		return time.Time{}, storage.Invalidf(name, "want a day such as %s", v.console.server.Clock().UTC().Format(time.DateOnly))
	}
	return at, nil
}

// auditPositionText is the place of an event in the list, for ?before=.
func auditPositionText(e storage.AuditEvent) string {
	return strconv.FormatInt(e.CreatedAt.UnixMicro(), 10) + "." + strconv.FormatInt(e.ID, 10)
}

// auditPosition returns the place that ?before= names, nil if it names none.
func (v *visit) auditPosition() *storage.AuditPosition {
	micros, id, _ := strings.Cut(v.text("before"), ".")
	p := storage.AuditPosition{CreatedAt: time.UnixMicro(number(micros)).UTC(), ID: number(id)}
	if p.ID == 0 || p.CreatedAt.Year() > 9999 {
		return nil
	}
	return &p
}

// auditGroup is a part of the list of actions.
type auditGroup struct {
	Name    string
	Choices []auditChoice
}

type auditChoice struct {
	Value, Name string
	Chosen      bool
}

// auditChoices is the list of what to search the log for.
func auditChoices(chosen string) []auditGroup {
	var groups []auditGroup
	known := chosen == ""
	for _, area := range auditAreas {
		group := auditGroup{Name: area.Name}
		add := func(value, name string) {
			group.Choices = append(group.Choices, auditChoice{Value: value, Name: strings.ToUpper(name[:1]) + name[1:], Chosen: value == chosen})
			known = known || value == chosen
		}
		add(area.Noun+".", "everything about "+strings.ToLower(area.Name[:1])+area.Name[1:])
		for _, t := range area.Done {
			add(area.Noun+"."+t.Verb, nameless(t.Text))
		}
		for _, t := range area.Refused {
			add(area.Noun+"."+t.Verb+"_denied", nameless(refused(t.Text)))
		}
		groups = append(groups, group)
	}
	if !known {
		groups = append(groups, auditGroup{Name: "Other", Choices: []auditChoice{{Value: chosen, Name: chosen, Chosen: true}}})
	}
	return groups
}
