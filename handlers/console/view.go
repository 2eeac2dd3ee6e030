package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/storage"
)

//go:embed templates
var templates embed.FS

// views are the templates of pages by name, each with the layout and the parts.
type views map[string]*template.Template

// parseViews reads templates/*.html, which every page shares, and templates/pages/*.html.
func parseViews(clock func() time.Time) (views, error) {
	shared, err := template.New("").Funcs(functions(clock)).ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the console's templates: %w", err)
	}
	files, err := fs.Glob(templates, "templates/pages/*.html")
	if err != nil {
		return nil, err
	}
	parsed := views{}
	for _, file := range files {
		one, err := shared.Clone()
		if err == nil {
			one, err = one.ParseFS(templates, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the console's templates: %w", err)
		}
		parsed[strings.TrimSuffix(path.Base(file), ".html")] = one
	}
	return parsed, nil
}

// view is what a page shows.
type view struct {
	status   int    // 0: 200
	template string // the name of a file in templates/pages, without its ending
	title    string
	data     any
	redirect string // where to go on instead; below the issuer
	// stream writes the whole answer by itself, nil: the template does. An error before
	// it has begun to write is a page as any other.
	stream func(w http.ResponseWriter) error
}

// goTo leads on after a change, to say there that it was made.
func goTo(path, notice string) view {
	if notice == "" {
		return view{redirect: path}
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return view{redirect: path + separator + "notice=" + notice}
}

// layout is what the template of a page is given.
type layout struct {
	Title        string
	Data         any
	Form         form
	Nav          []navGroup
	Alerts       string // how many are open; empty: none
	Person       storage.Member
	Organization storage.Organization
	Admin        bool
	Notice       string
	Path         string // of this page
	Issuer       string
}

// SignedIn says whether somebody is.
func (l layout) SignedIn() bool { return l.Person.UserID != 0 }

// form is what was sent, for showing it again.
type form struct {
	values map[string][]string
	Wrong  map[string][]string // by field; what belongs to none under ""
}

// Value returns what was in a field, or otherwise if nothing was sent.
func (f form) Value(name string, otherwise ...string) string {
	if values, ok := f.values[name]; ok && len(values) > 0 {
		return values[0]
	}
	return strings.Join(otherwise, "")
}

// Has reports whether a field held a value.
func (f form) Has(name, value string) bool { return slices.Contains(f.values[name], value) }

// Fields returns what was sent in fields other than those named, to be sent again.
func (f form) Fields(except ...string) map[string][]string {
	fields := maps.Clone(f.values)
	for _, name := range except {
		delete(fields, name)
	}
	return fields
}

// render writes a view in its layout.
func (c *Console) render(v *visit, shown view) {
	header := v.response.Header()
	if shown.redirect != "" {
		header.Set("Location", shown.redirect)
		v.response.WriteHeader(http.StatusSeeOther)
		return
	}
	l := layout{
		Title: shown.title, Data: shown.data, Form: form{values: v.values, Wrong: v.wrong},
		Path: v.request.URL.Path, Issuer: c.server.Issuer,
	}
	if v.signedIn() {
		l.Person, l.Organization = v.credential.Owner, v.organization
		l.Admin = v.credential.Owner.Role == storage.RoleAdmin
		if l.Admin && shown.template != "problem" {
			l.Alerts = v.openAlerts()
		}
		l.Nav = navigation(l.Admin, l.Path, l.Alerts)
	}
	if !v.posted() {
		l.Notice = notices[v.request.URL.Query().Get("notice")]
	}
	var out bytes.Buffer
	if err := c.views[shown.template].ExecuteTemplate(&out, "layout", l); err != nil {
		web.RecordOf(v.request.Context()).Fail(fmt.Errorf("rendering %s: %w", shown.template, err))
		header.Set("Content-Type", "text/plain; charset=utf-8")
		v.response.WriteHeader(http.StatusInternalServerError)
		_, _ = v.response.Write([]byte("Something went wrong here. The request id finds it in the log: " + web.OriginOf(v.request).RequestID + "\n"))
		return
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	if shown.status != 0 {
		v.response.WriteHeader(shown.status)
	}
	_, _ = v.response.Write(out.Bytes()) // the status is out; a connection that breaks cannot be told
}
