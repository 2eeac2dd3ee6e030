package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// Organization → Members, and what everybody finds under Account.
func TestConsolePeople(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"add": consoleAddMember, "change": consoleChangeMember, "promote": consolePromotion, "remove": consoleRemoveMember, "remove yourself": consoleRemoveYourself,
			"foreign": consoleForeignMember, "organization": consoleOrganization, "sessions": consoleSessions, "password": consolePassword,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func consoleAddMember(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	form := v.get("/console/members").want(http.StatusOK, i.boot.Admin.Email).follow("Add a member")
	form.submit("Add member", "name", "", "email", "nonsense").want(http.StatusUnprocessableEntity, "1 to 100 characters", "Want an address")
	form.submit("Add member", "name", "Kim", "email", i.boot.Admin.Email).want(http.StatusConflict, "member already")
	added := form.submit("Add member", "name", "Kim", "email", "kim@acme.test").want(http.StatusCreated, "Kim is a member")
	password := added.secret()
	v.get("/console/members").want(http.StatusOK, "kim@acme.test").follow("Kim").want(http.StatusOK, "no active API tokens").wantNot(password)
	kim := i.visitorAs(t, "kim@acme.test", password)
	kim.get("/console/account").want(http.StatusOK, "Kim", "member")
}

// A browser that was left open makes nobody an admin.
func consolePromotion(t *testing.T, i *instance) {
	casey := i.person(t, "Casey", storage.RoleMember)
	path := fmt.Sprintf("/console/members/%d", casey.id)
	v := i.visitorWith(t, i.olderSession(t, time.Hour).Secret.Reveal())
	ask := v.get(path).submit("Save", "role", "admin").want(http.StatusOK, "Enter your password again")
	i.visitorWith(t, casey.session).get("/console/members").want(http.StatusForbidden)
	ask.submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusOK)
	i.visitorWith(t, casey.session).get("/console/members").want(http.StatusOK)
	v.get(path).submit("Save", "role", "member").want(http.StatusOK, "The member is changed")
}

func consoleChangeMember(t *testing.T, i *instance) {
	robin := i.person(t, "Robin", storage.RoleMember)
	page := i.visitingAdmin(t).get("/console/members").follow("Robin")
	page.submit("Save", "name", "").want(http.StatusUnprocessableEntity, "1 to 100 characters")
	page.submit("Save", "role", "owner").want(http.StatusUnprocessableEntity, "Want admin or member")
	page.submit("Save", "name", "Robin R.", "role", "admin").want(http.StatusOK, "The member is changed", "Robin R.")
	v := i.visitorWith(t, robin.session)
	self := v.get(fmt.Sprintf("/console/members/%d", robin.id)).want(http.StatusOK, "you")
	self.submit("Save", "role", "member").want(http.StatusForbidden, "for the admins")
	v.get("/console/members").want(http.StatusForbidden)
}

func consoleRemoveMember(t *testing.T, i *instance) {
	owner := i.person(t, "Sam", storage.RoleAdmin)
	v := i.visitingAdmin(t)
	minted := i.visitorWith(t, owner.session).get("/console/api-tokens/new").
		submit("Create token", "name", "Nightly job", "scopes", "issues").want(http.StatusCreated).secret()
	ask := v.get(fmt.Sprintf("/console/members/%d", owner.id)).want(http.StatusOK, "Nightly job").follow("Remove").want(http.StatusOK, "Nightly job", "owns them from now on")
	ask.submit("Remove Sam").want(http.StatusUnprocessableEntity, "Choose what becomes of the tokens")
	ask.submit("Remove Sam", "reassign_tokens_to", fmt.Sprint(owner.id)).want(http.StatusUnprocessableEntity, "Want another admin")
	ask.submit("Remove Sam", "reassign_tokens_to", fmt.Sprint(i.boot.Admin.ID)).want(http.StatusOK, "removed and signed out").wantNot("sam@people.test")
	i.call(t, "GET", "/me", minted, nil).want(t, 200)
	if p := i.visitorWith(t, owner.session).get("/console/account"); !strings.HasPrefix(p.path, "/console/sign-in") {
		t.Errorf("the removed member still gets to %s", p.path)
	}
	gone := i.person(t, "Toni", storage.RoleAdmin)
	lost := i.visitorWith(t, gone.session).get("/console/api-tokens/new").submit("Create token", "name", "Lost", "scopes", "issues").secret()
	v.get(fmt.Sprintf("/console/members/%d/remove", gone.id)).submit("Remove Toni", "reassign_tokens_to", "revoke").want(http.StatusOK, "removed")
	i.call(t, "GET", "/me", lost, nil).wantProblem(t, 401, "invalid_token")
}

func consoleRemoveYourself(t *testing.T, i *instance) {
	ursel := i.person(t, "Ursel", storage.RoleAdmin)
	v := i.visitorWith(t, ursel.session)
	v.get(fmt.Sprintf("/console/members/%d/remove", ursel.id)).want(http.StatusOK, "yourself").
		submit("Remove Ursel").want(http.StatusOK, "Sign in")
	admin := i.visitingAdmin(t)
	ask := admin.get(fmt.Sprintf("/console/members/%d/remove", i.boot.Admin.ID)).want(http.StatusOK)
	ask.submit("Remove Admin", "reassign_tokens_to", "revoke").want(http.StatusConflict, "needs an admin")
	admin.get("/console/members").want(http.StatusOK, i.boot.Admin.Email)
}

func consoleForeignMember(t *testing.T, i *instance) {
	other := i.bootstrap("Initech")
	v := i.visitingAdmin(t)
	path := fmt.Sprintf("/console/members/%d", other.Admin.ID)
	v.get(path).want(http.StatusNotFound)
	v.get(path + "/remove").want(http.StatusNotFound)
	v.post(path, "name", "Mine", "role", "member").want(http.StatusNotFound)
	v.post(path+"/remove", "reassign_tokens_to", "revoke").want(http.StatusNotFound)
}

func consoleSessions(t *testing.T, i *instance) {
	wim := i.person(t, "Wim", storage.RoleMember)
	other := i.sessionOf(t, i.boot.Organization.ID, wim.id)
	v := i.visitorWith(t, wim.session)
	page := v.get("/console/account").want(http.StatusOK, "this one", other.Token.Prefix)
	page.submit("End the session "+other.Token.Prefix).want(http.StatusOK, "That session has ended").wantNot(other.Token.Prefix)
	i.call(t, "GET", "/me", other.Secret.Reveal(), nil).wantProblem(t, 401, "invalid_token")
	admins := i.sessionOf(t, i.boot.Organization.ID, i.boot.Admin.ID)
	v.post(fmt.Sprintf("/console/account/sessions/%d/end", admins.Token.ID)).want(http.StatusNotFound)
	i.call(t, "GET", "/me", admins.Secret.Reveal(), nil).want(t, 200)
	third := i.sessionOf(t, i.boot.Organization.ID, wim.id)
	v.get("/console/account").submit("Sign out everywhere").want(http.StatusOK, "signed out everywhere")
	for _, session := range []string{wim.session, third.Secret.Reveal()} {
		i.call(t, "GET", "/me", session, nil).wantProblem(t, 401, "invalid_token")
	}
}

func consolePassword(t *testing.T, i *instance) {
	admin := i.visitingAdmin(t)
	password := admin.get("/console/members/new").submit("Add member", "name", "Yara", "email", "yara@acme.test").want(http.StatusCreated).secret()
	v := i.visitorAs(t, "yara@acme.test", password)
	page := v.get("/console/account")
	const next = "correct horse battery staple"
	fill := func(current, one, two string) visited {
		return page.submit("Change password", "current_password", current, "new_password", one, "new_password_again", two)
	}
	fill("", "", "").want(http.StatusUnprocessableEntity, "Is needed")
	fill(password, next, next+"x").want(http.StatusUnprocessableEntity, "not the same").wantNot(next)
	fill(password, "short", "short").want(http.StatusUnprocessableEntity)
	fill("wrong", next, next).want(http.StatusUnprocessableEntity, "Is wrong")
	fill(password, next, next).want(http.StatusOK, "Your password is changed")
	i.visitorAs(t, "yara@acme.test", next)
}

// An organization is renamed, and says how long tokens live: the form for a new one
// offers no more.
func consoleOrganization(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	page := v.get("/console/organization").want(http.StatusOK, i.boot.Organization.Slug)
	page.submit("Save", "name", " ").want(http.StatusUnprocessableEntity, "1 to 100 characters")
	page.submit("Save", "workspace_token_max_lifetime", "1").want(http.StatusUnprocessableEntity, "number of seconds")
	page.submit("Save", "workspace_token_max_lifetime", "long").want(http.StatusUnprocessableEntity, "Choose one")
	page.submit("Save", "name", "Acme Limited", "workspace_token_max_lifetime", "604800").want(http.StatusOK, "The organization is changed", "Acme Limited")
	form := v.get("/console/api-tokens/new").want(http.StatusOK, "at most 7 days").wantNot(`value="never"`, `value="30"`)
	form.submit("Create token", "name", "For ever", "scopes", "issues", "expires_in", "never").want(http.StatusUnprocessableEntity)
	form.submit("Create token", "name", "A year", "scopes", "issues", "expires_in", "365").want(http.StatusUnprocessableEntity)
	for _, allowed := range []string{"7", "most"} {
		v.get("/console/api-tokens/new").submit("Create token", "name", "Allowed "+allowed, "scopes", "issues", "expires_in", allowed).want(http.StatusCreated)
	}
	i.call(t, "PATCH", "/organization", i.admin(), map[string]any{"workspace_token_max_lifetime": 5400}).want(t, 200)
	again := v.get("/console/organization").want(http.StatusOK, "90 minutes")
	again.submit("Save", "name", i.boot.Organization.Name, "workspace_token_max_lifetime", "0").want(http.StatusOK, "changed")
}
