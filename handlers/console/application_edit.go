package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// typedLifetime is how long access tokens are to live, as a form has it: a number and
// its unit. No number is the server's setting.
type typedLifetime struct{ Number, Unit string }

// String is both, for comparison.
func (l typedLifetime) String() string { return strings.TrimSpace(l.Number + " " + l.Unit) }

// lifetimeUnits are the units by the name that the form has for them.
var lifetimeUnits = []struct {
	name string
	unit time.Duration
}{{"hours", time.Hour}, {"minutes", time.Minute}, {"seconds", time.Second}}

func readLifetime(values url.Values) typedLifetime {
	return typedLifetime{strings.TrimSpace(values.Get("lifetime")), values.Get("lifetime_unit")}
}

// typed writes a lifetime in the largest unit of which it is a whole number.
func typed(d time.Duration) typedLifetime {
	for _, u := range lifetimeUnits {
		if d > 0 && d%u.unit == 0 {
			return typedLifetime{strconv.FormatInt(int64(d/u.unit), 10), u.name}
		}
	}
	return typedLifetime{Unit: "minutes"}
}

// duration reads what was typed. Whether it may be that long is the verb's to say.
func (l typedLifetime) duration() (time.Duration, error) {
	if l.Number == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(l.Number, 10, 64)
	for _, u := range lifetimeUnits {
		if u.name == l.Unit && err == nil && n > 0 {
			return time.Duration(min(n, math.MaxInt64/int64(u.unit))) * u.unit, nil
		}
	}
	return 0, storage.Invalidf("access_token_lifetime", "want a whole number such as 30, or nothing")
}

// applicationAgain is again, with what the verb says in seconds in the form's own words.
func (v *visit) applicationAgain(form view, err error) (view, error) {
	shown, err := v.again(form, err)
	const field = "access_token_lifetime"
	if wrong := v.wrong[field]; len(wrong) == 1 && strings.HasSuffix(wrong[0], "in whole seconds.") {
		v.wrong[field] = []string{"Want at most " + lasts(v.console.server.AccessTokenLifetime) + "."}
	}
	return shown, err
}

// editedApplication is the form of an application's name, scopes and lifetime.
type editedApplication struct {
	shownApplication
	Name     string
	Scopes   []scopeChoice
	Lifetime typedLifetime
	Most     time.Duration
	// Was is what the form held before anybody filled it in.
	Was map[string]string
}

// applicationEdit shows the form with what was sent, or else with what is.
func (c *Console) applicationEdit(v *visit) (view, error) {
	a, err := c.application(v)
	if err != nil {
		return view{}, err
	}
	edited := editedApplication{
		shownApplication: a, Name: v.text("name"), Lifetime: readLifetime(v.values), Most: c.server.AccessTokenLifetime,
	}
	chosen := storage.NewScopes(v.values["scopes"]...)
	if !v.posted() {
		edited.Name, edited.Lifetime, chosen = a.Application.Name, typed(a.Application.AccessTokenLifetime), a.Application.Scopes
	}
	edited.Scopes = scopeChoices(c.server.Catalogue, chosen)
	edited.Was = map[string]string{
		"name_was": a.Application.Name, "scopes_was": picked(scopeChoices(c.server.Catalogue, a.Application.Scopes)).String(), "lifetime_was": typed(a.Application.AccessTokenLifetime).String(),
	}
	return view{template: "application_edit", title: "Edit " + a.Application.Name, data: edited}, nil
}

func (c *Console) editApplication(v *visit) (view, error) { return c.applicationEdit(v) }

func (c *Console) updateApplication(v *visit) (view, error) {
	update := clients.ApplicationUpdate{Name: v.changed("name")}
	if scopes := v.chosenScopes(); scopes.String() != v.text("scopes_was") {
		update.Scopes = &scopes
	}
	typed := readLifetime(v.values)
	lifetime, err := typed.duration()
	if typed.String() != v.text("lifetime_was") {
		update.AccessTokenLifetime = &lifetime
	}
	if err == nil {
		_, err = c.server.Clients.UpdateApplication(v.context(), v.caller, v.organizationID(), v.id("id"), update)
	}
	if err == nil {
		return goTo(v.applicationPath(), "application-updated"), nil
	}
	form, errForm := c.applicationEdit(v)
	if errForm != nil {
		return view{}, errForm
	}
	return v.applicationAgain(form, err)
}

// publicKey is what is shown of a key of an application.
type publicKey struct {
	ID        string `json:"kid"`
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	Algorithm string `json:"alg"`
}

func publicKeys(jwks []byte) []publicKey {
	var set struct {
		Keys []publicKey `json:"keys"`
	}
	_ = json.Unmarshal(jwks, &set) // it was checked when it was stored; none is none
	return set.Keys
}

// The ways to authenticate that forms have.
const (
	bySecret = "secret"
	byKeys   = "keys"
	byBoth   = "both"
)

// authentication reads how an application is to authenticate, and its keys. The other
// of the two ways to give keys, which the form may hold from before, does not count.
func (v *visit) authentication() (clients.Authentication, error) {
	a := clients.Authentication{TokenURLAudience: v.text("token_url_audience") == "yes"}
	way := v.text("authentication")
	switch way {
	case bySecret:
		return clients.Authentication{Methods: clients.SecretMethods}, nil
	case byKeys:
		a.Methods = []storage.AuthMethod{storage.AuthPrivateKeyJWT}
	case byBoth:
		a.Methods = clients.AuthMethods
	default:
		return a, storage.Invalidf("authentication", "choose how it authenticates")
	}
	switch v.text("keys_from") {
	case "address":
		if a.JWKSURI = v.text("jwks_uri"); a.JWKSURI == "" {
			return a, storage.Invalidf("jwks_uri", "is needed")
		}
	default:
		if a.JWKS = []byte(v.text("jwks")); len(a.JWKS) == 0 {
			return a, storage.Invalidf("jwks", "is needed")
		}
	}
	return a, nil
}

// typedKeys are the fields of a form for the keys of an application.
type typedKeys struct {
	From             string
	JWKS, JWKSURI    string
	TokenURLAudience bool
}

func (v *visit) typedKeys() typedKeys {
	return typedKeys{
		From: v.text("keys_from"), JWKS: v.text("jwks"), JWKSURI: v.text("jwks_uri"),
		TokenURLAudience: v.text("token_url_audience") == "yes",
	}
}

// editedAuthentication is the form of how an application authenticates.
type editedAuthentication struct {
	shownApplication
	typedKeys
	Way string
}

// authenticationEdit shows the form with what was sent, or else with what is.
func (c *Console) authenticationEdit(v *visit) (view, error) {
	shown, err := c.application(v)
	if err != nil {
		return view{}, err
	}
	e := editedAuthentication{shownApplication: shown, typedKeys: v.typedKeys(), Way: v.text("authentication")}
	if a := shown.Application; !v.posted() {
		e.typedKeys = typedKeys{JWKS: indented(a.JWKS), JWKSURI: a.JWKSURI, TokenURLAudience: a.TokenURLAudience}
		e.Way = bySecret
		if a.JWKSURI != "" {
			e.From = "address"
		}
		switch {
		case shown.ByKeys && shown.BySecret:
			e.Way = byBoth
		case shown.ByKeys:
			e.Way = byKeys
		}
	}
	return view{template: "application_authentication", title: "How " + shown.Application.Name + " authenticates", data: e}, nil
}

func (c *Console) editAuthentication(v *visit) (view, error) { return c.authenticationEdit(v) }

func (c *Console) updateAuthentication(v *visit) (view, error) {
	a, err := c.application(v)
	if err != nil {
		return view{}, err
	}
	wanted, err := v.authentication()
	if err == nil {
		wanted.Methods = keepSecretMethods(a.Application.AuthMethods, wanted.Methods)
		_, err = c.server.Clients.UpdateApplication(v.context(), v.caller, v.organizationID(), v.id("id"), clients.ApplicationUpdate{
			Authentication: clients.AuthenticationUpdate{
				Methods: &wanted.Methods, JWKS: &wanted.JWKS, JWKSURI: &wanted.JWKSURI, TokenURLAudience: &wanted.TokenURLAudience,
			},
		})
	}
	if err == nil {
		return goTo(v.applicationPath(), "application-authentication"), nil
	}
	form, errForm := c.authenticationEdit(v)
	if errForm != nil {
		return view{}, errForm
	}
	return v.again(form, err)
}

// keepSecretMethods returns the methods that are wanted, of those with a secret only
// those that are registered if any are: how a secret is sent is not what the form asks.
func keepSecretMethods(registered, wanted []storage.AuthMethod) []storage.AuthMethod {
	had := slices.ContainsFunc(registered, func(m storage.AuthMethod) bool { return m != storage.AuthPrivateKeyJWT })
	return slices.DeleteFunc(slices.Clone(wanted), func(m storage.AuthMethod) bool {
		return had && m != storage.AuthPrivateKeyJWT && !slices.Contains(registered, m)
	})
}

// indented writes a document of JSON for people to read.
func indented(document []byte) string {
	var text bytes.Buffer
	if len(document) == 0 || json.Indent(&text, document, "", "  ") != nil {
		return string(document)
	}
	return text.String()
}

// tokenRequest is the call with which an application fetches a token.
func tokenRequest(issuer string, a storage.Client) string {
	scope := fmt.Sprintf("  -d grant_type=client_credentials \\\n  --data-urlencode %q", "scope="+strings.Join(a.Scopes, " "))
	call := "curl " + issuer + "/oauth/token \\\n"
	switch {
	case a.Uses(storage.AuthSecretBasic):
		return fmt.Sprintf("%s  -u \"%s:$KIKET_CLIENT_SECRET\" \\\n%s", call, a.ClientID, scope)
	case a.Uses(storage.AuthSecretPost):
		return fmt.Sprintf("%s  -d client_id=%s \\\n  -d client_secret=\"$KIKET_CLIENT_SECRET\" \\\n%s", call, a.ClientID, scope)
	}
	return fmt.Sprintf("%s  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\\n  -d client_assertion=\"$ASSERTION\" \\\n%s", call, scope)
}
