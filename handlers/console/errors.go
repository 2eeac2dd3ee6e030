package console

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/storage"
)

// What is wrong with a request before a verb sees it.
var (
	errForeign     = errors.New("the form was sent from another site")
	errNothingHere = errors.New("there is nothing here")
	errMethod      = errors.New("the method is not allowed here")
)

// tooManyError says that a budget is spent.
type tooManyError struct{ wait time.Duration }

func (e *tooManyError) Error() string { return "too many requests" }

// again shows the form that was sent once more, with what is wrong about it, if err is
// about that; any other error is returned.
func (v *visit) again(form view, err error) (view, error) {
	var refusal *access.Refusal
	switch {
	case errors.Is(err, storage.ErrInvalid):
		v.wrong = fieldsOf(err)
		form.status = http.StatusUnprocessableEntity
	case errors.As(err, &refusal):
		v.wrong = map[string][]string{"": {web.Sentence(refusal.Message)}}
		form.status = http.StatusConflict
		if errRecord := v.recordRefusal(err); errRecord != nil {
			return view{}, errors.Join(err, errRecord)
		}
	default:
		return view{}, err
	}
	return form, nil
}

// fieldsOf gathers what is wrong by field, in sentences.
func fieldsOf(err error) map[string][]string {
	fields := storage.FieldsOf(err)
	for _, problems := range fields {
		for n := range problems {
			problems[n] = web.Sentence(problems[n])
		}
	}
	return fields
}

// trouble is a page that says why another cannot be shown.
type trouble struct {
	Headline  string
	Text      string
	RequestID string // of what must be looked for in the log
}

// problem is the one table from errors to pages. Of what is not expected nothing is
// told.
func (v *visit) problem(err error) view {
	status, t := v.troubleOf(err)
	record := web.RecordOf(v.request.Context())
	if status >= http.StatusInternalServerError {
		record.Fail(err)
		t.RequestID = web.OriginOf(v.request).RequestID
	} else {
		record.Add(slog.String("refused", t.Headline))
	}
	return view{status: status, template: "problem", title: t.Headline, data: t}
}

func (v *visit) troubleOf(err error) (int, trouble) {
	var many *tooManyError
	var throttled *clients.ThrottledError
	var refusal *access.Refusal
	switch {
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, passwords.ErrBusy):
		v.response.Header().Set("Retry-After", "2")
		return http.StatusServiceUnavailable, trouble{Headline: "Not available right now", Text: "The server cannot reach its database, or is busy. Nothing was changed unless a page said so. Try again in a moment."}
	case errors.As(err, &many):
		return http.StatusTooManyRequests, trouble{Headline: "Too many requests", Text: v.wait(many.wait)}
	case errors.As(err, &throttled):
		return http.StatusTooManyRequests, trouble{Headline: "Too many failed attempts", Text: v.wait(throttled.RetryAfter)}
	case errors.Is(err, errForeign):
		return http.StatusForbidden, trouble{Headline: "Not from here", Text: "This form was sent from another site, and was not carried out. Open the console and do it there."}
	case errors.Is(err, access.ErrDenied):
		return http.StatusForbidden, trouble{Headline: "Not allowed", Text: v.denied(err)}
	case errors.Is(err, web.ErrTooLarge):
		return http.StatusRequestEntityTooLarge, trouble{Headline: "Too large", Text: fmt.Sprintf("What was sent is larger than %d KiB.", v.page.limit()>>10)}
	case errors.Is(err, web.ErrBadForm):
		return http.StatusBadRequest, trouble{Headline: "Not understood", Text: "The form could not be read. Go back and send it again."}
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed, trouble{Headline: "Not possible", Text: "This page cannot be asked for in that way."}
	case errors.As(err, &refusal):
		return http.StatusConflict, trouble{Headline: "Not possible as things stand", Text: web.Sentence(refusal.Message)}
	case errors.Is(err, storage.ErrInvalid):
		return http.StatusUnprocessableEntity, trouble{Headline: "Not accepted", Text: web.Sentence(strings.ReplaceAll(err.Error(), "\n", "; "))}
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, errNothingHere):
		return http.StatusNotFound, trouble{Headline: "Nothing here", Text: "There is no such page, what it was about is gone, or it is none of yours."}
	}
	return http.StatusInternalServerError, trouble{Headline: "Something went wrong", Text: "This is a mistake of the server's. Try again; if it stays, tell whoever runs it the number below, which finds it in the log."}
}

// wait says how long to wait, to programs too.
func (v *visit) wait(d time.Duration) string {
	seconds := int(math.Ceil(d.Seconds()))
	v.response.Header().Set("Retry-After", strconv.Itoa(seconds))
	if seconds < 120 {
		return fmt.Sprintf("Try again in %d seconds.", seconds)
	}
	return fmt.Sprintf("Try again in %d minutes.", (seconds+59)/60)
}

// denied says why somebody is refused.
func (v *visit) denied(err error) string {
	if v.signedIn() && v.credential.Owner.Role != storage.RoleAdmin {
		return "This is for the admins of " + v.organization.Name + ". Ask one of them."
	}
	return web.Sentence(access.Reason(err))
}
