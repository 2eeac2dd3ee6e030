package integration

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// An organization always has an admin.
func TestLastAdmin(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		i, replica := d.serve(), d.serve()
		admin := fmt.Sprintf("/users/%d", i.boot.Admin.ID)
		// Of nobody, so that it is there whoever goes.
		token := i.fetch(t, i.application("admin"))
		refused := func() {
			t.Helper()
			i.call(t, "PATCH", admin, token, `{"role":"member"}`).wantProblem(t, http.StatusConflict, "last_admin")
			i.call(t, "DELETE", admin, token, nil).wantProblem(t, http.StatusConflict, "last_admin")
		}
		refused()
		robin := i.person(t, "Robin", storage.RoleMember)
		refused()
		actions := i.actions(t)
		if diff := cmp.Diff([]string{"user.update_denied", "user.remove_denied"}, actions[len(actions)-2:]); diff != "" {
			t.Errorf("audit events (-want +got):\n%s", diff)
		}
		i.call(t, "PATCH", admin, token, `{"role":"admin","name":"Chief"}`).want(t, 200)

		demote := func(i *instance, path string) func() (answer, error) {
			return func() (answer, error) { return i.attemptCall("PATCH", path, token, `{"role":"member"}`) }
		}
		remove := func(i *instance, path string) func() (answer, error) {
			return func() (answer, error) { return i.attemptCall("DELETE", path, token, "") }
		}
		for round, calls := range [][]func() (answer, error){
			{demote(i, admin), demote(replica, robin.path())},
			{demote(i, robin.path()), demote(i, admin)},
			{demote(replica, admin), remove(i, robin.path())},
			{remove(i, admin), remove(replica, robin.path())},
			{remove(i, robin.path()), remove(i, admin), demote(replica, robin.path()), demote(replica, admin)},
		} {
			i.restore(t, i.boot.Admin.ID)
			i.restore(t, robin.id)
			done := 0
			for _, a := range atOnce(t, calls...) {
				switch a.status {
				case http.StatusOK, http.StatusNoContent:
					done++
				case http.StatusNotFound: // removed by another of these
				default:
					a.wantProblem(t, http.StatusConflict, "last_admin")
				}
			}
			admins := 0
			for _, one := range listWith(t, i, token) {
				if one.Role == "admin" {
					admins++
				}
			}
			if admins != 1 || done < 1 {
				t.Errorf("round %d: %d admins are left, %d changes were made", round, admins, done)
			}
		}
	})
}

// restore makes somebody an admin, whatever they were.
func (d *deployment) restore(t testing.TB, user int64) {
	t.Helper()
	store, organization := d.verbs().Store, d.boot.Organization.ID
	err := store.SetRole(t.Context(), organization, user, storage.RoleAdmin)
	if err != nil {
		err = store.CreateMembership(t.Context(), storage.Membership{OrganizationID: organization, UserID: user, Role: storage.RoleAdmin, CreatedAt: time.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func listWith(t testing.TB, i *instance, token string) []user {
	t.Helper()
	return read[struct{ Users []user }](t, i.call(t, "GET", "/users", token, nil), 200).Users
}

// Of two organizations that add the same new person at once one gets the account.
func TestAddUserAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		other := i.bootstrap("Globex").WorkspaceAPIToken.Token
		add := func(token string) func() (answer, error) {
			return func() (answer, error) {
				return i.attemptCall("POST", "/users", token, `{"email":"avery@people.test","name":"Avery","role":"member"}`)
			}
		}
		answers := atOnce(t, add(i.admin()), add(other), add(other))
		if diff := cmp.Diff([]int{201, 409, 409}, statuses(answers)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		accounts, passwords := map[int64]bool{}, []string{}
		for _, a := range answers {
			if a.status != http.StatusCreated {
				continue
			}
			got := read[user](t, a, http.StatusCreated)
			accounts[got.ID] = true
			if got.Password != "" {
				passwords = append(passwords, got.Password)
			}
		}
		if len(accounts) != 1 || len(passwords) != 1 {
			t.Fatalf("accounts %v, %d passwords", accounts, len(passwords))
		}
		i.enter(t, "avery@people.test", passwords[0]).want(t, http.StatusCreated)
	})
}
