package keys

import (
	"strings"
	"testing"
)

// An id that begins with a hyphen could not be said at the command line.
func TestKeyIDIsNoFlag(t *testing.T) {
	for range 600 { // of which nine would be expected
		m, err := generateMaterial(EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.keyID, "-") {
			t.Fatalf("key id %s", m.keyID)
		}
	}
}
