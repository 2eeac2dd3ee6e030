package integration

import "testing"

// The readable page is good to read for everybody, on everything, and needs no script.
func TestAPIReferenceInBrowser(t *testing.T) {
	t.Parallel()
	p := start(t, sqlite).browse(t)
	p.open("/api/v1/docs")
	p.isGood()
	p.picture("api-reference")
	p.click("link", "All error codes")
	if p.path() != "/api/v1/docs#errors" {
		t.Errorf("the link leads to %s", p.path())
	}
}
