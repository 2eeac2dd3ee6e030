package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/requests"
	"kiket.dev/auth/storage"
)

// onceField is the field with which a form that makes a secret is told from the next.
const onceField = "form"

// showAgainFor is for how long a form that is sent a second time gets the answer that
// the first got: that is how two clicks, or a connection that broke, lose no secret.
// Afterwards a secret that was shown is never shown again, whoever goes back in their
// history.
const showAgainFor = time.Minute

// errShown answers a form that made a secret some time ago.
var errShown = access.Refuse("already_shown",
	"this form was sent before, and the secret that it made was shown then; it cannot be shown again")

// newForm names a form that is about to be filled in.
func newForm() string { return rand.Text() }

// answered is what a form got.
type answered[T any] struct {
	At     time.Time `json:"at"`
	Answer T         `json:"answer"`
}

// once carries out the form that was sent, or gives again what it got if that was just
// now. T is kept sealed, under a key that needs the form's own name. It returns an
// access.Refusal already_shown if it was sent before that.
func once[T any](v *visit, act func(ctx context.Context) (T, error)) (T, error) {
	var zero T
	name := v.values.Get(onceField)
	if name == "" {
		return zero, storage.Invalidf("", "the form is not complete: open it again")
	}
	request := requests.Request{
		Caller: fmt.Sprintf("console:%d:%d", v.organizationID(), v.caller.UserID), Key: storage.NewSecret(name),
		Content: slices.Concat([]byte(v.request.URL.Path+"\n"), []byte(without(v.values, onceField).Encode())),
	}
	clock := v.console.server.Clock
	encoded, _, err := v.console.server.Answers.Once(v.context(), request, func(ctx context.Context) ([]byte, error) {
		answer, err := act(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(answered[T]{At: clock(), Answer: answer})
	})
	if errors.Is(err, requests.ErrKeyReused) {
		return zero, errShown
	}
	if err != nil {
		return zero, err
	}
	var kept answered[T]
	if err := json.Unmarshal(encoded, &kept); err != nil {
		return zero, fmt.Errorf("reading what a form got: %w", err)
	}
	if clock().Sub(kept.At) > showAgainFor {
		return zero, errShown
	}
	return kept.Answer, nil
}

func without(values url.Values, names ...string) url.Values {
	rest := url.Values{}
	for name, value := range values {
		if !slices.Contains(names, name) {
			rest[name] = value
		}
	}
	return rest
}
