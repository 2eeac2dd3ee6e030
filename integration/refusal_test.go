package integration

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	challengeBasic  = `Basic realm="kiket-auth", charset="UTF-8"`
	challengeBearer = `Bearer realm="kiket-auth", resource_metadata="` + issuer + `/.well-known/oauth-protected-resource"`
)

// refusal is an answer of the OAuth endpoints that says no.
type refusal struct {
	Status     int
	Code       string
	Challenges []string // the values of WWW-Authenticate
}

// The refusals that are the same everywhere.
var (
	invalidRequest = refusal{Status: 400, Code: "invalid_request"}
	invalidClient  = refusal{Status: 401, Code: "invalid_client", Challenges: []string{challengeBasic}}
)

// description is what RFC 6749 section 5.2 allows in error_description.
var description = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

// checkRefused compares an answer with a refusal. It is JSON of section 5.2, and
// nothing in it is anybody else's business.
func checkRefused(t testing.TB, a answer, want refusal) {
	t.Helper()
	checkUncached(t, a)
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || !description.MatchString(body.Description) {
		t.Errorf("answered %d %q: %v", a.status, a.body, err)
	}
	got := refusal{a.status, body.Error, a.header.Values("WWW-Authenticate")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s%s", diff, a.body)
	}
}

// checkUncached compares the headers that every answer of the OAuth endpoints has.
func checkUncached(t testing.TB, a answer) {
	t.Helper()
	want := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
	got := map[string]string{}
	for name := range want {
		got[name] = strings.Join(a.header.Values(name), ", ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answered %d, headers (-want +got):\n%s", a.status, diff)
	}
}

// form encodes parameters, name and value, in their order and as often as they
// are given.
func form(parameters ...string) string {
	pairs := make([]string, 0, len(parameters)/2)
	for n := 0; n+1 < len(parameters); n += 2 {
		pairs = append(pairs, url.QueryEscape(parameters[n])+"="+url.QueryEscape(parameters[n+1]))
	}
	return strings.Join(pairs, "&")
}

// basic is the value of Authorization, of the texts as they are.
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}
