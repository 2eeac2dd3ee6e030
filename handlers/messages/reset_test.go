package messages

import (
	"bytes"
	"io"
	"net/mail"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
)

// The code is in both parts of the mail, and in no header and no link.
func TestResetMail(t *testing.T) {
	m, err := NewMailer(storage.NewSecret("smtp://mail.test"), "Kiket Auth <auth@acme.test>", "https://auth.test")
	if err != nil {
		t.Fatal(err)
	}
	const code = "ABCDE-FGHIJ-KLMNO-PQRST"
	composed, err := m.composeReset(sessions.ResetMail{
		To: "avery@acme.test", Code: storage.NewSecret(code), ExpiresAt: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC),
		Link: "https://auth.test/console/password/reset", Address: "198.51.100.7\r\nBcc: victim@example.com <script>",
	})
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := composed.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(&raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"To": "<avery@acme.test>", "Bcc": "", "Subject": "Another password for your account at auth.test", "Auto-Submitted": "auto-generated",
	} {
		if got := read.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, values := range read.Header {
		if strings.Contains(strings.Join(values, " "), code) {
			t.Errorf("the code is in the header %s", name)
		}
	}
	body, err := io.ReadAll(read.Body)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(body), "=\r\n", "") // RFC 2045 section 6.7
	for part, n := range map[string]int{code: 2, "2026-03-01 12:30:00 UTC": 2, "\nBcc:": 0, "reset?": 0, "reset#": 0} {
		if got := strings.Count(text, part); got != n {
			t.Errorf("%q %d times, want %d, in\n%s", part, got, n, text)
		}
	}
}
