package integration

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"kiket.dev/auth/storage"
)

func TestChangePassword(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		t.Run("wrong", func(t *testing.T) { changePasswordWrong(t, i) })
		t.Run("right", func(t *testing.T) { changePasswordRight(t, i) })
	})
}

func changePasswordWrong(t *testing.T, i *instance) {
	session, current := i.session().Secret.Reveal(), i.boot.Admin.Password
	tests := []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"current_password", "new_password"}},
		{"wrong", `{"current_password":"not it","new_password":"correct horse battery"}`, []string{"current_password"}},
		{"short", `{"current_password":"` + current + `","new_password":"12345678901"}`, []string{"new_password"}},
		{"long", `{"current_password":"` + current + `","new_password":"` + strings.Repeat("é", 201) + `"}`, []string{"new_password"}},
		{"as before", `{"current_password":"` + current + `","new_password":"` + current + `"}`, []string{"new_password"}},
		{"the address", `{"current_password":"` + current + `","new_password":"ADMIN@acme.test"}`, []string{"new_password"}},
		{"no texts", `{"current_password":1,"new_password":null}`, []string{"current_password"}},
		{"unknown member", `{"current_password":"a","new_password":"b","password":"c"}`, []string{"password"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := i.call(t, "PUT", "/me/password", session, tt.body)
			a.wantInvalid(t, tt.fields...)
			if strings.Contains(a.body, current) {
				t.Errorf("the answer shows a password: %s", a.body)
			}
		})
	}
	i.call(t, "PUT", "/me/password", "", `{}`).wantProblem(t, http.StatusUnauthorized, "unauthorized")
	i.enter(t, i.boot.Admin.Email, current).want(t, http.StatusCreated)
}

// The session that asks goes on; all others of the person, in every organization, end.
func changePasswordRight(t *testing.T, i *instance) {
	other := i.bootstrap("Globex")
	i.boot.Admin.Password = i.adopt(t, "globex", i.boot.Admin.Email, "Ms. Acme", "member")
	admin := i.boot.Admin
	current, here := i.session().Secret.Reveal(), i.session().Secret.Reveal()
	elsewhere := i.sessionOf(t, other.Organization.ID, admin.ID).Secret.Reveal()
	robin := i.person(t, "Robin", storage.RoleMember)
	const next = "correct horse battery"
	a := i.call(t, "PUT", "/me/password", current, map[string]any{"current_password": admin.Password, "new_password": next})
	a.want(t, http.StatusNoContent)
	for token, want := range map[string]bool{current: true, here: false, elsewhere: false, robin.session: true, i.admin(): true} {
		if got := i.active(t, token); got != want {
			t.Errorf("%.15s: active %v", token, got)
		}
	}
	i.enter(t, admin.Email, admin.Password).wantProblem(t, http.StatusUnauthorized, "invalid_credentials")
	i.enter(t, admin.Email, next, "globex").want(t, http.StatusCreated)
	i.boot.Admin.Password = next

	store := i.verbs().Store
	for organization, name := range map[int64]string{i.boot.Organization.ID: "Admin", other.Organization.ID: "Ms. Acme"} {
		events, err := store.AuditEvents(t.Context(), organization, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		changed := 0
		for _, event := range events {
			if strings.Contains(fmt.Sprintf("%+v", event), next) {
				t.Errorf("the password is in the log: %+v", event)
			}
			if event.Action == "user.password_changed" {
				changed++
				if event.Target != (storage.Party{Kind: "user", ID: admin.ID, Name: name}) || event.RequestID != a.header.Get("X-Request-Id") {
					t.Errorf("audit event %+v", event)
				}
			}
		}
		if changed != 1 {
			t.Errorf("%d events of the change in organization %d", changed, organization)
		}
	}
}

// Whoever signs in with the old password while it is being changed waits for that,
// and is refused. On SQLite all changes wait for each other.
func TestChangePasswordWhileSigningIn(t *testing.T) {
	t.Parallel()
	i := start(t, postgres)
	watcher, err := pgx.Connect(t.Context(), i.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watcher.Close(context.Background()) })
	store, entered := i.verbs().Store, make(chan error, 1)
	var a answer
	err = store.Transaction(t.Context(), func(ctx context.Context) error {
		if err := store.LockUser(ctx, i.boot.Admin.ID); err != nil {
			return err
		}
		go func() {
			var err error
			a, err = i.attemptCall("POST", "/sessions", "", fmt.Sprintf(`{"email":%q,"password":%q}`, i.boot.Admin.Email, i.boot.Admin.Password))
			entered <- err
		}()
		eventually(t, func() error {
			var waiting bool
			err := watcher.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&waiting)
			if err == nil && !waiting {
				err = fmt.Errorf("nobody waits; answers there are: %d", len(entered))
			}
			return err
		})
		return store.SetPassword(ctx, i.boot.Admin.ID, storage.NewSecret("another hash"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	a.wantProblem(t, http.StatusUnauthorized, "invalid_credentials")
}
