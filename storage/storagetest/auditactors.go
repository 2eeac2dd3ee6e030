package storagetest

import (
	"testing"

	"kiket.dev/auth/storage"
)

// testAuditEventsBySomebody holds that whoever acts by credentials of their own is found
// by what these did, and by nobody else's.
func testAuditEventsBySomebody(_ *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	avery, robin := w.member(o.ID, storage.RoleAdmin), w.member(o.ID, storage.RoleAdmin)
	w.ok(w.s.CreateMembership(w.ctx, storage.Membership{OrganizationID: other.ID, UserID: avery.ID, Role: storage.RoleAdmin, CreatedAt: noon}))
	i := w.installation(o.ID)
	party := func(t storage.Token) storage.Party { return storage.Party{Kind: string(t.Kind), ID: t.ID} }
	hers, his, abroad := party(w.session(o.ID, avery.ID)), party(w.session(o.ID, robin.ID)), party(w.session(other.ID, avery.ID))
	key := party(w.extensionKey(i))
	swept := storage.Party{Kind: "session", ID: 4711} // of which the log alone tells
	user := storage.Party{Kind: "user", ID: avery.ID}

	began := w.event(o.ID, 0, "session.created", user, swept)
	byHers := w.event(o.ID, 1, "project.created", hers, storage.Party{})
	bySwept := w.event(o.ID, 2, "project.created", swept, storage.Party{})
	byKey := w.event(o.ID, 3, "project.created", key, storage.Party{})
	w.event(o.ID, 4, "project.created", his, storage.Party{})
	w.event(o.ID, 5, "session.created", storage.Party{Kind: "user", ID: robin.ID}, his)
	w.event(o.ID, 6, "session.revoked", user, his)
	w.event(o.ID, 7, "project.created", storage.Party{Kind: "workspace_api_token", ID: hers.ID}, storage.Party{})
	byAbroad := w.event(other.ID, 8, "project.created", abroad, storage.Party{})
	ended := w.event(o.ID, 9, "session.revoked", user, hers)

	for name, tt := range map[string]struct {
		filter storage.AuditFilter
		want   []storage.AuditEvent
	}{
		"a person":                 {storage.AuditFilter{OrganizationID: o.ID, Actor: &user, Action: "project.created"}, []storage.AuditEvent{byHers, bySwept}},
		"a person, of a time":      {storage.AuditFilter{OrganizationID: o.ID, Actor: &user, Since: bySwept.CreatedAt, ActionPrefix: "project."}, []storage.AuditEvent{bySwept}},
		"a person, to a target":    {storage.AuditFilter{OrganizationID: o.ID, Actor: &user, Target: &hers}, []storage.AuditEvent{ended}},
		"a person's beginnings":    {storage.AuditFilter{OrganizationID: o.ID, Actor: &user, Action: "session.created"}, []storage.AuditEvent{began}},
		"a person, elsewhere":      {storage.AuditFilter{OrganizationID: other.ID, Actor: &user}, []storage.AuditEvent{byAbroad}},
		"a person, the platform's": {storage.AuditFilter{Actor: &user}, nil},
		"one session":              {storage.AuditFilter{OrganizationID: o.ID, Actor: &hers}, []storage.AuditEvent{byHers}},
		"an extension":             {storage.AuditFilter{OrganizationID: o.ID, Actor: &storage.Party{Kind: "extension", ID: i.ID}}, []storage.AuditEvent{byKey}},
		"an extension, elsewhere":  {storage.AuditFilter{OrganizationID: other.ID, Actor: &storage.Party{Kind: "extension", ID: i.ID}}, nil},
	} {
		equal(w, name, must(w.s.FindAuditEvents(w.ctx, tt.filter, storage.AuditPage{OldestFirst: true, Limit: 100}))(w), tt.want)
	}
	first := must(w.s.FindAuditEvents(w.ctx, storage.AuditFilter{OrganizationID: o.ID, Actor: &user, Action: "project.created"}, storage.AuditPage{Limit: 1}))(w)
	equal(w, "newest first", first, []storage.AuditEvent{bySwept})
	after := &storage.AuditPosition{CreatedAt: bySwept.CreatedAt, ID: bySwept.ID}
	rest := must(w.s.FindAuditEvents(w.ctx, storage.AuditFilter{OrganizationID: o.ID, Actor: &user, Action: "project.created"}, storage.AuditPage{After: after, Limit: 9}))(w)
	equal(w, "the rest", rest, []storage.AuditEvent{byHers})
}
