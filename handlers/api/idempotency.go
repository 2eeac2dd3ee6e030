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
	if len(values) == 0 || c.request.Method != http.MethodPost || c.endpoint.permission == web.Public || c.endpoint.repeats {
		return handle(c)
	}
	if len(values) > 1 || !validKey(values[0]) {
		return reply{}, errIdempotencyKey
	}
	request := requests.Request{
		Caller: c.name(), Key: storage.NewSecret(values[0]),
		Content: slices.Concat([]byte(c.request.Method+" "+c.request.URL.RequestURI()+"\n"), c.body),
	}
	encoded, again, err := a.Server.Answers.Once(c.context(), request, func(ctx context.Context) ([]byte, error) {
		inside := *c
		inside.request = c.request.WithContext(ctx)
		answer, err := handle(&inside)
		if err != nil {
			return nil, err
		}
		return encode(answer)
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

func decoded(k kept, again bool) reply {
	answer := reply{status: k.Status, again: again}
	if k.Body != nil {
		answer.body = k.Body
	}
	return answer
}

func encode(answer reply) ([]byte, error) {
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
