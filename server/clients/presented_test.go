package clients

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/storage"
)

// encoded is the Basic header of text as it is.
func encoded(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

// decoded is the form of a body as the endpoints hand it on: without empty and
// without repeated parameters.
func decoded(body string) url.Values {
	form, err := url.ParseQuery(body)
	if err != nil {
		return url.Values{}
	}
	for name, values := range form {
		if len(values) != 1 || values[0] == "" {
			delete(form, name)
		}
	}
	return form
}

const (
	assertionOfType = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="
	// assertion says that it is of app_1; nobody looks at its signature here.
	assertion = assertionOfType + "eyJhbGciOiJFUzI1NiJ9" +
		".eyJpc3MiOiJhcHBfMSIsInN1YiI6ImFwcF8xIn0" +
		".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func TestPresented(t *testing.T) {
	const basic, post, byKey = storage.AuthSecretBasic, storage.AuthSecretPost, storage.AuthPrivateKeyJWT
	for _, tt := range []struct {
		name          string
		authorization string
		body          string
		method        storage.AuthMethod
		id, secret    string
		want          error
	}{
		{"basic", encoded("app_1:s3cret"), "", basic, "app_1", "s3cret", nil},
		{"basic, in lower case", "basic " + encoded("app_1:s3cret")[6:], "", basic, "app_1", "s3cret", nil},
		{"basic, in upper case, more spaces", "BASIC   " + encoded("app_1:s3cret")[6:], "", basic, "app_1", "s3cret", nil},
		{"basic, form-encoded", encoded("a%3Ab+c:s%25%3A%2B+"), "", basic, "a:b c", "s%:+ ", nil},
		{"basic, colons in the secret", encoded("app_1:a:b:"), "", basic, "app_1", "a:b:", nil},
		{"basic, no secret", encoded("app_1:"), "", basic, "app_1", "", nil},
		{"basic, no id", encoded(":s3cret"), "", basic, "", "s3cret", nil},
		{"basic, a body without credentials", encoded("app_1:s3cret"), "grant_type=client_credentials&client_secret=", basic, "app_1", "s3cret", nil},
		{"basic, the same client_id", encoded("app%5F1:s3cret"), "client_id=app_1", basic, "app_1", "s3cret", nil},
		{"post", "", "client_id=app_1&client_secret=s3cret", post, "app_1", "s3cret", nil},
		{"post, form-encoded once", "", "client_id=a%3Ab+c&client_secret=s%2525%2B", post, "a:b c", "s%25+", nil},

		{"nothing", "", "", "", "", "", ErrNoCredentials},
		{"an empty body", "", "client_id=&client_secret=", "", "", "", ErrNoCredentials},
		{"client_id alone", "", "client_id=app_1", "", "", "", ErrNoCredentials},
		{"client_id and an empty secret", "", "client_id=app_1&client_secret=", "", "", "", ErrNoCredentials},

		{"client_secret alone", "", "client_secret=s3cret", "", "", "", ErrMalformed},
		{"basic and client_secret", encoded("app_1:s3cret"), "client_secret=s3cret", "", "", "", ErrMalformed},
		{"basic and post", encoded("app_1:s3cret"), "client_id=app_1&client_secret=s3cret", "", "", "", ErrMalformed},
		{"basic and another client_id", encoded("app_1:s3cret"), "client_id=app_2", "", "", "", ErrMalformed},
		{"basic and the client_id in another case", encoded("app_1:s3cret"), "client_id=App_1", "", "", "", ErrMalformed},
		{"basic without an id and a client_id", encoded(":s3cret"), "client_id=app_1", "", "", "", ErrMalformed},
		{"basic and an assertion", encoded("app_1:s3cret"), assertion, "", "", "", ErrMalformed},
		{"bearer and an assertion", "Bearer wksp_0", assertion, "", "", "", ErrMalformed},
		{"post and an assertion", "", "client_id=app_1&client_secret=s3cret&" + assertion, "", "", "", ErrMalformed},
		{"post and half an assertion", "", "client_id=app_1&client_secret=s3cret&client_assertion_type=x", "", "", "", ErrMalformed},

		{"an assertion", "", assertion, byKey, "app_1", "", nil},
		{"an assertion and client_id", "", "client_id=app_1&" + assertion, byKey, "app_1", "", nil},
		{"an assertion and another client_id", "", "client_id=app_2&" + assertion, "", "", "", ErrInvalidClient},
		{"an assertion that names nobody", "", assertionOfType + "eyJhbGciOiJFUzI1NiJ9.e30.AA", "", "", "", ErrInvalidClient},
		{"an assertion that is none", "", assertionOfType + "s3cret", "", "", "", ErrInvalidClient},
		{"an assertion of another type", "", strings.Replace(assertion, "jwt-bearer", "saml2-bearer", 1), "", "", "", ErrInvalidClient},
		{"an assertion without a type", "", "client_assertion=a.b.c", "", "", "", ErrInvalidClient},
		{"a type without an assertion", "", "client_assertion_type=x", "", "", "", ErrInvalidClient},

		{"bearer", "Bearer wksp_0", "", "", "", "", ErrInvalidClient},
		{"digest", `Digest username="app_1"`, "", "", "", "", ErrInvalidClient},
		{"no scheme", encoded("app_1:s3cret")[6:], "", "", "", "", ErrInvalidClient},
		{"a space", " ", "", "", "", "", ErrInvalidClient},
		{"basic alone", "Basic", "", "", "", "", ErrInvalidClient},
		{"basic and nothing", "Basic ", "", "", "", "", ErrInvalidClient},
		{"basic and a tab", "Basic\t" + encoded("app_1:s3cret")[6:], "", "", "", "", ErrInvalidClient},
		{"basic, not base64", "Basic app_1:s3cret", "", "", "", "", ErrInvalidClient},
		{"basic, something after it", encoded("app_1:s3cret!") + " x", "", "", "", "", ErrInvalidClient},
		{"basic, two credentials", encoded("app_1:s3cret") + ", " + encoded("app_2:s3cret"), "", "", "", "", ErrInvalidClient},
		{"basic, no colon", encoded("app_1"), "", "", "", "", ErrInvalidClient},
		{"basic, an encoded colon", encoded("app_1%3As3cret"), "", "", "", "", ErrInvalidClient},
		{"basic, wrongly encoded id", encoded("app%zz:s3cret"), "", "", "", "", ErrInvalidClient},
		{"basic, wrongly encoded secret", encoded("app_1:s3cret%"), "", "", "", "", ErrInvalidClient},
		{"basic, wrongly encoded, and another client_id", encoded("app_1:s3cret%"), "client_id=app_2", "", "", "", ErrInvalidClient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Presented{Authorization: tt.authorization, Form: decoded(tt.body)}.claim()
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if errors.Is(err, ErrInvalidClient) && errors.Is(err, ErrMalformed) || !errors.Is(tt.want, ErrNoCredentials) && errors.Is(err, ErrNoCredentials) {
				t.Errorf("got error %v, which is several", err)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "app_")) {
				t.Errorf("the error repeats what was presented: %v", err)
			}
			if got.method != tt.method || got.clientID != tt.id || got.secret.Reveal() != tt.secret {
				t.Errorf("got %q, id %q, secret %q; want %q, id %q, secret %q",
					got.method, got.clientID, got.secret.Reveal(), tt.method, tt.id, tt.secret)
			}
		})
	}
}

func TestPresentedAny(t *testing.T) {
	for _, tt := range []struct {
		authorization, body string
		want                bool
	}{
		{"", "", false},
		{"", "client_id=app_1&client_secret=", false},
		{"Bearer wksp_0", "client_id=app_1&token=x", false},
		{"", "client_secret=x", true},
		{"", "client_assertion=x", true},
		{"", "client_assertion_type=x", true},
		{"Bearer wksp_0", "client_secret=x", true},
		{encoded("a:b"), "", true},
		{"basic", "", true},
		{"Basic !", "", true},
		{"Basically x", "", false},
	} {
		if got := (Presented{Authorization: tt.authorization, Form: decoded(tt.body)}).Any(); got != tt.want {
			t.Errorf("%q with %q presents something: %t", tt.authorization, tt.body, got)
		}
	}
}

// FuzzPresented looks for a request of which two methods could be read, or an id
// or a secret that it does not hold.
func FuzzPresented(f *testing.F) {
	f.Add(encoded("app_1:s3cret"), "grant_type=client_credentials")
	f.Add("app%5F1:s+", "client_id=app_1")
	f.Add("", "client_id=app_1&client_secret=s3cret")
	f.Add("", "client_id=app_1&"+assertion)
	f.Add("Bearer wksp_0", "client_secret=x&client_assertion=y")
	f.Fuzz(func(t *testing.T, authorization, body string) {
		form := decoded(body)
		for _, authorization := range []string{"", authorization, encoded(authorization)} {
			p := Presented{Authorization: authorization, Form: form}
			got, err := p.claim()
			if err != nil {
				if errors.Is(err, ErrInvalidClient) == errors.Is(err, ErrMalformed) {
					t.Errorf("%q with %q: %v is both or neither", authorization, body, err)
				}
				if got.method != "" || got.clientID != "" || !got.secret.Empty() {
					t.Errorf("%q with %q: %v, and the id %q", authorization, body, err, got.clientID)
				}
				if nothing := authorization == "" && !p.Any(); nothing != errors.Is(err, ErrNoCredentials) {
					t.Errorf("%q with %q: %v, and nothing presented: %t", authorization, body, err, nothing)
				}
				continue
			}
			wantOneMethod(t, p, got)
		}
	})
}

// wantOneMethod checks that the claim is all that the request presents.
func wantOneMethod(t *testing.T, p Presented, got claim) {
	t.Helper()
	asserted := p.Form.Has("client_assertion") || p.Form.Has("client_assertion_type")
	if !p.Any() || asserted != (got.method == storage.AuthPrivateKeyJWT) {
		t.Errorf("%q with %q is taken for %s", p.Authorization, p.Form, got.method)
	}
	id, secret := got.clientID, got.secret.Reveal()
	switch got.method {
	case storage.AuthSecretPost:
		if p.Authorization != "" || id == "" || secret == "" || id != p.Form.Get("client_id") || secret != p.Form.Get("client_secret") {
			t.Errorf("%q with %q claims id %q, secret %q", p.Authorization, p.Form, id, secret)
		}
	case storage.AuthSecretBasic:
		if p.Form.Has("client_secret") || p.Form.Has("client_id") && p.Form.Get("client_id") != id {
			t.Errorf("%q with %q claims id %q", p.Authorization, p.Form, id)
		}
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(p.Authorization[len("Basic"):]))
		first, rest, _ := strings.Cut(string(text), ":")
		wantID, errID := url.QueryUnescape(first)
		wantSecret, errSecret := url.QueryUnescape(rest)
		if err := errors.Join(err, errID, errSecret); err != nil || id != wantID || secret != wantSecret {
			t.Errorf("%q claims id %q, secret %q; want %q, %q, %v", p.Authorization, id, secret, wantID, wantSecret, err)
		}
	case storage.AuthPrivateKeyJWT:
		claimed, err := assertions.ClaimedClient(p.Form.Get("client_assertion"))
		if err != nil || claimed != id || got.assertion != p.Form.Get("client_assertion") || secret != "" ||
			p.Authorization != "" || p.Form.Has("client_secret") || p.Form.Has("client_id") && p.Form.Get("client_id") != id {
			t.Errorf("%q with %q claims id %q, secret %q", p.Authorization, p.Form, id, secret)
		}
	default:
		t.Errorf("%q with %q claims the method %q", p.Authorization, p.Form, got.method)
	}
}
