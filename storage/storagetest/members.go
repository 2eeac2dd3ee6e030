package storagetest

import (
	"context"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testMembers(t *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	admin, member := w.member(o.ID, storage.RoleAdmin), w.member(o.ID, storage.RoleMember)
	w.member(other.ID, storage.RoleAdmin)
	as := func(u storage.User, name string, role storage.Role) storage.Member {
		return storage.Member{UserID: u.ID, Name: name, Email: u.Email, Role: role, JoinedAt: noon}
	}
	page := storage.Page{Limit: 10}
	equal(w, "members", must(w.s.Members(w.ctx, o.ID, page))(w),
		[]storage.Member{as(member, "Avery", storage.RoleMember), as(admin, "Avery", storage.RoleAdmin)})
	equal(w, "admins", must(w.s.CountAdmins(w.ctx, o.ID))(w), int64(1))
	equal(w, "admins of none", must(w.s.CountAdmins(w.ctx, 4711))(w), int64(0))

	w.ok(w.s.SetMemberName(w.ctx, o.ID, member.ID, "A. Very"))
	w.ok(w.s.SetRole(w.ctx, o.ID, member.ID, storage.RoleAdmin))
	named := as(member, "A. Very", storage.RoleAdmin)
	equal(w, "renamed", must(w.s.MemberOf(w.ctx, o.ID, member.ID))(w), named)
	equal(w, "a page", must(w.s.Members(w.ctx, o.ID, storage.Page{Limit: 1}))(w), []storage.Member{named})
	equal(w, "the owner", w.credential(w.workspaceToken(o.ID, member.ID)).Owner, named)
	equal(w, "the membership", must(w.s.MembershipOf(w.ctx, o.ID, member.ID))(w),
		storage.Membership{OrganizationID: o.ID, UserID: member.ID, Name: "A. Very", Role: storage.RoleAdmin, CreatedAt: noon})
	equal(w, "the user", must(w.s.UserByID(w.ctx, o.ID, member.ID))(w), member)
	equal(w, "admins", must(w.s.CountAdmins(w.ctx, o.ID))(w), int64(2))
	w.ok(w.s.SetMemberName(w.ctx, o.ID, member.ID, ""))
	equal(w, "named as the user again", must(w.s.MemberOf(w.ctx, o.ID, member.ID))(w), as(member, "Avery", storage.RoleAdmin))
	_, err := w.s.MemberOf(w.ctx, o.ID, 4711)
	w.wantErr("no member", err, storage.ErrNotFound)
	w.wantErr("name of nobody", w.s.SetMemberName(w.ctx, o.ID, 4711, "x"), storage.ErrNotFound)

	member.PasswordHash = storage.NewSecret("$argon2id$y")
	w.ok(w.s.SetPassword(w.ctx, member.ID, member.PasswordHash))
	equal(w, "the password", must(w.s.UserByEmail(w.ctx, member.Email))(w), member)
	equal(w, "nobody else's", must(w.s.UserByEmail(w.ctx, admin.Email))(w), admin)
	w.wantErr("password of nobody", w.s.SetPassword(w.ctx, 4711, member.PasswordHash), storage.ErrNotFound)
	testMembershipsOf(t, w, member, o)
}

func testMembershipsOf(_ *testing.T, w *world, u storage.User, first storage.Organization) {
	later := storage.Membership{OrganizationID: w.organization().ID, UserID: u.ID, Role: storage.RoleMember, CreatedAt: noon.Add(time.Hour)}
	earlier := storage.Membership{OrganizationID: w.organization().ID, UserID: u.ID, Name: "Elsewhere", Role: storage.RoleAdmin, CreatedAt: noon.Add(-time.Hour)}
	w.ok(w.s.CreateMembership(w.ctx, later))
	w.ok(w.s.CreateMembership(w.ctx, earlier))
	equal(w, "memberships", must(w.s.MembershipsOf(w.ctx, u.ID))(w), []storage.Membership{
		earlier, {OrganizationID: first.ID, UserID: u.ID, Role: storage.RoleAdmin, CreatedAt: noon}, later,
	})
	w.ok(w.s.DeleteMembership(w.ctx, first.ID, u.ID))
	equal(w, "without one", must(w.s.MembershipsOf(w.ctx, u.ID))(w), []storage.Membership{earlier, later})
	equal(w, "of nobody", must(w.s.MembershipsOf(w.ctx, 4711))(w), []storage.Membership{})
}

// testRowLocks holds that transactions which lock one organization, or one user,
// follow one another.
func testRowLocks(t *testing.T, w *world) {
	o := w.organization()
	admins := make([]storage.User, 6)
	for n := range admins {
		admins[n] = w.member(o.ID, storage.RoleAdmin)
	}
	for name, lock := range map[string]func(ctx context.Context, id int64) error{
		"LockOrganization": w.s.LockOrganization, "LockUser": w.s.LockUser,
	} {
		w.wantPlain(name+" outside a transaction", lock(w.ctx, o.ID))
		for _, id := range []int64{0, 4711} {
			w.wantErr(name+" of none", w.s.Transaction(w.ctx, func(ctx context.Context) error { return lock(ctx, id) }), storage.ErrNotFound)
		}
	}
	together(len(admins), func(n int) { // the last admin stays
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			if err := w.s.LockOrganization(ctx, o.ID); err != nil {
				return err
			}
			count, err := w.s.CountAdmins(ctx, o.ID)
			if err != nil || count < 2 {
				return err
			}
			return w.s.SetRole(ctx, o.ID, admins[n].ID, storage.RoleMember)
		})
		if err != nil {
			t.Error(err)
		}
	})
	equal(w, "admins that are left", must(w.s.CountAdmins(w.ctx, o.ID))(w), int64(1))

	together(8, func(n int) { // each adds a letter to what the one before left
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			if err := w.s.LockUser(ctx, admins[0].ID); err != nil {
				return err
			}
			u, err := w.s.UserByID(ctx, o.ID, admins[0].ID)
			if err != nil {
				return err
			}
			return w.s.SetPassword(ctx, u.ID, storage.NewSecret(u.PasswordHash.Reveal()+"+"))
		})
		if err != nil {
			t.Error(err)
		}
	})
	equal(w, "password", must(w.s.UserByID(w.ctx, o.ID, admins[0].ID))(w).PasswordHash,
		storage.NewSecret(admins[0].PasswordHash.Reveal()+"++++++++"))
}
