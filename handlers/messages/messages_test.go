package messages

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// hostile is a message in which everything that people choose tries to be more.
func hostile() alerts.Message {
	const evil = "CI\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script> <!channel> <https://evil.test|here> *x* \u202e"
	return alerts.Message{
		ID: 7, Kind: alerts.AlertMessage, OrganizationID: 1, Organization: evil, AlertID: 3, Rule: "revoked_credential_used",
		Subject: alerts.Subject{Kind: "workspace_api_token", ID: 42, Name: evil},
		Summary: "The workspace API token " + evil + strings.Repeat("é", 500), Count: 12,
		Details: map[string]any{"ip_address": "198.51.100.1", "user_agent": evil},
		FirstAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), LastAt: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC),
		Link: "https://auth.test/console/credentials/workspace_api_token/42",
	}
}

// strange is where somebody is told who may not have asked for it.
func strange() alerts.Destination {
	return alerts.Destination{
		Kind: storage.EmailChannel, Address: "ops@acme.test", AddedBy: storage.Party{Kind: "workspace_api_token", ID: 3, Name: "CI <b>\r\nBcc: x"},
	}
}

// A mail to an address that an admin has given says who did, and of a member's says nothing.
func TestFootnote(t *testing.T) {
	m := alerts.Message{Organization: "Acme", Link: "https://auth.test/console/alerts"}
	const token = "This address was put on the list for alerts of Acme at auth.test by CI <b>  Bcc: x (workspace api token). The admins of Acme can take it off."
	if got := footnote(strange(), m); got != token {
		t.Errorf("got %q", got)
	}
	person := alerts.Destination{AddedBy: storage.Party{Kind: "session", ID: 3, Name: "Avery"}}
	if got := footnote(person, m); !strings.Contains(got, "by Avery. ") {
		t.Errorf("got %q", got)
	}
	if got := footnote(alerts.Destination{}, m); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestMail(t *testing.T) {
	m, err := NewMailer(storage.NewSecret("smtp://user:pass@mail.test"), "Kiket Auth <auth@acme.test>", "https://auth.test")
	if err != nil {
		t.Fatal(err)
	}
	composed, err := m.compose(strange(), hostile())
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
		"From": `"Kiket Auth" <auth@acme.test>`, "To": "<ops@acme.test>", "Bcc": "", "Auto-Submitted": "auto-generated", "Message-Id": "<kiket-auth.1.7@auth.test>",
	} {
		if got := read.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "[CI  Bcc: victim@example.com") || strings.ContainsAny(subject, "\r\n\u202e") {
		t.Errorf("subject %q, %v", subject, err)
	}
	if media, _, err := mime.ParseMediaType(read.Header.Get("Content-Type")); media != "multipart/alternative" || err != nil {
		t.Errorf("%s, %v", media, err)
	}
	var plain, html bytes.Buffer
	page := page{hostile().Summary, "Look", hostile().Link, facts(hostile()), sections(hostile()), ""}
	if err := plainTemplate.Execute(&plain, page); err != nil || strings.Count(plain.String(), hostile().Link) != 1 {
		t.Error(err, plain.String())
	}
	if err := htmlTemplate.Execute(&html, page); err != nil || strings.Contains(html.String(), "<script>") || strings.Count(html.String(), "href=") != 1 {
		t.Error(err, html.String())
	}
}

func TestMailerOfAnything(t *testing.T) {
	for _, server := range []string{"smtp://mail.test", "smtps://mail.test:465", "smtp://u:p@[::1]:25", "smtps://u:p%40@localhost"} {
		if _, err := NewMailer(storage.NewSecret(server), "auth@acme.test", "https://auth.test"); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
	if _, err := NewMailer(storage.NewSecret("smtp://mail.test:99999"), "auth@acme.test", ""); err == nil {
		t.Error("a port that is none is taken")
	}
}

func TestSlack(t *testing.T) {
	body, err := slackBody(hostile())
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Text   string
		Blocks []struct {
			Type     string
			Text     struct{ Type, Text string }
			Elements []struct {
				URL  string
				Text struct{ Text string }
			}
		}
	}
	if err := json.Unmarshal(body, &decoded); err != nil || len(decoded.Blocks) != 3 {
		t.Fatal(err, string(body))
	}
	texts := decoded.Text
	for _, b := range decoded.Blocks {
		texts += "\n" + b.Text.Text
		if len(b.Text.Text) > 3000 {
			t.Errorf("a text of %d bytes", len(b.Text.Text))
		}
	}
	if strings.Contains(texts, "<!channel>") || strings.Contains(texts, "<https") || strings.Contains(texts, "*x*") || !strings.Contains(texts, "(12 times)") && !strings.Contains(texts, "*Count:* 12") {
		t.Errorf("texts: %s", texts)
	}
	if button := decoded.Blocks[2].Elements[0]; button.URL != hostile().Link || button.Text.Text != "Look at it, or revoke it" {
		t.Errorf("button: %+v", button)
	}
}

func TestWebhook(t *testing.T) {
	body, err := webhookBody(hostile())
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Type string
		Data struct {
			AlertID int64 `json:"alert_id"`
			Count   int64
			Subject struct {
				Kind string
				ID   int64
			}
			Link string
		}
	}
	if err := json.Unmarshal(body, &decoded); err != nil || decoded.Type != "kiket.alert" || decoded.Data.AlertID != 3 ||
		decoded.Data.Count != 12 || decoded.Data.Subject.ID != 42 || decoded.Data.Link != hostile().Link {
		t.Errorf("%s, %v", body, err)
	}
	key := []byte("thirty-two bytes, more or less..")
	secret := storage.NewSecret(alerts.SigningPrefix + base64.StdEncoding.EncodeToString(key))
	header, err := signed(secret, 7, time.Unix(1_772_366_400, 0), body)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("msg_7.1772366400." + string(body)))
	if got, want := header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	for _, broken := range []string{"", alerts.SigningPrefix, "whsec_?"} {
		if _, err := signed(storage.NewSecret(broken), 7, time.Now(), body); err == nil {
			t.Errorf("signed with %q", broken)
		}
	}
}
