package access

import (
	"regexp"
	"strings"
)

// maxUserAgent is how many bytes are kept of what a client calls itself.
const maxUserAgent = 500

// secretLike finds credentials of every kind that this server issues.
var secretLike = regexp.MustCompile(`(?:wksp|kext|ksess|kcs)_[0-9a-f]{48}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)

// UserAgent returns what is kept of a User-Agent: valid text without NUL, at most
// 500 bytes of it, and none of it a credential, which somebody may have put in
// the wrong place.
func UserAgent(header string) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(header, "\uFFFD"), "\x00", "\uFFFD")
	text = secretLike.ReplaceAllString(text, "[redacted]")
	if len(text) > maxUserAgent {
		text = strings.ToValidUTF8(text[:maxUserAgent], "")
	}
	return text
}
