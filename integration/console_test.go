package integration

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// visitor is somebody with a browser of their own, without JavaScript: it keeps
// cookies, follows redirects and sends forms as they are on the page.
type visitor struct {
	t    testing.TB
	i    *instance
	http *http.Client
}

// visitor returns somebody who has not signed in.
func (i *instance) visitor(t testing.TB) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, i: i, http: &http.Client{Jar: jar, Timeout: client.Timeout, Transport: client.Transport}}
}

// visitorAs returns somebody who has signed in to the console.
func (i *instance) visitorAs(t testing.TB, email, password string) *visitor {
	t.Helper()
	v := i.visitor(t)
	v.signIn(email, password)
	return v
}

// visitorWith returns somebody whose browser has that session, which is quicker than
// signing in.
func (i *instance) visitorWith(t testing.TB, session string) *visitor {
	t.Helper()
	v := i.visitor(t)
	base, err := url.Parse(i.base)
	if err != nil {
		t.Fatal(err)
	}
	v.http.Jar.SetCookies(base, []*http.Cookie{{Name: "kiket_session", Value: session, Path: "/"}})
	return v
}

// visitingAdmin returns the admin of Acme with a new session.
func (i *instance) visitingAdmin(t testing.TB) *visitor {
	t.Helper()
	return i.visitorWith(t, i.sessionOf(t, i.boot.Organization.ID, i.boot.Admin.ID).Secret.Reveal())
}

func (v *visitor) signIn(email, password string) {
	v.t.Helper()
	p := v.get("/console/sign-in").submit("Sign in", "email", email, "password", password)
	if p.status != http.StatusOK || strings.HasSuffix(p.path, "/sign-in") {
		v.t.Fatalf("signing in: %d %s: %s", p.status, p.path, p.text)
	}
}

// visited is a page as it came.
type visited struct {
	v      *visitor
	status int
	header http.Header
	path   string // with the query, where redirects led to
	source string
	text   string // what can be read on it, words separated by single spaces
	root   *html.Node
}

func (v *visitor) get(path string) visited {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.i.base+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(r)
}

// post sends a form of pairs of names and values that need not be on any page.
func (v *visitor) post(path string, fields ...string) visited {
	v.t.Helper()
	return v.send(http.MethodPost, path, pairs(fields))
}

func pairs(fields []string) url.Values {
	form := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		form.Add(pair[0], pair[1])
	}
	return form
}

func (v *visitor) send(method, path string, form url.Values) visited {
	v.t.Helper()
	if method == http.MethodGet {
		return v.get(path + "?" + form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.i.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(r)
}

func (v *visitor) do(r *http.Request) visited {
	v.t.Helper()
	if r.Method == http.MethodPost && r.Header.Get("Origin") == "" {
		r.Header.Set("Origin", v.i.base)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	response, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		v.t.Fatal(err)
	}
	p := visited{v: v, status: response.StatusCode, header: response.Header, path: response.Request.URL.RequestURI(), source: string(body), root: root}
	p.text = readable(root)
	return p
}

// readable returns what can be read, without what is folded away by styles.
func readable(n *html.Node) string {
	var b strings.Builder
	for n := range descendants(n) {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// descendants is a node and all below it, in the order in which they are written.
func descendants(n *html.Node) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		if !yield(n) {
			return
		}
		for d := range n.Descendants() {
			if !yield(d) {
				return
			}
		}
	}
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// want fails the test unless the page came with the status and has all of the texts.
func (p visited) want(status int, texts ...string) visited {
	p.v.t.Helper()
	if p.status != status {
		p.v.t.Fatalf("%s: %d, want %d: %s", p.path, p.status, status, p.text)
	}
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			p.v.t.Errorf("%s: %q is not on the page: %s", p.path, text, p.text)
		}
	}
	return p
}

// wantNot fails the test if one of the texts is in the page's source.
func (p visited) wantNot(texts ...string) visited {
	p.v.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.source, text) {
			p.v.t.Errorf("%s: %q is on the page", p.path, text)
		}
	}
	return p
}

// follow clicks the link that has the text.
func (p visited) follow(text string) visited {
	p.v.t.Helper()
	for n := range p.root.Descendants() {
		if href, ok := attribute(n, "href"); n.Data == "a" && ok && readable(n) == text {
			return p.v.get(p.resolve(href))
		}
	}
	p.v.t.Fatalf("%s has no link %q: %s", p.path, text, p.text)
	return visited{}
}

func (p visited) resolve(address string) string {
	here, err := url.Parse(p.path)
	if err != nil {
		p.v.t.Fatal(err)
	}
	to, err := here.Parse(address)
	if err != nil {
		p.v.t.Fatal(err)
	}
	return to.RequestURI()
}

// submit presses the button that has the text, with the form around it as it stands on
// the page save for the fields given as pairs of names and values. A field that is given
// several times has several values, and one with the value "-" is left out.
func (p visited) submit(button string, fields ...string) visited {
	p.v.t.Helper()
	form, pressed := p.formOf(button)
	values := successful(form)
	if name, ok := attribute(pressed, "name"); ok {
		value, _ := attribute(pressed, "value")
		values.Set(name, value)
	}
	for name, given := range pairs(fields) {
		if values.Del(name); given[0] != "-" {
			values[name] = given
		}
	}
	method, _ := attribute(form, "method")
	action, given := attribute(form, "action")
	if !given {
		action = p.path
	}
	path := p.resolve(action)
	if strings.EqualFold(method, http.MethodPost) {
		return p.v.send(http.MethodPost, path, values)
	}
	path, _, _ = strings.Cut(path, "?")
	return p.v.send(http.MethodGet, path, values)
}

// formOf returns the form in which the button with the text is, and the button.
func (p visited) formOf(button string) (form, pressed *html.Node) {
	p.v.t.Helper()
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "button" || readable(n) != button {
			continue
		}
		for form = n.Parent; form != nil && form.Data != "form"; form = form.Parent {
		}
		if form != nil {
			return form, n
		}
	}
	p.v.t.Fatalf("%s has no button %q in a form: %s", p.path, button, p.text)
	return nil, nil
}

// successful returns the fields that a form would be sent with (HTML section 4.10.21.4).
func successful(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name, named := attribute(n, "name")
		if _, disabled := attribute(n, "disabled"); !named || disabled {
			continue
		}
		value, _ := attribute(n, "value")
		switch n.Data {
		case "input":
			kind, _ := attribute(n, "type")
			if _, checked := attribute(n, "checked"); (kind == "checkbox" || kind == "radio") && !checked {
				continue
			}
			values.Add(name, value)
		case "textarea":
			values.Add(name, readable(n))
		case "select":
			values.Add(name, selected(n))
		}
	}
	return values
}

// selected returns the option that is chosen, the first if none is.
func selected(list *html.Node) string {
	chosen, first := "", true
	for n := range list.Descendants() {
		if n.Data != "option" {
			continue
		}
		value, given := attribute(n, "value")
		if !given {
			value = readable(n)
		}
		if _, marked := attribute(n, "selected"); marked || first {
			chosen, first = value, false
		}
	}
	return chosen
}

// secret returns what the page shows once.
func (p visited) secret() string {
	p.v.t.Helper()
	for n := range p.root.Descendants() {
		if id, _ := attribute(n, "id"); id == "secret" {
			return readable(n)
		}
	}
	p.v.t.Fatalf("%s shows no secret: %s", p.path, p.text)
	return ""
}
