package integration

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// The request parameter scope, and what a token may do at the moment of the
// question.
func TestRFC7662Scope(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		t.Run("asked", func(t *testing.T) { checkCovered(t, i) })
		t.Run("now", func(t *testing.T) { checkScopesNow(t, i) })
		t.Run("catalogue", func(t *testing.T) { checkCatalogueNow(t, i) })
	})
}

// checkCovered asks whether tokens cover scopes.
func checkCovered(t *testing.T, i *instance) {
	full, bare := i.workspaceToken(time.Time{}), i.workspaceToken(time.Time{}, "issues", "projects:write")
	token := map[string]string{
		"full":      full.Secret.Reveal(),
		"bare":      bare.Secret.Reveal(),
		"admin":     i.workspaceToken(time.Time{}, "admin").Secret.Reveal(),
		"halves":    i.workspaceToken(time.Time{}, "issues:read", "issues:write").Secret.Reveal(),
		"access":    i.fetch(t, i.application("issues", "projects"), "scope", "issues:read"),
		"extension": i.extension("issues", "write:projects").Key.Secret.Reveal(),
		"session":   i.session().Secret.Reveal(),
	}
	for name, tt := range map[string]struct {
		token, scope string
		want         bool
	}{
		"nothing asked":                            {"bare", "", true},
		"by name":                                  {"bare", "issues", true},
		"a bare scope includes read":               {"bare", "issues:read", true},
		"a bare scope includes write":              {"bare", "issues:write", true},
		"write is covered by itself":               {"bare", "projects:write", true},
		"write does not include read":              {"bare", "projects:read", false},
		"write does not include the whole":         {"bare", "projects", false},
		"both halves do not make the whole":        {"halves", "issues", false},
		"both halves cover both halves":            {"halves", "issues:write issues:read", true},
		"all of several":                           {"bare", "projects:write issues:read issues", true},
		"one of several is not enough":             {"bare", "issues projects:read", false},
		"order and duplicates do not matter":       {"bare", "projects:write issues issues projects:write", true},
		"another case":                             {"bare", "Issues", false},
		"another case of a half":                   {"bare", "issues:Read", false},
		"a wildcard":                               {"full", "*", false},
		"a dot":                                    {"full", "issues.read", false},
		"half a name":                              {"full", "issues:", false},
		"unknown":                                  {"full", "nonsense", false},
		"an unknown half":                          {"full", "issues:delete", false},
		"full access covers all":                   {"full", "issues projects:read comments:write workflows analytics admin", true},
		"full access covers no half of admin":      {"full", "admin:read", false},
		"admin":                                    {"admin", "admin", true},
		"admin includes nothing else":              {"admin", "issues:read", false},
		"an access token covers what it was given": {"access", "issues:read", true},
		"and not what its application may ask for": {"access", "projects", false},
		"an extension key by its manifest":         {"extension", "issues:read projects:write", true},
		"and no more":                              {"extension", "projects:read", false},
		"and never admin":                          {"extension", "admin", false},
		"an admin's session":                       {"session", "admin issues", true},
		"text that is no scope":                    {"full", "\x00\xff", false},
		"a tab separates nothing":                  {"full", "issues\tprojects", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := i.post(t, "/oauth/introspect", i.resourceServer(), "token", token[tt.token], "scope", tt.scope)
			if !tt.want {
				checkInactiveAnswer(t, a)
				return
			}
			if a.status != 200 || a.json(t)["active"] != true {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
	// What is asked does not change what is answered.
	if scope := i.introspect(t, i.resourceServer(), token["bare"], "scope", "issues:read")["scope"]; scope != "issues projects:write" {
		t.Errorf("asked about one scope, the answer is %q", scope)
	}
}

// checkScopesNow takes something away after a token was issued.
func checkScopesNow(t *testing.T, i *instance) {
	demoted, narrowed, emptied := i.member(storage.RoleAdmin), i.application("issues", "projects", "admin"), i.application("issues")
	token := map[string]string{
		"full": i.tokenOf(demoted).Secret.Reveal(), "some": i.tokenOf(demoted, "issues:read", "admin").Secret.Reveal(),
		"admin": i.tokenOf(demoted, "admin").Secret.Reveal(), "session": i.sessionIn(i.boot, demoted).Secret.Reveal(),
		"narrowed": i.fetch(t, narrowed), "a half": i.fetch(t, narrowed, "scope", "projects:write"), "emptied": i.fetch(t, emptied),
		"member": i.sessionIn(i.boot, i.member(storage.RoleMember)).Secret.Reveal(),
	}
	i.demote(demoted)
	i.narrow(narrowed, "issues:read", "projects", "comments")
	i.narrow(emptied, "comments")
	const allButAdmin = "issues projects comments workflows analytics"
	for name, tt := range map[string]struct{ token, scope string }{
		"a demoted owner's full access":             {"full", allButAdmin},
		"a demoted owner's scopes":                  {"some", "issues:read"},
		"a demoted owner's admin token":             {"admin", ""},
		"a demoted owner's session":                 {"session", allButAdmin},
		"a member's session":                        {"member", allButAdmin},
		"an application that may do less":           {"narrowed", "issues:read projects"},
		"and a token that had no more than that":    {"a half", "projects:write"},
		"an application that may do something else": {"emptied", ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := i.introspect(t, i.resourceServer(), token[tt.token])
			if seen["active"] != true || seen["scope"] != tt.scope {
				t.Errorf("active %v with scope %q, want %q", seen["active"], seen["scope"], tt.scope)
			}
			checkInactiveAnswer(t, i.post(t, "/oauth/introspect", i.resourceServer(), "token", token[tt.token], "scope", "admin"))
		})
	}
}

// checkCatalogueNow adds to the catalogue: full access is all of it when the
// token is used, and what was named stays what it was.
func checkCatalogueNow(t *testing.T, i *instance) {
	limited := i.workspaceToken(time.Time{}, "issues").Secret.Reveal()
	grown := i.serve("KIKET_AUTH_SCOPES=billing")
	for token, want := range map[string]string{i.boot.WorkspaceAPIToken.Token: "issues projects comments workflows analytics billing admin", limited: "issues"} {
		if seen := grown.introspect(t, i.resourceServer(), token); seen["scope"] != want {
			t.Errorf("scope %q, want %q", seen["scope"], want)
		}
	}
	if seen := grown.introspect(t, i.resourceServer(), i.boot.WorkspaceAPIToken.Token, "scope", "billing:write"); seen["active"] != true {
		t.Errorf("full access does not cover what was added: %v", seen)
	}
	checkInactiveAnswer(t, i.post(t, "/oauth/introspect", i.resourceServer(), "token", i.boot.WorkspaceAPIToken.Token, "scope", "billing"))
}
