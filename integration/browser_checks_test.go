package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serveHTML serves pages by their paths, with the policy that the console has.
func serveHTML(t testing.TB, pages map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, found := pages[r.URL.Path]
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src * data:; style-src 'self'; script-src 'self'; form-action 'self'")
		switch {
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			body = `<!doctype html><html lang="en"><title>Page</title>` + body
		}
		if !found {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// Each check fails on a page that it should fail on, and says why.
func TestChecksInBrowser(t *testing.T) {
	t.Parallel()
	elsewhere := serveHTML(t, map[string]string{"/image": ""})
	pages := map[string]string{
		"/dark.css": "@media (prefers-color-scheme: dark) { body { background: #222 } h1 { color: #333 } }",
		"/wide.css": ".wide { width: 400px }",
		"/error.js": "console.error('of no use')",
		"/throw.js": "throw new Error('thrown')",
	}
	cases := []struct {
		name, body string
		check      func(p *page) []string
		want       string
	}{
		{"no alternative text", `<main><h1>One</h1><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" width="9" height="9"></main>`, (*page).violations, "image-alt"},
		{"no contrast in the dark", `<link rel="stylesheet" href="/dark.css"><main><h1>One</h1></main>`, inTheDark, "color-contrast"},
		{"too wide", `<link rel="stylesheet" href="/wide.css"><main><h1>One</h1><p class="wide">Wide</p></main>`, onThePhone, `class="wide"`},
		{"a word too long", `<main><h1>` + strings.Repeat("w", 40) + `</h1></main>`, onThePhone, "the page is"},
		{"script in the page", `<script>document.title = "run"</script>`, (*page).troubles, "script-src"},
		{"error on the console", `<script src="/error.js"></script>`, (*page).troubles, "of no use"},
		{"exception", `<script src="/throw.js"></script>`, (*page).troubles, "Error: thrown"},
		{"file that is missing", `<script src="/missing.js"></script>`, (*page).troubles, "/missing.js was answered with 404"},
		{"image from elsewhere", `<img alt="" src="` + elsewhere.URL + `/image">`, (*page).troubles, "another origin"},
		{"nobody answers", `<img alt="" src="http://127.0.0.1:1/image">`, (*page).troubles, "failed"},
	}
	for n, c := range cases {
		pages[fmt.Sprintf("/%d", n)] = c.body
	}
	p := browse(t, serveHTML(t, pages).URL) // one tab for all, since each costs a process
	for n, c := range cases {
		p.show(looks[0])
		p.open(fmt.Sprintf("/%d", n))
		if found := strings.Join(c.check(p), "\n"); !strings.Contains(found, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
		_ = p.troubles() // of pages that were made to have some
	}
}

func inTheDark(p *page) []string {
	found := p.violations()
	p.show(looks[1])
	if len(found) > 0 {
		return found // it is good in the light
	}
	return p.violations()
}

func onThePhone(p *page) []string {
	if found := p.tooWide(); len(found) > 0 {
		return nil // it is not on a desk
	}
	p.show(looks[2])
	return p.tooWide()
}

const formPage = `<main><h1>Form</h1><form method="post" action="/done">
<label>Name <input name="name" required></label>
<label for="until">Until</label><input type="date" id="until" name="until">
<label>Role <select name="role"><option value="a">Admin</option><option value="m">Member</option></select></label>
<label><input type="checkbox" name="scope" value="issues"> Issues</label>
<textarea name="notes" aria-label="Notes">old</textarea>
<button>Send</button></form>
<a href="/missing">Elsewhere</a><p id="script">off</p><script src="/on.js"></script></main>`

// A form is filled in as a user does it, with scripts and without, and what comes of it
// is waited for.
func TestFormInBrowser(t *testing.T) {
	t.Parallel()
	s := serveHTML(t, map[string]string{"/form": formPage, "/on.js": `setTimeout(() => script.textContent = "on", 50)`})
	mux := http.NewServeMux()
	mux.Handle("/", s.Config.Handler)
	mux.HandleFunc("/done", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "sent", Value: "yes", Path: "/done", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/done?"+r.PostForm.Encode(), http.StatusSeeOther)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	served := httptest.NewServer(mux)
	t.Cleanup(served.Close)
	for _, scripts := range []string{"on", "off"} {
		t.Run("scripts "+scripts, func(t *testing.T) {
			t.Parallel()
			p := browse(t, served.URL)
			if scripts == "off" {
				p.withoutJavaScript()
			}
			p.open("/form")
			if scripts == "on" {
				p.await(`script.textContent === "on"`)
			}
			if is := p.text("#script"); is != scripts {
				t.Errorf("scripts are %s", is)
			}
			p.fill("Name", "Ada")
			p.fill("until", "2030-01-02")
			p.fill("Role", "Member")
			p.fill("Notes", "new")
			p.click("checkbox", "Issues")
			if p.cookie("sent") != nil {
				t.Error("there is a cookie already")
			}
			p.expect(http.StatusAccepted).follow("button", "Send")
			if want := "/done?name=Ada&notes=new&role=m&scope=issues&until=2030-01-02"; p.path() != want {
				t.Errorf("at %s, want %s", p.path(), want)
			}
			if c := p.cookie("sent"); c == nil || !c.HTTPOnly || c.Value != "yes" {
				t.Errorf("cookie %+v", c)
			}
			p.open("/form")
			p.expect(http.StatusNotFound).follow("link", "Elsewhere")
		})
	}
}
