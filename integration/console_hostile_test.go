package integration

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// What somebody might try against whoever is signed in to the console, and what happens
// to it when several change the same thing.
func TestConsoleHostile(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"sent again after the password": consoleAgainAfterPassword, "passwords in addresses": consolePasswordInAddress,
			"filled in by a link": consoleFilledInByLink, "changed meanwhile": consoleChangedMeanwhile, "fields twice": consoleFieldsTwice,
			"nothing selected": consoleNothingSelected, "failures of others": consoleFailuresOfOthers, "the session before": consoleSessionBefore,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

// Whoever loads the page with the secret anew, after the password was asked for, gets it
// again; the password is no part of what is remembered.
func consoleAgainAfterPassword(t *testing.T, i *instance) {
	v := i.visitorWith(t, i.olderSession(t, time.Hour).Secret.Reveal())
	ask := v.get("/console/api-tokens/new").submit("Create token", "name", "Reloaded", "scopes", "issues").want(http.StatusOK, "Enter your password again")
	first := ask.submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusCreated)
	second := ask.submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusCreated)
	if first.secret() != second.secret() {
		t.Error("two tokens were made")
	}
}

// What was typed into a form is in no address, also not in that of the next page of a list.
func consolePasswordInAddress(t *testing.T, i *instance) {
	person := i.person(t, "Many", storage.RoleMember)
	for range 51 {
		i.sessionOf(t, i.boot.Organization.ID, person.id)
	}
	again := i.visitorWith(t, person.session).post("/console/account/password", "current_password", "what-is-mine-now", "new_password", "what-I-would-like", "new_password_again", "another").
		want(http.StatusUnprocessableEntity, "not the same").wantNot("what-is-mine-now", "what-I-would-like")
	again.follow("Older").want(http.StatusOK, "Where you are signed in")
}

// A link leads to an empty form, whatever is in its address.
func consoleFilledInByLink(t *testing.T, i *instance) {
	robin := i.person(t, "Rosa", storage.RoleMember)
	v := i.visitingAdmin(t)
	for path, fields := range map[string][]string{
		fmt.Sprintf("/console/members/%d", robin.id): {"name", "Somebody else", "role", "admin"},
		"/console/api-tokens/new":                    {"name", "Somebody else", "access", "full", "expires_in", "never", "form", "CHOSEN"},
		"/console/integrations/new":                  {"name", "Somebody else", "scopes", "issues:read", "authentication", "keys", "keys_from", "address", "jwks_uri", "https://evil.example/", "form", "CHOSEN"},
		"/console/alerts/channels/new":               {"name", "Somebody else", "webhook_url", "https://evil.example/", "address", "evil@evil.example", "form", "CHOSEN"},
		"/console/members/new":                       {"name", "Somebody else", "email", "evil@evil.example", "role", "admin", "form", "CHOSEN"},
		"/console/extensions/new":                    {"manifest", "evil.example"},
		"/console/organization":                      {"name", "Somebody else", "workspace_token_max_lifetime", "3600"},
	} {
		if empty, filled := inputs(v.get(path)), inputs(v.get(path+"?"+pairs(fields).Encode())); empty != filled {
			t.Errorf("%s:\n%s\nand with the fields in the address:\n%s", path, empty, filled)
		}
	}
}

// inputs are the fields of all forms on a page, but for the form's own name.
func inputs(p visited) string {
	p.want(http.StatusOK)
	all := url.Values{}
	for n := range p.root.Descendants() {
		if n.Data == "form" {
			for name, values := range successful(n) {
				all[name] = append(all[name], values...)
			}
		}
	}
	if name := all.Get("form"); name == "CHOSEN" {
		return "the form is called " + name
	}
	all.Del("form")
	return all.Encode()
}

// A form that was open while somebody else changed something changes what was filled in
// and takes nothing back.
func consoleChangedMeanwhile(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	robin := i.person(t, "Ruth", storage.RoleAdmin)
	page := fmt.Sprintf("/console/members/%d", robin.id)
	stale := v.get(page)
	v.get(page).submit("Save", "role", "member").want(http.StatusOK, "The member is changed")
	stale.submit("Save", "name", "Ruth R.").want(http.StatusOK, "Ruth R.", "Role member")
	stale.submit("Save", "role", "member").want(http.StatusOK, "Ruth R.")

	stale = v.get("/console/organization")
	v.get("/console/organization").submit("Save", "workspace_token_max_lifetime", "604800").want(http.StatusOK, "changed")
	stale.submit("Save", "name", "Acme Limited").want(http.StatusOK, "changed", "Acme Limited")
	now := v.get("/console/organization")
	if form, _ := now.formOf("Save"); successful(form).Get("workspace_token_max_lifetime") != "604800" {
		t.Error("the limit was taken back")
	}
	again := now.submit("Save", "name", " ", "workspace_token_max_lifetime", "2592000").want(http.StatusUnprocessableEntity)
	again.submit("Save", "name", "Acme", "workspace_token_max_lifetime", "0").want(http.StatusOK, "changed")
	if form, _ := again.formOf("Save"); successful(form).Get("workspace_token_max_lifetime") != "2592000" {
		t.Error("what was chosen is lost when the name is wrong")
	}

	made := i.call(t, "POST", "/oauth_applications", i.admin(), map[string]any{"name": "Both", "scopes": []string{"projects", "issues:read"}}).want(t, 201)
	page = fmt.Sprintf("/console/integrations/%v", made["id"])
	stale = v.get(page + "/edit")
	v.get(page+"/edit").submit("Save", "scopes", "issues:read").want(http.StatusOK, "changed")
	stale.submit("Save", "name", "Both of us", "lifetime", "10").want(http.StatusOK, "Both of us", "10 minutes")
	shown := i.call(t, "GET", fmt.Sprintf("/oauth_applications/%v", made["id"]), i.admin(), nil).want(t, 200)
	if scopes := strings.Join(textsOf(shown["scopes"]), " "); scopes != "issues:read" {
		t.Errorf("a scope that was taken away came back: %s", scopes)
	}
}

// A field that is there twice is refused, however the form is encoded.
func consoleFieldsTwice(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	project := fmt.Sprint(i.boot.Project.ID)
	v.post("/console/extensions/review", "project_id", project, "project_id", "1", "manifest", "x").want(http.StatusBadRequest, "could not be read")
	for name, write := range map[string]func(w *multipart.Writer) error{
		"a field": func(w *multipart.Writer) error { return w.WriteField("project_id", "1") },
		"a file": func(w *multipart.Writer) error {
			for range 2 {
				if _, err := w.CreateFormFile("manifest", "manifest.yaml"); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		if err := w.WriteField("project_id", project); err != nil {
			t.Fatal(err)
		}
		if err := write(w); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.base+"/console/extensions/review", &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", w.FormDataContentType())
		if p := v.do(r); p.status != http.StatusBadRequest {
			t.Errorf("%s twice: %d %s", name, p.status, p.text)
		}
	}
	var body bytes.Buffer // of a browser in which no file was chosen
	w := multipart.NewWriter(&body)
	none, err := w.CreateFormFile("manifest", "")
	if err == nil {
		_, err = none.Write(nil)
	}
	text := manifest("com.example.pasted", "1.0.0", "issues:read")
	if err != nil || w.WriteField("manifest", string(text)) != nil || w.WriteField("project_id", project) != nil || w.Close() != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.base+"/console/extensions/review", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	v.do(r).want(http.StatusOK, "What it asks for")
	v.get("/console/extensions/new").submit(lookAtInstall, "project_id", project, "manifest", `[{"a": 1, "a": 2}]`).
		want(http.StatusUnprocessableEntity, "At [0].a: is there twice")
}

// Who selected nothing sees the list again, and its filters work.
func consoleNothingSelected(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	again := v.get("/console/credentials").submit("Revoke what is selected…").want(http.StatusUnprocessableEntity)
	again.follow("API tokens").want(http.StatusOK, "Everything that opens a door")
	again.follow("Full access").want(http.StatusOK, "Everything that opens a door")
}

// However many bad tokens came from an address, whose session has ended there can sign in.
func consoleFailuresOfOthers(t *testing.T, i *instance) {
	ended := i.sessionOf(t, i.boot.Organization.ID, i.boot.Admin.ID).Secret.Reveal()
	i.call(t, "DELETE", "/sessions/current", ended, nil).want(t, 204)
	throttled := false
	for range 200 {
		if throttled = i.call(t, "GET", "/me", ended, nil).status == http.StatusTooManyRequests; throttled {
			break
		}
	}
	if !throttled {
		t.Fatal("the address was never held up")
	}
	v := i.visitorWith(t, ended)
	v.get("/console/api-tokens").want(http.StatusOK, "Your session has ended", "Forgotten your password?")
	i.visitorWith(t, ended).signIn(i.boot.Admin.Email, i.boot.Admin.Password)
}

// A request that was on its way with the session that another has taken the place of does
// not take that one's cookie away.
func consoleSessionBefore(t *testing.T, i *instance) {
	before := i.olderSession(t, time.Hour).Secret.Reveal()
	v := i.visitorWith(t, before)
	v.get("/console/members/new").submit("Add member", "name", "Late", "email", "late@acme.test").
		submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusCreated)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.base+"/console/api-tokens", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "kiket_session", Value: before})
	late, err := client.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = late.Body.Close()
	if late.StatusCode != http.StatusSeeOther || len(late.Cookies()) > 0 {
		t.Errorf("answered %d with the cookies %v", late.StatusCode, late.Cookies())
	}
}
