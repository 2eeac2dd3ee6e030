package messages

import (
	"encoding/json"
	"strings"

	"kiket.dev/auth/server/alerts"
)

// slackEscapes are the characters that mean something in Slack's texts; without them
// nobody can mention a channel or write a link.
// https://docs.slack.dev/messaging/formatting-message-text
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackBody is the message for an incoming webhook, in blocks.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
func slackBody(m alerts.Message) ([]byte, error) {
	headline := slackMarks(subject(m))
	var lines []string
	for _, f := range facts(m) {
		lines = append(lines, "*"+f.Name+":* "+slackMarks(f.Text))
	}
	type text struct {
		Type string `json:"type"`
		Text string `json:"text"`
		// Verbatim keeps Slack from making links of what looks like one.
		Verbatim bool `json:"verbatim,omitempty"`
	}
	type element struct {
		Type string `json:"type"`
		Text text   `json:"text"`
		URL  string `json:"url"`
	}
	type block struct {
		Type     string    `json:"type"`
		Text     *text     `json:"text,omitempty"`
		Elements []element `json:"elements,omitempty"`
	}
	return json.Marshal(struct {
		Text   string  `json:"text"` // for notifications
		Blocks []block `json:"blocks"`
	}{headline, []block{
		{Type: "section", Text: &text{"mrkdwn", "*" + headline + "*", true}},
		{Type: "section", Text: &text{"mrkdwn", strings.Join(lines, "\n"), true}},
		{Type: "actions", Elements: []element{{"button", text{"plain_text", invitation(m), false}, m.Link}}},
	}})
}

// slackMarks escapes a text and takes what would format it.
func slackMarks(text string) string {
	return slackEscapes.Replace(strings.NewReplacer("*", "∗", "`", "ˋ", "~", "∼").Replace(text))
}
