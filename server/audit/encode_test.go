package audit

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func record() storage.AuditRecord {
	return storage.AuditRecord{
		AuditEvent: storage.AuditEvent{
			ID: 7, OrganizationID: 3, CreatedAt: time.Date(2026, time.March, 1, 12, 0, 0, 123456000, time.UTC), Action: "project.created",
			Actor: storage.Party{Kind: "user", ID: 1, Name: "Avery"}, Target: storage.Party{Kind: "project", ID: 9, Name: "Web"},
			IPAddress: "198.51.100.7", UserAgent: "curl/8", RequestID: "request-1",
		},
		DetailsText: `{"key":"WEB"}`,
	}
}

// The encoding is the same for ever: what was sealed years ago is verified with it.
func TestEncodingStays(t *testing.T) {
	const want = "020dfb869164322e1e91249861088ed307e71b33057f1d669c0b7f3546056d4e"
	if got := hex.EncodeToString(hash(record(), 5, genesis)); got != want {
		t.Errorf("the hash is %s, and was %s", got, want)
	}
}

// Everything that an event says is in its hash.
func TestEncodingHoldsEverything(t *testing.T) {
	seen := map[string]string{string(encode(record(), 5, genesis)): "as it is"}
	for name, change := range map[string]func(r *storage.AuditRecord){
		"id": func(r *storage.AuditRecord) { r.ID++ }, "organization": func(r *storage.AuditRecord) { r.OrganizationID = 0 },
		"time": func(r *storage.AuditRecord) { r.CreatedAt = r.CreatedAt.Add(time.Microsecond) }, "action": func(r *storage.AuditRecord) { r.Action += "x" },
		"actor's kind": func(r *storage.AuditRecord) { r.Actor.Kind += "x" }, "actor's id": func(r *storage.AuditRecord) { r.Actor.ID++ },
		"actor's name": func(r *storage.AuditRecord) { r.Actor.Name += "x" }, "target's kind": func(r *storage.AuditRecord) { r.Target.Kind += "x" },
		"target's id": func(r *storage.AuditRecord) { r.Target.ID++ }, "target's name": func(r *storage.AuditRecord) { r.Target.Name = "" },
		"address": func(r *storage.AuditRecord) { r.IPAddress = "" }, "user agent": func(r *storage.AuditRecord) { r.UserAgent = "" },
		"request": func(r *storage.AuditRecord) { r.RequestID = "" }, "details": func(r *storage.AuditRecord) { r.DetailsText += " " },
		"a border":  func(r *storage.AuditRecord) { r.Action, r.Actor.Kind = r.Action+"u", "ser" },
		"exchanged": func(r *storage.AuditRecord) { r.Actor, r.Target = r.Target, r.Actor },
	} {
		r := record()
		change(&r)
		text := string(encode(r, 5, genesis))
		if before, twice := seen[text]; twice {
			t.Errorf("%s and %s have one encoding", name, before)
		}
		seen[text] = name
	}
	if bytes.Equal(encode(record(), 6, genesis), encode(record(), 5, genesis)) || bytes.Equal(encode(record(), 5, hash(record(), 4, genesis)), encode(record(), 5, genesis)) {
		t.Error("the place is not in the encoding")
	}
}

// No two different events have one encoding.
func FuzzEncode(f *testing.F) {
	f.Add("a", "b", "c", "d", int64(1), "a", "b", "c", "d", int64(2))
	f.Add("ab", "", "\x00\x00\x00\x00\x00\x00\x00\x01", "d", int64(1), "a", "b", "c", "d", int64(1))
	f.Fuzz(func(t *testing.T, a1, n1, u1, d1 string, id1 int64, a2, n2, u2, d2 string, id2 int64) {
		make := func(action, name, userAgent, details string, id int64) storage.AuditRecord {
			r := record()
			r.Action, r.Actor.Name, r.UserAgent, r.DetailsText, r.Target.ID = action, name, userAgent, details, id
			return r
		}
		same := a1 == a2 && n1 == n2 && u1 == u2 && d1 == d2 && id1 == id2
		if got := bytes.Equal(encode(make(a1, n1, u1, d1, id1), 5, genesis), encode(make(a2, n2, u2, d2, id2), 5, genesis)); got != same {
			t.Errorf("the same event: %t, the same encoding: %t", same, got)
		}
	})
}
