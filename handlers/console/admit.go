package console

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/provider"
	"kiket.dev/auth/server/requests"
	"kiket.dev/auth/storage"
)

// admit finds the session in the cookie and makes the caller of it. A session that has
// ended is as none.
func (v *visit) admit() error {
	from := web.OriginOf(v.request)
	v.caller = access.Caller{Party: storage.Party{Kind: "anonymous"}, Origin: from}
	cookie, err := v.request.Cookie(v.console.cookieName())
	if err != nil || cookie.Value == "" {
		return v.stranger()
	}
	credential, err := v.console.server.Provider.Bearer(v.request.Context(), cookie.Value, from)
	var refused *provider.Error
	var throttled *clients.ThrottledError
	switch {
	// Whoever has no session may come in and begin one, however many failures there
	// were at the address. The cookie stays: the browser may hold that of the session
	// which has taken this one's place meanwhile.
	case errors.As(err, &refused), errors.As(err, &throttled):
		v.ended = true
		return v.stranger()
	case err != nil:
		return err
	case credential.Token.Kind != storage.Session:
		v.dropCookie()
		v.ended = true
		return v.stranger()
	}
	v.credential = credential
	v.caller = access.FromCredential(credential, v.console.server.Catalogue, from)
	if v.organization, err = v.console.server.Organizations.Own(v.request.Context(), v.caller); err != nil {
		return err
	}
	session := fmt.Sprintf("%s:%d", credential.Token.Kind, credential.Token.ID)
	web.RecordOf(v.request.Context()).Add(
		slog.Int64("organization_id", credential.Token.OrganizationID), slog.String("caller", session))
	standing, err := v.console.server.Budgets.Spend(v.request.Context(), session)
	if err != nil {
		return err
	}
	return v.within(standing)
}

// stranger takes a request of somebody without a session from the budget of where they
// are.
func (v *visit) stranger() error {
	return v.within(v.console.server.Budgets.SpendHere(v.caller.Origin.Address))
}

// within says whether a budget, the same that the management API takes from, allows
// for one more request.
func (v *visit) within(s requests.Standing) error {
	if s.Exceeded {
		return &tooManyError{wait: s.Wait}
	}
	return nil
}

// signedIn reports whether there is a session.
func (v *visit) signedIn() bool { return v.credential.Token.ID != 0 }

func (v *visit) needsSignIn() bool { return v.page.permission != anybody && !v.signedIn() }

// toSignIn sends somebody without a session to where they get one, and back. What a
// form carried is lost: it may have been sent by anybody.
func (v *visit) toSignIn() view {
	query := url.Values{}
	if v.request.Method == http.MethodGet {
		query.Set("next", v.request.URL.RequestURI())
	}
	if v.ended {
		query.Set("notice", "session-ended")
	}
	return view{redirect: withQuery(signInPath, query)}
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// next returns the page of the console to go on with, the first if the one that was
// given is none: nobody is sent elsewhere.
func next(given string) string {
	u, err := url.Parse(given)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, Base+"/") || path.Clean(u.Path) != u.Path || strings.ContainsAny(given, "\\\r\n") {
		return Base
	}
	return u.RequestURI()
}

// permitted compares the page's permission with what the caller may do.
func (v *visit) permitted() error {
	switch v.page.permission {
	case anybody, signedIn:
		return nil
	default:
		return v.caller.Require(string(v.page.permission), v.caller.OrganizationID)
	}
}

// permittedAs reports whether the caller may see pages with that permission.
func (v *visit) permittedAs(permission web.Permission) bool {
	return v.caller.Require(string(permission), v.caller.OrganizationID) == nil
}
