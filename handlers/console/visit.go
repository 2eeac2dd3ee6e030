package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// visit is one request for a page: who makes it, and ways to read it.
type visit struct {
	console  *Console
	response http.ResponseWriter
	request  *http.Request
	page     page
	values   url.Values // of the form that was sent, otherwise of the query

	caller access.Caller
	// credential and organization are those of the session; zero without one.
	credential   storage.Credential
	organization storage.Organization
	// ended says that the cookie held a session that works no more.
	ended bool
	// wrong is what is the matter with the form that was sent, by field.
	wrong map[string][]string
}

// context is what verbs are given.
func (v *visit) context() context.Context { return v.request.Context() }

func (v *visit) organizationID() int64 { return v.caller.OrganizationID }

// posted reports whether a form was sent.
func (v *visit) posted() bool { return v.request.Method == http.MethodPost }

// variable returns a part of the path.
func (v *visit) variable(name string) string { return mux.Vars(v.request)[name] }

// id returns a part of the path that is digits. One that is too large names nothing,
// as 0 does.
func (v *visit) id(name string) int64 { return number(v.variable(name)) }

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// text returns a field of the form, or a parameter of the query, without spaces around
// it.
func (v *visit) text(name string) string { return strings.TrimSpace(v.values.Get(name)) }

// secret returns a field whose value must not be printed, as it was typed.
func (v *visit) secret(name string) storage.Secret { return storage.NewSecret(v.values.Get(name)) }

// changed returns what a field holds, and nil if that is what it held when the page was
// shown, which the form says in a field of its own: whoever changes one thing does not
// take back what somebody else has changed meanwhile about another.
func (v *visit) changed(name string) *string {
	value := v.text(name)
	if was, said := v.values[name+"_was"]; said && strings.TrimSpace(was[0]) == value {
		return nil
	}
	return &value
}

// required returns a *storage.Invalid for each of the fields that is empty.
func (v *visit) required(names ...string) error {
	var missing []error
	for _, name := range names {
		if v.values.Get(name) == "" {
			missing = append(missing, storage.Invalidf(name, "is needed"))
		}
	}
	return errors.Join(missing...)
}

// repeatable are the fields that a form may have several of.
var repeatable = []string{"scopes", "ids"}

// asked are the parameters that a page is asked for with. No other counts: a link must
// not fill in a form for whoever follows it.
var asked = slices.Concat([]string{"next", "notice", "before", "q", "state", "days", "project", "kind", "ids", "format"}, auditFields, sightParameters())

func sightParameters() []string {
	var names []string
	for _, s := range credentialSights {
		names = append(names, s.Parameter)
	}
	return names
}

func only(values url.Values, names []string) url.Values {
	chosen := url.Values{}
	for name, value := range values {
		if slices.Contains(names, name) {
			chosen[name] = value
		}
	}
	return chosen
}

// limit is the largest form that is read, in bytes. What a file held goes on from page
// to page in a field, in which it is up to three times as long.
func (p page) limit() int64 {
	if p.upload {
		return 4 * web.MaxBody
	}
	return web.MaxBody
}

// read reads what was sent.
func (v *visit) read() error {
	if !v.posted() {
		query, err := url.ParseQuery(v.request.URL.RawQuery)
		v.values = only(query, asked)
		if err != nil {
			return web.ErrBadForm
		}
		return nil
	}
	if v.page.upload && strings.HasPrefix(v.request.Header.Get("Content-Type"), "multipart/form-data") {
		return v.readUpload()
	}
	form, err := web.FormUpTo(v.response, v.request, v.page.limit(), repeatable...)
	v.values = form
	return err
}

// readUpload reads a form with files. The content of a file takes the place of the
// field that has its name.
func (v *visit) readUpload() error {
	v.values = url.Values{}
	v.request.Body = http.MaxBytesReader(v.response, v.request.Body, v.page.limit())
	if err := v.request.ParseMultipartForm(v.page.limit()); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return web.ErrTooLarge
		}
		return web.ErrBadForm
	}
	defer func() { _ = v.request.MultipartForm.RemoveAll() }()
	for name, sent := range v.request.MultipartForm.Value {
		// A browser sends a field for files that none was chosen for as an empty one.
		values := slices.DeleteFunc(slices.Clone(sent), func(value string) bool { return value == "" })
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return web.ErrBadForm
		}
		if len(values) > 0 {
			v.values[name] = values
		}
	}
	for name, files := range v.request.MultipartForm.File {
		if len(files) > 1 {
			return web.ErrBadForm
		}
		if len(files) == 0 || files[0].Size == 0 {
			continue
		}
		file, err := files[0].Open()
		if err != nil {
			return fmt.Errorf("opening an uploaded file: %w", err)
		}
		content, err := io.ReadAll(file)
		_ = file.Close()
		if err != nil {
			return fmt.Errorf("reading an uploaded file: %w", err)
		}
		v.values.Set(name, string(content))
	}
	return nil
}

// pageLimit is how many items a page of a list shows.
const pageLimit = 50

// query is what was asked for in the address; nothing if a form was sent, whose fields
// may be secrets and are in no address.
func (v *visit) query() url.Values {
	if v.posted() {
		return url.Values{}
	}
	return without(v.values, "notice")
}

// listPage returns the part of a list that ?before= asks for. Its limit is one more, by
// which [olderOf] sees whether there is more.
func (v *visit) listPage() storage.Page {
	return storage.Page{Before: number(v.query().Get("before")), Limit: pageLimit + 1}
}

// olderOf cuts what listPage asked for to what is shown, and returns the address of
// what follows in the list at path, "" if nothing does.
func olderOf[T any](v *visit, path string, found []T, id func(T) int64) ([]T, string) {
	if len(found) <= pageLimit {
		return found, ""
	}
	found = found[:pageLimit]
	query := with(v.query(), "before", strconv.FormatInt(id(found[pageLimit-1]), 10))
	return found, withQuery(path, query)
}

// recordRefusal writes down that somebody was refused a change, as the management API
// does.
func (v *visit) recordRefusal(err error) error {
	if v.page.action == "" || !v.posted() {
		return nil
	}
	noun, _, _ := strings.Cut(v.page.action, ".")
	return v.console.server.Audit.Refused(v.context(), v.caller, v.page.action, storage.Party{Kind: noun, ID: v.id("id")}, err)
}
