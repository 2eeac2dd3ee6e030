package sessions_test

import (
	"slices"
	"testing"

	"kiket.dev/auth/storage"
)

// Whoever guesses the present password with a session that is not theirs is written down
// as somebody who guesses at signing in.
func TestChangePasswordWithAWrongOne(t *testing.T) {
	w := newWorld(t)
	signed := w.signedIn("")
	before := len(w.actions(w.acme, 0))
	for range 3 {
		err := w.Sessions.ChangePassword(w.Ctx, w.caller(signed), storage.NewSecret("not the password"), storage.NewSecret(another))
		w.WantInvalid("a wrong password", err, "current_password")
	}
	w.OK(w.Failures.Flush(w.Ctx))
	if got, want := w.actions(w.acme, before), []string{"anonymous session.create_denied"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if !w.active(signed) {
		t.Error("the session has ended")
	}
}
