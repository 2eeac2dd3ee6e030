package audit

import (
	"crypto/sha256"
	"encoding/binary"

	"kiket.dev/auth/storage"
)

// encoding names how events are encoded to be hashed; another way has another name.
const encoding = "kiket-auth audit event 1"

// genesis is what the first event of a chain follows.
var genesis = make([]byte, sha256.Size)

// encode writes everything that is known of an event at its place in its chain, and
// the hash of the event before it. Numbers are of 8 bytes, texts and hashes come after
// their length, so that no two events have one encoding.
func encode(r storage.AuditRecord, sequence int64, previous []byte) []byte {
	var e []byte
	number := func(n int64) { e = binary.BigEndian.AppendUint64(e, uint64(n)) }
	text := func(t string) {
		number(int64(len(t)))
		e = append(e, t...)
	}
	party := func(p storage.Party) {
		text(p.Kind)
		number(p.ID)
		text(p.Name)
	}
	text(encoding)
	number(r.OrganizationID)
	number(sequence)
	text(string(previous))
	number(r.ID)
	number(r.CreatedAt.UnixMicro())
	text(r.Action)
	party(r.Actor)
	party(r.Target)
	text(r.IPAddress)
	text(r.UserAgent)
	text(r.RequestID)
	text(r.DetailsText)
	return e
}

func hash(r storage.AuditRecord, sequence int64, previous []byte) []byte {
	sum := sha256.Sum256(encode(r, sequence, previous))
	return sum[:]
}
