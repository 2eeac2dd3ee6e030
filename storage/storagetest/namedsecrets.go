package storagetest

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func namesOf(secrets []storage.NamedSecret) []string {
	names := []string{}
	for _, n := range secrets {
		names = append(names, n.Name)
	}
	return names
}

func testNamedSecrets(t *testing.T, w *world) {
	o := w.organization()
	i, j := w.installation(o.ID), w.installation(o.ID)
	named := func(installationID int64, name, sealed string) storage.NamedSecret {
		return storage.NamedSecret{
			OrganizationID: o.ID, InstallationID: installationID, Name: name, Sealed: []byte(sealed), UpdatedAt: noon,
		}
	}
	put := func(n storage.NamedSecret, want bool) {
		t.Helper()
		if fresh := must(w.s.PutNamedSecret(w.ctx, n))(w); fresh != want {
			t.Errorf("PutNamedSecret %s: new %t, want %t", n.Name, fresh, want)
		}
		equal(w, "read back", must(w.s.NamedSecretByName(w.ctx, o.ID, n.InstallationID, n.Name))(w), n)
	}
	b, a, others := named(i.ID, "B", "\x00\xff\x01"), named(i.ID, "A_B", ""), named(j.ID, "B", "other")
	put(b, true)
	put(a, true)
	put(others, true)
	b.Sealed, b.UpdatedAt = []byte("anew"), noon.Add(time.Hour)
	put(b, false)
	put(b, false)
	equal(w, "one with the same name", must(w.s.NamedSecretByName(w.ctx, o.ID, j.ID, "B"))(w), others)
	put(named(i.ID, "Bz", "x"), true)
	put(named(i.ID, "B_", "x"), true)
	put(named(i.ID, "BA", "x"), true)
	equal(w, "names, byte by byte", must(w.s.NamedSecretNames(w.ctx, o.ID, i.ID))(w), []string{"A_B", "B", "BA", "B_", "Bz"})
	equal(w, "names of none", must(w.s.NamedSecretNames(w.ctx, o.ID, 4711))(w), []string{})

	for _, name := range []string{"C", "b", "B ", ""} {
		_, err := w.s.NamedSecretByName(w.ctx, o.ID, i.ID, name)
		w.wantErr("by name "+name, err, storage.ErrNotFound)
		w.wantErr("deleting "+name, w.s.DeleteNamedSecret(w.ctx, o.ID, i.ID, name), storage.ErrNotFound)
	}
	w.ok(w.s.DeleteNamedSecret(w.ctx, o.ID, i.ID, "B"))
	w.wantErr("deleted twice", w.s.DeleteNamedSecret(w.ctx, o.ID, i.ID, "B"), storage.ErrNotFound)
	put(b, true)
	w.ok(w.s.DeleteNamedSecrets(w.ctx, o.ID, i.ID))
	w.ok(w.s.DeleteNamedSecrets(w.ctx, o.ID, i.ID))
	equal(w, "after all were deleted", must(w.s.NamedSecretNames(w.ctx, o.ID, i.ID))(w), []string{})
	equal(w, "the other's", must(w.s.NamedSecretNames(w.ctx, o.ID, j.ID))(w), []string{"B"})

	var all []storage.NamedSecret
	for last := (storage.NamedSecret{}); ; last = all[len(all)-1] {
		page := must(w.s.NamedSecretsAfter(w.ctx, last, 1))(w)
		if all = append(all, page...); len(page) == 0 {
			break
		}
	}
	equal(w, "the names of all, page by page", namesOf(all), []string{"B"})
	others.Sealed = []byte("sealed anew")
	if done := must(w.s.ResealNamedSecret(w.ctx, others, []byte("something else")))(w); done {
		t.Error("sealed anew over what was written meanwhile")
	}
	if done := must(w.s.ResealNamedSecret(w.ctx, others, []byte("other")))(w); !done {
		t.Error("not sealed anew")
	}
	equal(w, "sealed anew", must(w.s.NamedSecretByName(w.ctx, o.ID, j.ID, "B"))(w), others)

	must(w.s.Uninstall(w.ctx, o.ID, i.ID, noon))(w)
	for what, id := range map[string]int64{"uninstalled": i.ID, "unknown": 4711} {
		_, err := w.s.PutNamedSecret(w.ctx, named(id, "A", "x"))
		w.wantErr("for an installation that is "+what, err, storage.ErrNotFound)
	}
}

// testNamedSecretsAtOnce holds that of several who write a new name at once one made
// it, and that nobody leaves a secret behind who writes while the extension goes.
func testNamedSecretsAtOnce(t *testing.T, w *world) {
	o := w.organization()
	i := w.installation(o.ID)
	put := func(installationID int64, n int) (bool, error) {
		return w.s.PutNamedSecret(w.ctx, storage.NamedSecret{
			OrganizationID: o.ID, InstallationID: installationID, Name: "NEW", Sealed: []byte{byte(n)}, UpdatedAt: noon,
		})
	}
	w.oneWins(t, "PutNamedSecret", func(n int) (bool, error) { return put(i.ID, n) })

	for range 5 {
		i := w.installation(o.ID)
		together(6, func(n int) {
			if n > 0 {
				if _, err := put(i.ID, n); err != nil {
					w.wantErr("PutNamedSecret", err, storage.ErrNotFound)
				}
				return
			}
			if _, err := w.s.Uninstall(w.ctx, o.ID, i.ID, noon); err != nil {
				t.Error(err)
			}
			if err := w.s.DeleteNamedSecrets(w.ctx, o.ID, i.ID); err != nil {
				t.Error(err)
			}
		})
		equal(w, "left behind", must(w.s.NamedSecretNames(w.ctx, o.ID, i.ID))(w), []string{})
	}
}
