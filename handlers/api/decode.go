package api

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	// This decoder, unlike the standard library's, takes a member's name to the
	// letter and refuses to see it twice.
	"github.com/go-jose/go-jose/v4/json"

	"kiket.dev/auth/storage"
)

// optional is a member that may be absent, which is not the same as null.
type optional[T any] struct {
	set   bool // it is there
	null  bool // and null
	value T
}

// UnmarshalJSON implements [json.Unmarshaler].
func (o *optional[T]) UnmarshalJSON(text []byte) error {
	o.set = true
	if string(text) == "null" {
		o.null = true
		return nil
	}
	return json.Unmarshal(text, &o.value)
}

// get returns the value, nil if it is absent or null.
func (o optional[T]) get() *T {
	if !o.set || o.null {
		return nil
	}
	return &o.value
}

// wanted says what may stand in the place of the member.
func (o optional[T]) wanted() string { return wanted(reflect.TypeFor[T]()) }

// decode reads the body into a struct, of which every field has a json tag. The
// members may be wrapped in the resource's singular name. It returns errSyntax,
// errNotObject, errTooDeep, or a *storage.Invalid for each member that is unknown, there
// twice or of the wrong type. null is the same as absent, but for an [optional].
func (c *call) decode(singular string, into any) error {
	if !utf8.Valid(c.body) {
		return fmt.Errorf("%w: not UTF-8", errSyntax)
	}
	members, err := object(c.body)
	if err != nil {
		return err
	}
	if wrapped, ok := members[singular]; ok && singular != "" && len(members) == 1 && beginsObject(wrapped) {
		if members, err = object(wrapped); err != nil {
			return err
		}
	}
	return fill(reflect.ValueOf(into).Elem(), members)
}

// object reads the members of an object, to be decoded one by one. An empty body is
// an empty object.
func object(text []byte) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return members, nil
	}
	if !beginsObject(text) {
		return nil, notObject(text)
	}
	if err := json.Unmarshal(text, &members); err != nil {
		name, twice := strings.CutPrefix(err.Error(), "json: duplicate key '")
		switch {
		case twice:
			return nil, storage.Invalidf(strings.TrimSuffix(name, "' in object"), "is there twice")
		case strings.Contains(err.Error(), "max depth"):
			return nil, errTooDeep
		}
		return nil, errSyntax // the library's words quote the body
	}
	return members, nil
}

// notObject says what the body is, which is no object.
func notObject(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return errSyntax
	}
	is := "null"
	switch v := value.(type) {
	case []any:
		is = "a list"
	case string:
		is = "a text"
	case float64:
		is = "a number"
	case bool:
		is = strconv.FormatBool(v)
	}
	return fmt.Errorf("%w, and this one is %s", errNotObject, is)
}

func beginsObject(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
}

// fill decodes the members into the fields that their tags name.
func fill(target reflect.Value, members map[string]json.RawMessage) error {
	var wrong []error
	known := map[string]bool{}
	for i := range target.NumField() {
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		known[name] = true
		text, ok := members[name]
		if !ok {
			continue
		}
		if err := decodeMember(text, target.Field(i)); err != nil {
			wrong = append(wrong, storage.Invalidf(name, "%s", err))
		}
	}
	for name := range members {
		if !known[name] {
			wrong = append(wrong, storage.Invalidf(name, "unknown member of the request"))
		}
	}
	return errors.Join(wrong...)
}

func decodeMember(text json.RawMessage, field reflect.Value) error {
	if err := json.Unmarshal(text, field.Addr().Interface()); err != nil {
		return errors.New("want " + wanted(field.Type()))
	}
	return checkEscapes(text)
}

// wanted says in words what a type takes.
func wanted(t reflect.Type) string {
	if o, ok := reflect.Zero(t).Interface().(interface{ wanted() string }); ok {
		return o.wanted()
	}
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[*time.Time]():
		return "a point in time as RFC 3339 has it, such as 2031-01-31T23:59:00Z"
	case t.Kind() == reflect.Pointer:
		return wanted(t.Elem())
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int64, t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return "a list of strings"
	case t.Kind() == reflect.Slice:
		return "a list"
	}
	return "an object"
}
