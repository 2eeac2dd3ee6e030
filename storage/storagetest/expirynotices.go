package storagetest

import (
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// toNotify asks for organizations with something that expires within so many days.
func (w *world) toNotify(stage int, digestBefore time.Time, after int64) []int64 {
	w.t.Helper()
	q := storage.ExpiryQuestion{Stage: stage, After: noon, Until: noon.Add(time.Duration(stage) * day), DigestBefore: digestBefore}
	return must(w.s.OrganizationsToNotify(w.ctx, q, after, 10))(w)
}

func (w *world) noted(organizationID int64, c storage.CredentialID, stage int) bool {
	w.t.Helper()
	return must(w.s.NoteExpiry(w.ctx, storage.ExpiryNotice{OrganizationID: organizationID, Credential: c, Stage: stage, NotedAt: noon}))(w)
}

// expires are credentials of an organization of its own, by what is expected of them.
func (w *world) expires(kind storage.TokenKind, expires, revoked time.Time) (storage.Organization, storage.CredentialID) {
	w.t.Helper()
	o := w.organization()
	t := storage.Token{Kind: kind, OrganizationID: o.ID, Reference: digest(w.number()), CreatedAt: noon, ExpiresAt: expires, RevokedAt: revoked}
	if kind == storage.ExtensionKey {
		i := w.installation(o.ID)
		t.ProjectID, t.InstallationID = i.ProjectID, i.ID
	} else {
		t.UserID = w.member(o.ID, storage.RoleAdmin).ID
	}
	return o, storage.CredentialID{Kind: storage.CredentialKind(kind), ID: w.store(t).ID}
}

func testExpiryNotices(_ *testing.T, w *world) {
	tomorrow, never := noon.Add(day), time.Time{}
	token, tokenID := w.expires(storage.WorkspaceAPIToken, tomorrow, never)
	key, keyID := w.expires(storage.ExtensionKey, noon.Add(14*day), never)
	w.expires(storage.WorkspaceAPIToken, never, never)
	w.expires(storage.WorkspaceAPIToken, noon, never)
	w.expires(storage.WorkspaceAPIToken, tomorrow, noon)
	w.expires(storage.WorkspaceAPIToken, noon.Add(14*day+time.Second), never)
	w.expires(storage.Session, tomorrow, never)
	o := w.organization()
	c := w.application(o.ID)
	w.ok(w.s.ExpireClientSecrets(w.ctx, o.ID, c.ID, 0, noon.Add(2*day)))
	must(w.s.CloseClientSecret(w.ctx, o.ID, c.ID, c.Secrets[1].ID, noon, false))(w)
	closed := w.organization()
	other := w.application(closed.ID)
	w.ok(w.s.ExpireClientSecrets(w.ctx, closed.ID, other.ID, 0, tomorrow))
	for _, secret := range other.Secrets {
		must(w.s.CloseClientSecret(w.ctx, closed.ID, other.ID, secret.ID, noon, false))(w)
	}

	equal(w, "within 14 days", w.toNotify(14, hour, 0), []int64{token.ID, key.ID, o.ID})
	equal(w, "within 3 days", w.toNotify(3, hour, 0), []int64{token.ID, o.ID})
	equal(w, "after the first", w.toNotify(14, hour, token.ID), []int64{key.ID, o.ID})
	q := storage.ExpiryQuestion{Stage: 14, After: noon, Until: noon.Add(14 * day), DigestBefore: hour}
	equal(w, "at most two", must(w.s.OrganizationsToNotify(w.ctx, q, 0, 2))(w), []int64{token.ID, key.ID})

	// What was told of one is told of no other with the same number, or at another stage.
	equal(w, "noted", w.noted(token.ID, tokenID, 14), true)
	equal(w, "noted again", w.noted(token.ID, tokenID, 14), false)
	w.noted(o.ID, storage.CredentialID{Kind: keyID.Kind, ID: c.Secrets[0].ID}, 14)
	w.noted(token.ID, keyID, 14)
	equal(w, "what is left within 14 days", w.toNotify(14, hour, 0), []int64{key.ID, o.ID})
	equal(w, "what is left within 3 days", w.toNotify(3, hour, 0), []int64{token.ID, o.ID})
	w.noted(o.ID, storage.CredentialID{Kind: storage.ClientSecretCredential, ID: c.Secrets[0].ID}, 14)
	equal(w, "without the secret", w.toNotify(14, hour, 0), []int64{key.ID})

	w.ok(w.s.UpdateOrganization(w.ctx, key.ID, storage.OrganizationUpdate{ExpiryDigestAt: &noon}))
	equal(w, "soon after a digest", w.toNotify(14, noon, 0), []int64{})
	equal(w, "later", w.toNotify(14, noon.Add(time.Second), 0), []int64{key.ID})
	_, err := w.s.NoteExpiry(w.ctx, storage.ExpiryNotice{OrganizationID: 4711, Credential: tokenID, Stage: 14, NotedAt: noon})
	w.wantErr("of no organization", err, storage.ErrNotFound)

	equal(w, "swept before", must(w.s.SweepExpiryNotices(w.ctx, noon))(w), int64(0))
	equal(w, "swept", must(w.s.SweepExpiryNotices(w.ctx, hour))(w), int64(4))
	equal(w, "when all is swept", w.toNotify(14, hour, 0), []int64{token.ID, key.ID, o.ID})
}

// testExpiryNoticesAtOnce holds that of several who note the same one is told.
func testExpiryNoticesAtOnce(t *testing.T, w *world) {
	o, id := w.expires(storage.WorkspaceAPIToken, hour, time.Time{})
	var first atomic.Int64
	together(8, func(int) {
		done, err := w.s.NoteExpiry(w.ctx, storage.ExpiryNotice{OrganizationID: o.ID, Credential: id, Stage: 3, NotedAt: noon})
		if err != nil {
			t.Error(err)
		}
		if done {
			first.Add(1)
		}
	})
	equal(w, "told", first.Load(), int64(1))
}

// testOutboxMembers covers messages to people, which end with their membership.
func testOutboxMembers(_ *testing.T, w *world) {
	o, elsewhere := w.organization(), w.organization()
	u := w.member(o.ID, storage.RoleMember)
	letter := func(organizationID, userID, channelID int64) (storage.OutboxMessage, error) {
		m := storage.OutboxMessage{OrganizationID: organizationID, UserID: userID, ChannelID: channelID, Payload: []byte("{}"), CreatedAt: noon, NextAttemptAt: noon}
		err := w.s.QueueMessage(w.ctx, &m)
		return m, err
	}
	first, second := must(letter(o.ID, u.ID, 0))(w), must(letter(o.ID, u.ID, 0))(w)
	for what, of := range map[string][2]int64{"a member of another organization": {elsewhere.ID, u.ID}, "nobody": {o.ID, 4711}} {
		_, err := letter(of[0], of[1], 0)
		w.wantErr("to "+what, err, storage.ErrNotFound)
	}
	_, err := letter(o.ID, u.ID, w.channel(o.ID).ID)
	w.wantPlain("to both", err)
	_, err = letter(o.ID, 0, 0)
	w.wantPlain("to neither", err)

	claimed := w.claim("claimed", noon, first)[0]
	equal(w, "no channel waits", len(must(w.s.Backlogs(w.ctx, o.ID))(w)), 0)
	w.ok(w.s.MessageDelivered(w.ctx, claimed, noon))
	claimed = w.claim("claimed when the first was sent", noon, second)[0]
	w.ok(w.s.MessageFailed(w.ctx, claimed, failed(noon, hour, "no")))
	second.LastError, second.NextAttemptAt, second.Attempts = "no", hour, 1
	second = w.claim("again", hour, second)[0]
	w.ok(w.s.MessageFailed(w.ctx, second, failed(hour, time.Time{}, "no more")))
	w.claim("given up", hour.Add(day))

	waiting := must(letter(o.ID, u.ID, 0))(w)
	w.ok(w.s.DeleteMembership(w.ctx, o.ID, u.ID))
	w.claim("after the membership", hour.Add(day))
	w.ok(w.s.MessageFailed(w.ctx, waiting, failed(hour, hour, "late")))
	w.ok(w.s.MessageDelivered(w.ctx, waiting, hour))
}
