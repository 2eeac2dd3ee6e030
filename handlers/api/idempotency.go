package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/requests"
	"kiket.dev/auth/storage"
)

const (
	idempotencyHeader  = "Idempotency-Key"
	mostIdempotencyKey = 255
)

// kept is a reply as it is kept.
type kept struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// once answers a call, or gives again the answer that an earlier one with the same
// Idempotency-Key got.
func (a *API) once(c *call, handle func(*call) (reply, error)) (reply, error) {
	values := c.request.Header.Values(idempotencyHeader)
	if len(values) == 0 || c.request.Method != http.MethodPost || c.endpoint.permission == web.Public {
		return completed(c, handle)
	}
	if len(values) > 1 || !validKey(values[0]) {
		return reply{}, errIdempotencyKey
	}
	request := requests.Request{
		Caller: c.name(), Key: storage.NewSecret(values[0]),
		Content: slices.Concat([]byte(c.request.Method+" "+c.request.URL.RequestURI()+"\n"), c.body),
	}
	encoded, again, err := a.answered(c, request, func(ctx context.Context) (reply, error) {
		inside := *c
		inside.request = c.request.WithContext(ctx)
		return handle(&inside)
	})
	if err != nil {
		return reply{}, err
	}
	var answer kept
	if err := json.Unmarshal(encoded, &answer); err != nil {
		return reply{}, err
	}
	return decoded(answer, again), nil
}

// answered is the encoded answer to the request, and whether it is an earlier one.
func (a *API) answered(c *call, request requests.Request, handle func(context.Context) (reply, error)) (encoded []byte, again bool, err error) {
	if !c.endpoint.waits {
		return a.Server.Answers.Once(c.context(), request, func(ctx context.Context) ([]byte, error) { return encode(handle(ctx)) })
	}
	return a.Server.Answers.OnceAfter(c.context(), request, func(ctx context.Context) (func(context.Context) ([]byte, error), error) {
		begun, err := handle(ctx)
		return func(ctx context.Context) ([]byte, error) { return encode(begun.after(ctx)) }, err
	})
}

// completed answers a call of which nothing is kept.
func completed(c *call, handle func(*call) (reply, error)) (reply, error) {
	answer, err := handle(c)
	if err != nil || answer.after == nil {
		return answer, err
	}
	return answer.after(c.context())
}

func decoded(k kept, again bool) reply {
	answer := reply{status: k.Status, again: again}
	if k.Body != nil {
		answer.body = k.Body
	}
	return answer
}

func encode(answer reply, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	k := kept{Status: answer.status}
	if answer.body != nil {
		body, err := json.Marshal(answer.body)
		if err != nil {
			return nil, err
		}
		k.Body = body
	}
	return json.Marshal(k)
}

// validKey wants 1 to 255 printable characters of ASCII.
func validKey(key string) bool {
	if key == "" || len(key) > mostIdempotencyKey {
		return false
	}
	for _, b := range []byte(key) {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}
