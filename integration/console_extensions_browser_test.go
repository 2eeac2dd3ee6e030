package integration

import (
	"strings"
	"testing"
)

// An admin looks at what an extension asks for and agrees, updates it, and uninstalls
// it: every page on the way is good.
func TestConsoleExtensionsInBrowser(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	p := i.browseAsAdmin(t)
	p.open("/console/api-tokens")
	p.follow("link", "Extensions")
	p.isGood()
	p.picture("console-extensions")
	p.open("/console/extensions/projects/new")
	p.isGood()
	p.open("/console/extensions/new")
	p.fill("Manifest", "model_version: 1")
	p.expect(422).follow("button", lookAtInstall)
	p.isGood()
	p.picture("console-extension-new")
	p.fill("Manifest", string(manifest("com.example.notes", "1.0.0", "issues:read", "comments:write")))
	p.follow("button", lookAtInstall)
	p.isGood()
	p.picture("console-extension-consent")
	p.expect(201).follow("button", "Agree and install")
	p.isGood()
	p.picture("console-extension-key")
	key := p.text("#secret")
	i.call(t, "GET", "/me", key, nil).want(t, 200)
	p.follow("link", "I have copied it")
	place := p.path()
	p.follow("link", "Add a secret")
	p.fill("Name", "WEBHOOK_SECRET")
	p.fill("Value", "of no use")
	p.follow("button", "Add secret")
	p.isGood()
	p.picture("console-extension")
	p.follow("link", "Update")
	p.fill("Manifest", string(manifest("com.example.notes", "2.0.0", "issues:read", "projects:read")))
	p.follow("button", lookAtUpdate)
	p.isGood()
	p.picture("console-extension-update")
	p.follow("button", "Agree and update")
	for name, page := range map[string]string{"console-extension-rotate": "/keys/new", "console-extension-uninstall": "/uninstall"} {
		p.open(place + page)
		p.isGood()
		p.picture(name)
	}
	p.open(place + "/uninstall")
	p.follow("button", "Uninstall")
	if text := p.text("main"); !strings.Contains(text, "The extension is uninstalled") {
		t.Errorf("it is not uninstalled: %s", text)
	}
	i.call(t, "GET", "/me", key, nil).wantProblem(t, 401, "invalid_token")
}
