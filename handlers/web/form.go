package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
)

// MaxBody is the largest form that is read, in bytes, and the largest body of what
// does not say otherwise.
const MaxBody = 64 << 10

// ignoredBody is how much of a body that is too large is read beyond its limit, in
// bytes, before the connection is closed on the sender.
const ignoredBody = 256 << 10

var (
	// ErrBadForm says that a body is not a form that can be served. The text that
	// wraps it says why and repeats nothing of the body.
	ErrBadForm = errors.New("bad form")
	// ErrTooLarge says that a body is longer than its limit.
	ErrTooLarge = errors.New("body too large")
)

// Form reads the body as application/x-www-form-urlencoded. Parameters without
// a value count as absent; one that is there twice is refused (RFC 6749 section
// 3.2), but for those named in repeatable. The query is not looked at. Errors
// match ErrBadForm or ErrTooLarge.
func Form(w http.ResponseWriter, r *http.Request, repeatable ...string) (url.Values, error) {
	return FormUpTo(w, r, MaxBody, repeatable...)
}

// FormUpTo is [Form] for a body of at most limit bytes.
func FormUpTo(w http.ResponseWriter, r *http.Request, limit int64, repeatable ...string) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("%w: the content type must be application/x-www-form-urlencoded", ErrBadForm)
	}
	body, err := Body(w, r, limit)
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: the body could not be read", ErrBadForm)
	}
	return ParseForm(string(body), repeatable...)
}

// Body reads a body of at most limit bytes. It returns ErrTooLarge for a longer one.
func Body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		// Who is still sending would see the connection break instead of the answer.
		_, _ = io.CopyN(io.Discard, r.Body, ignoredBody)
		return nil, ErrTooLarge
	}
	return body, err
}

// ParseForm is [Form] for a body that has been read.
func ParseForm(body string, repeatable ...string) (url.Values, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, fmt.Errorf("%w: the body is not form-encoded", ErrBadForm)
	}
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return nil, fmt.Errorf("%w: a parameter is repeated", ErrBadForm)
		}
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if len(values) == 0 {
			delete(form, name)
		} else {
			form[name] = values
		}
	}
	return form, nil
}
