package integration

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"kiket.dev/auth/storage"
)

// What every page of the console holds to: who may see it, what it is sent with, and
// where forms may come from.
func TestConsoleFrame(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"sign in": consoleSignIn, "sign in wrong": consoleSignInWrong, "next": consoleNext, "members": consoleMember,
			"headers": consoleHeaders, "other sites": consoleOtherSites, "other credentials": consoleOtherCredentials, "nothing": consoleNothing,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func consoleSignIn(t *testing.T, i *instance) {
	v := i.visitor(t)
	first := v.get("/").want(http.StatusOK, "Sign in")
	if first.path != "/console/sign-in?next=%2Fconsole" {
		t.Errorf("without a session one gets to %s", first.path)
	}
	v.signIn(i.boot.Admin.Email, i.boot.Admin.Password)
	session := v.cookie("kiket_session")
	if !strings.HasPrefix(session, "ksess_") {
		t.Fatalf("no session in the cookie: %q", session)
	}
	v.get("/console/sign-in").want(http.StatusOK, "API Tokens") // is signed in already
	v.get("/console/account").submit("Sign out").want(http.StatusOK, "You are signed out")
	i.call(t, "GET", "/me", session, nil).wantProblem(t, 401, "invalid_token")
	if v.cookie("kiket_session") != "" {
		t.Error("the cookie is still there")
	}
	// A session that ended elsewhere is as none, and no reason for alarm.
	ended := i.visitorWith(t, session)
	ended.get("/console/api-tokens").want(http.StatusOK, "Your session has ended")
}

func (v *visitor) cookie(name string) string {
	base, err := url.Parse(v.i.base)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.http.Jar.Cookies(base) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func consoleSignInWrong(t *testing.T, i *instance) {
	form := i.visitor(t).get("/console/sign-in")
	form.submit("Sign in", "email", i.boot.Admin.Email, "password", "hunter2").want(http.StatusUnprocessableEntity, "wrong").wantNot("hunter2")
	form.submit("Sign in", "email", "nobody@acme.test", "password", "hunter2").want(http.StatusUnprocessableEntity, "wrong").wantNot("hunter2")
	form.submit("Sign in", "email", i.boot.Admin.Email).want(http.StatusUnprocessableEntity, "Is needed")
}

// After signing in one gets where one wanted to, and never to another site.
func consoleNext(t *testing.T, i *instance) {
	for given, want := range map[string]string{
		"/console/api-tokens/new":     "/console/api-tokens/new",
		"/console/api-tokens?state=x": "/console/api-tokens?state=x",
		"https://evil.example/":       "/console/api-tokens",
		"//evil.example/console/":     "/console/api-tokens",
		`/\evil.example`:              "/console/api-tokens",
		"/console/../../api/v1/docs":  "/console/api-tokens",
		"/api/v1/docs":                "/console/api-tokens",
	} {
		v := i.visitingAdmin(t) // who is signed in is led on at once
		if got := v.get("/console/sign-in?next=" + url.QueryEscape(given)).path; got != want {
			t.Errorf("next=%s leads to %s, want %s", given, got, want)
		}
	}
}

func consoleMember(t *testing.T, i *instance) {
	member := i.person(t, "Plain", storage.RoleMember)
	v := i.visitorWith(t, member.session)
	home := v.get("/console").want(http.StatusOK).wantNot("/console/api-tokens", "/console/audit")
	if home.path != "/console/account" {
		t.Errorf("a member gets to %s", home.path)
	}
	v.get("/console/api-tokens").want(http.StatusForbidden, "This is for the admins of Acme")
}

func consoleHeaders(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	for _, path := range []string{"/console/api-tokens", "/console/nothing", "/console/api-tokens/999999"} {
		header := v.get(path).header
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got, want)
			}
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy: %s", path, policy)
		}
	}
}

// A form that another site sends is not carried out, whatever the cookie.
func consoleOtherSites(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	for name, header := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, i.base+"/console/sign-out", strings.NewReader("x=y"))
		r.RequestURI = ""
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if name != "Origin" {
			r.Header.Set("Origin", i.base)
		}
		r.Header.Set(name, header)
		v.do(r).want(http.StatusForbidden, "sent from another site")
	}
	v.get("/console/api-tokens").want(http.StatusOK, "API Tokens")
}

// The cookie takes sessions alone: a token that leaked opens no console.
func consoleOtherCredentials(t *testing.T, i *instance) {
	for _, token := range []string{i.admin(), i.extension("issues").Key.Secret.Reveal(), i.fetch(t, i.application("admin")), "ksess_", "nonsense"} {
		if p := i.visitorWith(t, token).get("/console/api-tokens"); !strings.HasPrefix(p.path, "/console/sign-in") {
			t.Errorf("it opens %s", p.path)
		}
	}
	// Nor does the header that the management API takes.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.base+"/console/api-tokens", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+i.admin())
	if p := i.visitor(t).do(r); !strings.HasPrefix(p.path, "/console/sign-in") {
		t.Errorf("a bearer token opens %s", p.path)
	}
}

func consoleNothing(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	v.get("/console/nothing").want(http.StatusNotFound, "Nothing here")
	v.get("/console/static/console.css").want(http.StatusNotFound)
	if p := v.post("/console/account"); p.status != http.StatusMethodNotAllowed || p.header.Get("Allow") == "" {
		t.Errorf("POST of a page: %d, Allow %q", p.status, p.header.Get("Allow"))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.base+"/console/sign-out", strings.NewReader(strings.Repeat("x=y&", 1<<16)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	v.do(r).want(http.StatusRequestEntityTooLarge, "Too large")
}

// Behind TLS the cookie is one that no other host can set and that travels over TLS
// alone, and forms may come from the address that the browser sees, whatever host a
// proxy asks for.
func TestConsoleCookieOverTLS(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_ISSUER=https://auth.acme.test")
		form := pairs([]string{"email", i.boot.Admin.Email, "password", i.boot.Admin.Password})
		send := func(origin string) *http.Response {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.base+"/console/sign-in", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", origin)
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			return answer
		}
		if answer := send("https://auth.acme.test.evil.example"); answer.StatusCode != http.StatusForbidden || len(answer.Cookies()) != 0 {
			t.Errorf("from another origin: %s %v", answer.Status, answer.Cookies())
		}
		answer := send("https://auth.acme.test")
		if answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) != 1 {
			t.Fatalf("%s %v", answer.Status, answer.Cookies())
		}
		cookie := answer.Cookies()[0]
		if cookie.Name != "__Host-kiket_session" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("the cookie is %s", cookie.Raw)
		}
	})
}
