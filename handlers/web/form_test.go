package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const formType = "application/x-www-form-urlencoded"

// The texts of all refusals: none repeats what was sent.
const (
	wrongType = "bad form: the content type must be application/x-www-form-urlencoded"
	unread    = "bad form: the body could not be read"
	unencoded = "bad form: the body is not form-encoded"
	repeated  = "bad form: a parameter is repeated"
	tooLarge  = "body too large"
)

// wantRefusal checks that an error is one that Form may return.
func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	if errors.Is(err, ErrTooLarge) != (want == tooLarge) || errors.Is(err, ErrBadForm) == errors.Is(err, ErrTooLarge) {
		t.Errorf("%v: ErrBadForm %t, ErrTooLarge %t", err, errors.Is(err, ErrBadForm), errors.Is(err, ErrTooLarge))
	}
}

func TestParseForm(t *testing.T) {
	for _, tt := range []struct {
		body string
		want url.Values
		err  string
	}{
		{"", nil, ""},
		{"&&&", nil, ""},
		{"a=1&b=2", url.Values{"a": {"1"}, "b": {"2"}}, ""},
		{"a=b+c%20d%2B%26%3D", url.Values{"a": {"b c d+&="}}, ""},
		{"a=b=c", url.Values{"a": {"b=c"}}, ""},
		{"%61=1", url.Values{"a": {"1"}}, ""},
		{"A=1&a=2", url.Values{"A": {"1"}, "a": {"2"}}, ""},
		{"a=%00%ff&b=\x00\xff", url.Values{"a": {"\x00\xff"}, "b": {"\x00\xff"}}, ""},
		{"=1", url.Values{"": {"1"}}, ""},
		// Without a value counts as absent.
		{"a=&b&c=1", url.Values{"c": {"1"}}, ""},
		{"a=%20", url.Values{"a": {" "}}, ""},
		{"resource=&resource=x&resource=", url.Values{"resource": {"x"}}, ""},
		{"resource=&resource=", nil, ""},
		{"resource=x&resource=y&resource=x", url.Values{"resource": {"x", "y", "x"}}, ""},
		{"a=1&a=1", nil, repeated},
		{"a=1&a=", nil, repeated},
		{"a&a", nil, repeated},
		{"a=1&b=2&%61=3", nil, repeated},
		{"RESOURCE=x&RESOURCE=y", nil, repeated},
		{"=1&=2", nil, repeated},
		{"a=%zz", nil, unencoded},
		{"a=%", nil, unencoded},
		{"%=1", nil, unencoded},
		{"a=1&b=%2", nil, unencoded},
		{"a=1;b=2", nil, unencoded},
		{";", nil, unencoded},
	} {
		got, err := ParseForm(tt.body, "resource")
		if tt.err != "" {
			wantRefusal(t, err, tt.err)
		} else if err != nil {
			t.Errorf("%q: %v", tt.body, err)
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.body, diff)
		}
	}
}

// sender is a body that counts what is read of it.
type sender struct {
	io.Reader
	read int
}

// Read implements [io.Reader].
func (s *sender) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += n
	return n, err
}

func TestForm(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a=1&b="), errReader{})
	for _, tt := range []struct {
		name, contentType string
		body              io.Reader
		want              url.Values
		err               string
	}{
		{"a form", formType, strings.NewReader("a=1"), url.Values{"a": {"1"}}, ""},
		{"no body", formType, http.NoBody, nil, ""},
		{"with a charset", formType + "; charset=utf-8", strings.NewReader("a=1"), url.Values{"a": {"1"}}, ""},
		{"in upper case", " Application/X-WWW-Form-URLEncoded ;", strings.NewReader("a=1"), url.Values{"a": {"1"}}, ""},
		{"as large as it may be", formType, strings.NewReader("a=" + strings.Repeat("x", MaxBody-2)), url.Values{"a": {strings.Repeat("x", MaxBody-2)}}, ""},
		{"too large", formType, strings.NewReader("a=" + strings.Repeat("x", MaxBody-1)), nil, tooLarge},
		{"endless", formType, endless{}, nil, tooLarge},
		{"cut off", formType, broken, nil, unread},
		{"no type", "", strings.NewReader("a=1"), nil, wrongType},
		{"JSON", "application/json", strings.NewReader(`{"a": 1}`), nil, wrongType},
		{"multipart", "multipart/form-data; boundary=x", strings.NewReader("--x--"), nil, wrongType},
		{"text", "text/plain", strings.NewReader("a=1"), nil, wrongType},
		{"a malformed type", formType + "; charset", strings.NewReader("a=1"), nil, wrongType},
		{"two types", formType + ", application/json", strings.NewReader("a=1"), nil, wrongType},
		{"not encoded", formType, strings.NewReader("a=%zz"), nil, unencoded},
		{"repeated", formType, strings.NewReader("a=1&a=2"), nil, repeated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := &sender{Reader: tt.body}
			r := httptest.NewRequest(http.MethodPost, "/?a=query&c=query", body)
			r.Header.Set("Content-Type", tt.contentType)
			got, err := Form(httptest.NewRecorder(), r)
			if tt.err != "" {
				wantRefusal(t, err, tt.err)
			} else if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.err == wrongType && body.read > 0 {
				t.Errorf("read %d bytes of a body that is of no use", body.read)
			}
			if most := MaxBody + ignoredBody + 64<<10; body.read > most {
				t.Errorf("read %d bytes, want at most %d", body.read, most)
			}
		})
	}
}

// endless is a body that never ends.
type endless struct{}

// Read implements [io.Reader].
func (endless) Read(p []byte) (int, error) {
	copy(p, slices.Repeat([]byte{'a'}, len(p)))
	return len(p), nil
}

// errReader is a connection that breaks.
type errReader struct{}

// Read implements [io.Reader].
func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// FuzzForm looks for a body of which something else is read than the standard
// library reads, and for a refusal that repeats what was sent.
func FuzzForm(f *testing.F) {
	f.Add(formType, "grant_type=client_credentials&scope=issues%3Aread+projects&resource=a&resource=b")
	f.Add(formType+"; charset=utf-8", "a=&a=1&b=%zz")
	f.Add("application/json", `{"a":1}`)
	f.Add(" APPLICATION/x-www-form-urlencoded;x", "a;b&%=\x00\xff")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		for _, contentType := range []string{contentType, formType} {
			r := httptest.NewRequest(http.MethodPost, "/?a=query", strings.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			form, err := Form(httptest.NewRecorder(), r, "resource")
			if err != nil {
				if known := []string{wrongType, unread, unencoded, repeated, tooLarge}; form != nil || !slices.Contains(known, err.Error()) {
					t.Errorf("%q: %v, error %v", body, form, err)
				}
				continue
			}
			again := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			again.Header.Set("Content-Type", formType)
			if err := again.ParseForm(); err != nil {
				t.Fatalf("%q is accepted, and not by net/http: %v", body, err)
			}
			for name, values := range again.PostForm {
				if len(values) > 1 && name != "resource" {
					t.Errorf("%q is accepted and repeats %q", body, name)
				}
				values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
				if len(values) == 0 {
					delete(again.PostForm, name)
				} else {
					again.PostForm[name] = values
				}
			}
			if diff := cmp.Diff(again.PostForm, form); diff != "" {
				t.Errorf("%q (-net/http +got):\n%s", body, diff)
			}
		}
	})
}
