package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUserAgent(t *testing.T) {
	secret := strings.Repeat("0123456789ab", 4)
	tests := map[string]struct{ give, want string }{
		"as it is":      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"},
		"none":          {"", ""},
		"no text":       {"a\x00b\xff", "a\uFFFDb\uFFFD"},
		"long":          {strings.Repeat("é", 400), strings.Repeat("é", 250)},
		"cut in a rune": {"a" + strings.Repeat("é", 400), "a" + strings.Repeat("é", 249)},
		"a token":       {"cli wksp_" + secret + " 1.0", "cli [redacted] 1.0"},
		"every kind":    {"kext_" + secret + "ksess_" + secret + "kcs_" + secret, "[redacted][redacted][redacted]"},
		"a JWT":         {"Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln-_A", "Bearer [redacted]"},
		"a token's end": {strings.Repeat("a", 480) + " wksp_" + secret, strings.Repeat("a", 480) + " [redacted]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, UserAgent(tt.give)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
