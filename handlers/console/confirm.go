package console

import (
	"errors"
	"net/http"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// passwordField is the field in which a password is entered again.
const passwordField = "confirm_password"

// confirm has the password entered again before a secret is made or somebody or something
// may be given more power, if that was some time ago. It returns the page that asks for it and carries along what the form held, or nil
// to go on. Whoever enters it gets a new session in place of the old.
func (v *visit) confirm() (*view, error) {
	sessions := v.console.server.Sessions
	if !v.page.recent || !v.posted() {
		return nil, nil
	}
	// It is no part of the form, which is the same when it is sent again after that.
	password := v.secret(passwordField)
	v.values.Del(passwordField)
	if sessions.Recent(v.credential.Token) {
		return nil, nil
	}
	ask := view{template: "confirm", title: "Enter your password again"}
	if password.Empty() {
		return &ask, nil
	}
	signed, err := sessions.Confirm(v.context(), v.caller, password)
	var invalid *storage.Invalid
	if errors.As(err, &invalid) {
		v.wrong = map[string][]string{passwordField: {web.Sentence(invalid.Problem)}}
		ask.status = http.StatusUnprocessableEntity
		return &ask, nil
	}
	if err != nil {
		return nil, err
	}
	credential, err := v.console.server.Provider.Bearer(v.context(), signed.Session.Secret.Reveal(), v.caller.Origin)
	if err != nil {
		return nil, err
	}
	v.setCookie(signed.Session.Secret, signed.Session.Token.ExpiresAt)
	v.credential = credential
	v.caller = access.FromCredential(credential, v.console.server.Catalogue, v.caller.Origin)
	return nil, nil
}
