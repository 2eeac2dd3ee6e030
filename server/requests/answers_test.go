package requests

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// What tells two requests apart says nothing of their content to whoever does not know
// the key: it may hold a password.
func TestFingerprintIsKeyed(t *testing.T) {
	of := func(key, content string) string {
		return Request{Key: storage.NewSecret(key), Content: []byte(content)}.answer(time.Time{}).Fingerprint
	}
	first, again := of("key", "content"), of("key", "content")
	if first != again || first == of("key", "other content") {
		t.Error("it does not tell one request from another")
	}
	if first == of("other key", "content") {
		t.Error("it is a digest of the content alone")
	}
}
