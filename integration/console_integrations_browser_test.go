package integration

import (
	"strings"
	"testing"
)

// An admin registers an application, sees who uses its secret, and replaces it: every
// page on the way is good, in light and dark, on a desk and on a phone.
func TestConsoleIntegrationsInBrowser(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	p := i.browseAsAdmin(t)
	p.open("/console/api-tokens")
	p.follow("link", "Integrations")
	p.isGood()
	p.picture("console-integrations")
	p.open("/console/integrations/new")
	p.fill("Name", "Billing export")
	p.fill("Its access tokens live for", "61")
	p.expect(422).follow("button", "Register")
	p.isGood()
	p.picture("console-integration-new")
	p.click("checkbox", "issues: read")
	p.click("checkbox", "projects: read")
	p.click("checkbox", "projects: write")
	p.fill("Its access tokens live for", "15")
	p.expect(201).follow("button", "Register")
	p.isGood()
	p.picture("console-integration-secret")
	old := credentials{p.text("#client-id"), p.text("#secret")}
	p.follow("link", "I have copied it")
	place := p.path()
	p.follow("link", "New secret")
	p.isGood()
	p.picture("console-integration-rotate")
	p.expect(201).follow("button", "Make the secret")
	if current := p.text("#secret"); current == old.secret || !i.opens(t, credentials{old.id, current}) || !i.opens(t, old) {
		t.Error("not both secrets work")
	}
	p.open(place)
	p.isGood()
	p.picture("console-integration")
	p.follow("link", "Change")
	p.isGood()
	p.open(place + "/delete")
	p.isGood()
	p.picture("console-integration-delete")
	p.follow("button", "Delete integration")
	if text := p.text("main"); !strings.Contains(text, "The integration is deleted") || i.opens(t, old) {
		t.Errorf("it is not deleted: %s", text)
	}
}
