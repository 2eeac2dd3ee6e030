package messages

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/alerts"
)

func expiring() alerts.Message {
	at := time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)
	return alerts.Message{
		ID: 7, Kind: alerts.ExpiryMessage, OrganizationID: 1, Organization: "Acme", Summary: "4 credentials expire within 14 days, 1 of them within 3 days", Count: 4,
		Link: "https://auth.test/console/credentials?expiring_within=14d",
		Expiring: []alerts.Expiring{
			{Kind: "workspace_api_token", Name: "CI <script>\r\nBcc: x", Prefix: "wksp_7d5c9c1a", ExpiresAt: at, Days: 3},
			{Kind: "client_secret", Name: "App", Prefix: "kcs_00000000", ExpiresAt: at.AddDate(0, 0, 9), Days: 14},
			{Kind: "extension_key", Name: "Ext", Prefix: "kext_00000000", ExpiresAt: at.AddDate(0, 0, 10), Days: 14},
		},
	}
}

func TestExpiryMail(t *testing.T) {
	m := expiring()
	if got, want := subject(m), "[Acme] 4 credentials expire within 14 days, 1 of them within 3 days"; got != want {
		t.Errorf("subject %q", got)
	}
	var plain, html bytes.Buffer
	p := page{m.Summary, invitation(m), m.Link, facts(m), sections(m), ""}
	if err := plainTemplate.Execute(&plain, p); err != nil {
		t.Fatal(err)
	}
	want := `4 credentials expire within 14 days, 1 of them within 3 days

Organization: Acme

Within 3 days:
- 2026-03-03 12:00:00 UTC: CI <script>  Bcc: x (workspace API token, wksp_7d5c9c1a…)

Within 14 days:
- 2026-03-12 12:00:00 UTC: App (client secret, kcs_00000000…)
- 2026-03-13 12:00:00 UTC: Ext (extension key, kext_00000000…)

And 1 more

Replace or remove them:
https://auth.test/console/credentials?expiring_within=14d
`
	if diff := cmp.Diff(want, plain.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := htmlTemplate.Execute(&html, p); err != nil || strings.Contains(html.String(), "<script>") || strings.Count(html.String(), "<li>") != 3 {
		t.Error(err, html.String())
	}
	if told := sections(hostile()); told != nil {
		t.Errorf("an alert has sections: %v", told)
	}
}
