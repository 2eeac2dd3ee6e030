package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gorilla/mux"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// call is one request to an endpoint: who makes it, and ways to read it.
type call struct {
	response http.ResponseWriter
	request  *http.Request
	endpoint endpoint
	body     []byte
	query    url.Values // see readQuery

	caller access.Caller
	// credential is what the caller was made from; zero on public endpoints.
	credential storage.Credential
}

// context is what verbs are given; it may carry the transaction of the call.
func (c *call) context() context.Context { return c.request.Context() }

func (c *call) organization() int64 { return c.caller.OrganizationID }

// name tells callers apart for budgets and idempotency keys: the credential, or the
// application, whose access tokens come and go.
func (c *call) name() string {
	t := c.credential.Token
	if t.Kind == storage.AccessToken {
		return fmt.Sprintf("oauth_application:%d", t.ClientID)
	}
	return fmt.Sprintf("%s:%d", t.Kind, t.ID)
}

// variable returns a part of the path.
func (c *call) variable(name string) string { return mux.Vars(c.request)[name] }

// id returns a part of the path that is digits. One that is too large names
// nothing, as 0 does.
func (c *call) id(name string) int64 {
	id, err := strconv.ParseInt(c.variable(name), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// readQuery reads the query. It returns errQuery, or a *storage.Invalid for each
// parameter that the endpoint does not take or that is there twice: one that is misspelt
// would otherwise do less than was meant, or more.
func (c *call) readQuery() error {
	query, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return errQuery
	}
	if c.endpoint.permission == web.Public {
		return nil // and takes none
	}
	var wrong []error
	for name, values := range query {
		switch {
		case !slices.Contains(c.endpoint.parameters, name):
			wrong = append(wrong, storage.Invalidf(name, "unknown parameter of the query"))
		case len(values) > 1:
			wrong = append(wrong, storage.Invalidf(name, "is there twice"))
		}
	}
	c.query = query
	return errors.Join(wrong...)
}

// How many items a page of a list holds.
const (
	defaultLimit = 50
	mostLimit    = 200
)

// page returns the part of a list that ?cursor= and ?limit= ask for. Its limit is
// one more, by which [list] sees whether there is another page.
func (c *call) page() (storage.Page, error) {
	limit, wrong := c.limit()
	page := storage.Page{Limit: limit + 1}
	if text := c.query.Get("cursor"); text != "" {
		before, err := readCursor(text)
		if err != nil {
			wrong = errors.Join(wrong, errCursor)
		}
		page.Before = before
	}
	return page, wrong
}

// limit returns how many items ?limit= asks for on a page.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostLimit {
		return 0, storage.Invalidf("limit", "want a number from 1 to %d", mostLimit)
	}
	return n, nil
}

// flag returns a parameter of the query that is true or false, false if it is absent.
func (c *call) flag(name string) (bool, error) {
	switch c.query.Get(name) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, storage.Invalidf(name, "want true or false")
}

var errCursor = storage.Invalidf("cursor", "want the next_cursor of an earlier answer")

// cursor hides that the place in a list is an id, so that it can become another.
func cursor(id int64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, id, 36))
}

func readCursor(text string) (int64, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(string(raw), 36, 64)
	if err == nil && id < 1 {
		err = errors.New("not an id")
	}
	return id, err
}

var (
	errMediaType = errors.New("the content type must be application/json")
	errBody      = errors.New("the body could not be read")
)

// readBody reads the body of a request that changes something. A body without content
// needs no content type.
func (c *call) readBody() error {
	switch c.request.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil
	}
	limit := c.endpoint.maxBody
	if limit == 0 {
		limit = web.MaxBody
	}
	body, err := web.Body(c.response, c.request, limit)
	switch {
	case errors.Is(err, web.ErrTooLarge):
		return err
	case err != nil:
		return errBody
	}
	media, _, err := mime.ParseMediaType(c.request.Header.Get("Content-Type"))
	if len(body) > 0 && (err != nil || media != "application/json") {
		return errMediaType
	}
	c.body = body
	return nil
}
