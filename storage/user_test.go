package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

func TestParseEmail(t *testing.T) {
	long := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 45)+".", 4)
	tests := []struct{ name, give, want string }{
		{"plain", "avery@acme.test", "avery@acme.test"},
		{"capitals", "Avery.Long+x@ACME.test", "avery.long+x@acme.test"},
		{"spaces around", "  avery@acme.test\n", "avery@acme.test"},
		{"other letters", "ÉLISE@exämple.test", "élise@exämple.test"},
		{"a dot at the end", "avery@acme.test.", ""},
		{"254 bytes", long + "tests", long + "tests"},
		{"255 bytes", long + "testss", ""},
		{"empty", "", ""},
		{"no host", "avery@", ""},
		{"no user", "@acme.test", ""},
		{"a name", "Avery <avery@acme.test>", ""},
		{"angle brackets", "<avery@acme.test>", ""},
		{"two", "a@acme.test, b@acme.test", ""},
		{"a comment", "avery@acme.test (Avery)", ""},
		{"a space", "a very@acme.test", ""},
		{"a line break", "avery@acme.test\nBcc: x@acme.test", ""},
		{"NUL", "av\x00ery@acme.test", ""},
		{"turned around", "avery@acme.test\u202e", ""},
		{"not UTF-8", "av\xffery@acme.test", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := storage.ParseEmail("email", tt.give)
			if (err != nil) != (tt.want == "") || err != nil && !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
