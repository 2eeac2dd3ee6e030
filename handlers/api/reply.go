package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"kiket.dev/auth/storage"
)

// reply is an answer to be written.
type reply struct {
	status int
	body   any    // nil: none
	page   []byte // HTML instead of a body
	again  bool
	// stream writes the whole answer by itself, nil: it is the rest. An error before it
	// has begun to write is answered as any other.
	stream func(w http.ResponseWriter) error
	// after is called for the answer when what the call did is committed; nil: this is the
	// answer.
	after func(ctx context.Context) (reply, error)
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

func created(body any) reply { return reply{status: http.StatusCreated, body: body} }

func noContent() reply { return reply{status: http.StatusNoContent} }

// list answers with a page of items under their plural name, and the cursor of the
// next page, which is null after the last. Items are those of [call.page]: one more
// than the page holds if there is another.
func list[T, R any](_ *call, plural string, page storage.Page, items []T, id func(T) int64, render func(T) R) reply {
	var next *string
	if len(items) >= page.Limit {
		items = items[:page.Limit-1]
		text := cursor(id(items[len(items)-1]))
		next = &text
	}
	rendered := make([]R, 0, len(items))
	for _, item := range items {
		rendered = append(rendered, render(item))
	}
	return ok(listBody{plural, rendered, next})
}

// listBody is a page of a list. Its items come first, and before the cursor, so that a
// person sees them.
type listBody struct {
	plural string
	items  any
	next   *string // nil after the last page
}

// MarshalJSON implements [json.Marshaler].
func (l listBody) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	fmt.Fprintf(&text, "{%q:", l.plural)
	err := encoder.Encode(l.items)
	text.WriteString(`,"next_cursor":`)
	err = errors.Join(err, encoder.Encode(l.next))
	text.WriteByte('}')
	return text.Bytes(), err
}

// moment is a point in time in an answer: in UTC and in microseconds, as it is stored
// and will be answered from now on, null if it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// write sends the reply. Answers may hold secrets, and change with every revocation:
// nobody keeps them.
func (p reply) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if p.again {
		header.Set("Idempotency-Replayed", "true")
	}
	if p.page != nil {
		header.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(p.status)
		_, _ = w.Write(p.page)
		return
	}
	if p.body == nil {
		w.WriteHeader(p.status)
		return
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	// The status is out; a connection that breaks now cannot be told.
	_ = encoder.Encode(p.body)
}
