package integration

import (
	"fmt"
	"strings"
	"testing"
)

// An admin is told of a leaked token, looks at it, revokes another with it, and reads of
// it in the log; every page on the way is good in light, in the dark and on a phone.
func TestConsoleOversightInBrowser(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite, "KIKET_AUTH_AUDIT_VERIFY_INTERVAL=1s")
	i.active(t, i.revokedToken(t, "Leaked laptop"))
	i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": "Old script", "scopes": []string{"issues"}}).want(t, 201)
	i.waitForAlert(t, "revoked_credential_used Leaked laptop", 1)
	p := i.browseAsAdmin(t)
	p.open("/console/alerts")
	p.isGood()
	p.picture("console-alerts")
	p.follow("link", "Look at it (Leaked laptop)")
	p.isGood()
	p.picture("console-credential")
	p.open("/console/credentials")
	p.isGood()
	p.picture("console-credentials")
	p.follow("link", "Old script")
	p.follow("link", "Revoke")
	p.isGood()
	p.picture("console-credentials-revoke")
	p.follow("button", "Revoke 1 credential")
	if text := p.text("main"); !strings.Contains(text, "stopped working at once") {
		t.Errorf("after the revocation: %s", text)
	}
	eventually(t, func() error {
		p.open("/console/audit")
		if text := p.text("main"); !strings.Contains(text, "verified just now") {
			return fmt.Errorf("the log was not verified yet: %s", text)
		}
		return nil
	})
	p.isGood()
	p.picture("console-audit")
	for name, path := range map[string]string{
		"console-alert-rules": "/console/alerts/rules", "console-alert-channels": "/console/alerts/channels", "console-alert-channel-new": "/console/alerts/channels/new",
	} {
		p.open(path)
		p.isGood()
		p.picture(name)
	}
	p.open("/console/audit?action=workspace_api_token.revoked")
	if text := p.text("main"); !strings.Contains(text, "Admin revoked the API token Old script") {
		t.Errorf("the log says %s", text)
	}
}
