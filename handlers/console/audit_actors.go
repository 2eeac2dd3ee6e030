package console

import (
	"errors"
	"strings"

	"kiket.dev/auth/server/credentials"
	"kiket.dev/auth/storage"
)

// party reads a field that names somebody or something: by kind and number, or a member
// by name or e-mail address.
func (v *visit) party(name string) (*storage.Party, error) {
	text := v.text(name)
	if text == "" {
		return nil, nil
	}
	if parts := partyForm.FindStringSubmatch(text); parts != nil {
		return &storage.Party{Kind: parts[1], ID: number(parts[2])}, nil
	}
	m, err := v.memberCalled(text)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, storage.Invalidf(name, "no member has that name or e-mail address; anything else is a kind and a number such as workspace_api_token:42, which following a name in the list below fills in")
	case errors.Is(err, errSeveral):
		return nil, storage.Invalidf(name, "several members have that name: want the e-mail address of one")
	case err != nil:
		return nil, err
	}
	return &storage.Party{Kind: "user", ID: m.UserID, Name: m.Name}, nil
}

var errSeveral = errors.New("several members have the name")

// memberCalled finds a member by e-mail address, or by name. It returns
// storage.ErrNotFound or errSeveral.
func (v *visit) memberCalled(text string) (storage.Member, error) {
	if strings.Contains(text, "@") {
		return v.console.server.Members.ByEmail(v.context(), v.caller, v.organizationID(), text)
	}
	var called []storage.Member
	err := v.eachMember(func(m storage.Member) {
		if strings.EqualFold(m.Name, text) {
			called = append(called, m)
		}
	})
	switch {
	case err != nil:
		return storage.Member{}, err
	case len(called) == 0:
		return storage.Member{}, storage.ErrNotFound
	case len(called) > 1:
		return storage.Member{}, errSeveral
	}
	return called[0], nil
}

// suggestedMembers is how many members the form proposes.
const suggestedMembers = 200

// person returns whose session it is: as the log has it from when it began, or the
// session itself. It is the zero value if neither is kept any more.
func (v *visit) person(session int64) (storage.Party, error) {
	began := storage.AuditFilter{
		OrganizationID: v.organizationID(), Action: "session.created", Target: &storage.Party{Kind: string(storage.Session), ID: session},
	}
	found, err := v.console.server.Log.Events(v.context(), v.caller, began, storage.AuditPage{Limit: 1})
	if err != nil {
		return storage.Party{}, err
	}
	if len(found) > 0 && found[0].Actor.Kind == "user" {
		return found[0].Actor, nil
	}
	kept, err := v.console.server.Credentials.Show(v.context(), v.caller, v.organizationID(), credentials.Reference{Kind: credentials.Session, ID: session})
	if errors.Is(err, storage.ErrNotFound) || err == nil && kept.OwnerID == 0 {
		return storage.Party{}, nil
	}
	return storage.Party{Kind: "user", ID: kept.OwnerID, Name: kept.OwnerName}, err
}

// persons returns whose sessions did what the events tell, by number of the session.
func (v *visit) persons(events []storage.AuditEvent) (map[int64]storage.Party, error) {
	persons := map[int64]storage.Party{}
	for _, e := range events {
		if _, known := persons[e.Actor.ID]; known || e.Actor.Kind != string(storage.Session) {
			continue
		}
		person, err := v.person(e.Actor.ID)
		if err != nil {
			return nil, err
		}
		persons[e.Actor.ID] = person
	}
	return persons, nil
}

// auditActor is by whom alone the page shows what was done.
type auditActor struct {
	Name    string // of the person; empty: it is nobody's session, or nobody in particular
	Session bool   // one session of theirs alone
	All     string // what to filter by for all that the person did
}

// auditActorOf says by whom the filter is, as far as that is a person.
func (v *visit) auditActorOf(actor *storage.Party, found []storage.AuditEvent) (auditActor, error) {
	switch {
	case actor == nil:
		return auditActor{}, nil
	case actor.Kind == string(storage.Session):
		person, err := v.person(actor.ID)
		return auditActor{Name: person.Name, Session: true, All: partyText(person)}, err
	case actor.Kind != "user":
		return auditActor{}, nil
	case actor.Name == "" && len(found) > 0:
		return auditActor{Name: found[0].Actor.Name}, nil
	}
	return auditActor{Name: actor.Name}, nil
}
