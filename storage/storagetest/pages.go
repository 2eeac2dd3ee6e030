package storagetest

import (
	"slices"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// paged is one of the lists that come in pages.
type paged struct {
	name string
	// add puts one more into the list of the organization and returns its id.
	add func(o storage.Organization) int64
	// remove takes one out of it; nil: nothing ever leaves it.
	remove func(o storage.Organization, id int64) error
	// list returns the ids on a page.
	list func(o storage.Organization, page storage.Page) ([]int64, error)
}

// ids returns the id of each, unless there was an error.
func ids[T any](items []T, err error, id func(T) int64) ([]int64, error) {
	var all []int64
	for _, item := range items {
		all = append(all, id(item))
	}
	return all, err
}

func pagedLists(w *world) []paged {
	return []paged{
		{
			name: "Organizations",
			add:  func(storage.Organization) int64 { return w.organization().ID },
			list: func(_ storage.Organization, page storage.Page) ([]int64, error) {
				found, err := w.s.Organizations(w.ctx, page)
				return ids(found, err, func(o storage.Organization) int64 { return o.ID })
			},
		},
		{
			name: "Projects",
			add:  func(o storage.Organization) int64 { return w.project(o.ID).ID },
			list: func(o storage.Organization, page storage.Page) ([]int64, error) {
				found, err := w.s.Projects(w.ctx, o.ID, page)
				return ids(found, err, func(p storage.Project) int64 { return p.ID })
			},
		},
		{
			name:   "Members",
			add:    func(o storage.Organization) int64 { return w.member(o.ID, storage.RoleMember).ID },
			remove: func(o storage.Organization, id int64) error { return w.s.DeleteMembership(w.ctx, o.ID, id) },
			list: func(o storage.Organization, page storage.Page) ([]int64, error) {
				found, err := w.s.Members(w.ctx, o.ID, page)
				return ids(found, err, func(m storage.Member) int64 { return m.UserID })
			},
		},
		{
			name:   "Applications",
			add:    func(o storage.Organization) int64 { return w.application(o.ID).ID },
			remove: func(o storage.Organization, id int64) error { return w.s.DeleteClient(w.ctx, o.ID, id) },
			list: func(o storage.Organization, page storage.Page) ([]int64, error) {
				found, err := w.s.Applications(w.ctx, o.ID, page)
				return ids(found, err, func(c storage.Client) int64 { return c.ID })
			},
		},
		{
			name: "Installations",
			add:  func(o storage.Organization) int64 { return w.installation(o.ID).ID },
			remove: func(o storage.Organization, id int64) error {
				_, err := w.s.Uninstall(w.ctx, o.ID, id, noon)
				return err
			},
			list: func(o storage.Organization, page storage.Page) ([]int64, error) {
				found, err := w.s.Installations(w.ctx, o.ID, page)
				return ids(found, err, func(i storage.Installation) int64 { return i.ID })
			},
		},
		pagedSecrets(w),
		pagedTokens(w),
	}
}

func pagedSecrets(w *world) paged {
	application := make(map[int64]int64) // by organization
	return paged{
		name: "ApplicationSecrets",
		add: func(o storage.Organization) int64 {
			secret := newSecret("paged")
			if application[o.ID] == 0 {
				c := storage.Client{Kind: storage.Application, OrganizationID: o.ID, ClientID: digest(w.number()), CreatedAt: noon}
				w.ok(w.s.CreateClient(w.ctx, &c))
				application[o.ID] = c.ID
			}
			w.ok(w.s.AddClientSecret(w.ctx, o.ID, application[o.ID], &secret))
			return secret.ID
		},
		remove: func(o storage.Organization, id int64) error {
			_, err := w.s.CloseClientSecret(w.ctx, o.ID, application[o.ID], id, noon, false)
			return err
		},
		list: func(o storage.Organization, page storage.Page) ([]int64, error) {
			found, err := w.s.ApplicationSecrets(w.ctx, storage.ClientSecretFilter{OrganizationID: o.ID, OpenAt: noon}, page)
			return ids(found, err, func(s storage.ApplicationSecret) int64 { return s.Secret.ID })
		},
	}
}

func pagedTokens(w *world) paged {
	owner := make(map[int64]int64) // by organization
	return paged{
		name: "OpaqueTokens",
		add: func(o storage.Organization) int64 {
			if owner[o.ID] == 0 {
				owner[o.ID] = w.member(o.ID, storage.RoleMember).ID
			}
			return w.session(o.ID, owner[o.ID]).ID
		},
		remove: func(o storage.Organization, id int64) error {
			_, err := w.s.RevokeTokens(w.ctx, storage.TokenFilter{OrganizationID: o.ID, ID: id}, noon)
			return err
		},
		list: func(o storage.Organization, page storage.Page) ([]int64, error) {
			found, err := w.s.OpaqueTokens(w.ctx, storage.TokenFilter{OrganizationID: o.ID, NotRevoked: true}, page)
			return ids(found, err, func(t storage.OwnedToken) int64 { return t.Token.ID })
		},
	}
}

// testPages holds of every list that it begins with the newest, ends, holds nobody
// else's, and stays right while it changes between two pages.
func testPages(t *testing.T, w *world) {
	o, foreign := w.organization(), w.organization()
	for _, p := range pagedLists(w) {
		list := func(before int64, limit int) []int64 {
			t.Helper()
			return must(p.list(o, storage.Page{Before: before, Limit: limit}))(w)
		}
		older := list(0, 1000) // of the organizations there are some already
		var added []int64
		for range 6 {
			added = append(added, p.add(o))
			if p.name != "Organizations" {
				p.add(foreign)
			}
		}
		slices.Reverse(added)
		added = append(added, older...)
		equal(w, p.name+", all", list(0, 1000), added)
		equal(w, p.name+", exactly as many", list(0, len(added)), added)
		equal(w, p.name+", after the last", list(added[len(added)-1], 2), []int64(nil))
		equal(w, p.name+", after one that never was", list(-1, 2), []int64(nil))
		for _, limit := range []int{0, -1} {
			_, err := p.list(o, storage.Page{Limit: limit})
			w.wantPlain(p.name+" without room", err)
		}

		first := list(0, 2)
		equal(w, p.name+", the first page", first, added[:2])
		fresh := p.add(o)
		rest := added[2:]
		if p.remove != nil {
			w.ok(p.remove(o, first[1])) // where the first page ended
			w.ok(p.remove(o, added[3])) // and one of the second
			rest = slices.Concat(added[2:3], added[4:])
		}
		second := list(first[1], 2)
		equal(w, p.name+", the second page", second, rest[:2])
		equal(w, p.name+", the rest", list(second[1], 1000), rest[2:])
		equal(w, p.name+", the newest", list(0, 1), []int64{fresh})
	}
}

// testOrganizationChanges covers what can be changed of an organization.
func testOrganizationChanges(_ *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	o.Name = "Acme 2"
	w.ok(w.rename(w.ctx, o.ID, o.Name))
	equal(w, "renamed", must(w.s.OrganizationBySlug(w.ctx, o.Slug))(w), o)
	equal(w, "the other", must(w.s.OrganizationByID(w.ctx, other.ID))(w), other)
	w.wantErr("renaming none", w.rename(w.ctx, 4711, "x"), storage.ErrNotFound)
	w.wantErr("changing nothing of none", w.s.UpdateOrganization(w.ctx, 4711, storage.OrganizationUpdate{}), storage.ErrNotFound)
	for _, most := range []time.Duration{90 * 24 * time.Hour, time.Second, 0} {
		o.WorkspaceTokenMaxLifetime, o.ExpiryDigestAt = most, noon.Add(most)
		w.ok(w.s.UpdateOrganization(w.ctx, o.ID, storage.OrganizationUpdate{WorkspaceTokenMaxLifetime: &most, ExpiryDigestAt: &o.ExpiryDigestAt}))
		w.ok(w.s.UpdateOrganization(w.ctx, o.ID, storage.OrganizationUpdate{}))
		equal(w, "changed", must(w.s.OrganizationByID(w.ctx, o.ID))(w), o)
	}
	limited := storage.Organization{Slug: "limited", Name: "L", CreatedAt: noon, WorkspaceTokenMaxLifetime: time.Hour, ExpiryDigestAt: noon}
	w.ok(w.s.CreateOrganization(w.ctx, &limited))
	equal(w, "created with all", must(w.s.OrganizationByID(w.ctx, limited.ID))(w), limited)
	equal(w, "a page", must(w.s.Organizations(w.ctx, storage.Page{Limit: 5}))(w), []storage.Organization{limited, other, o})

	p, q := w.project(o.ID), w.project(o.ID)
	w.project(other.ID)
	equal(w, "projects", must(w.s.Projects(w.ctx, o.ID, storage.Page{Limit: 5}))(w), []storage.Project{q, p})
}

func testInstallationChanges(_ *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	i, j := w.installation(o.ID), w.installation(o.ID)
	again, foreign := i, i
	again.ProjectID = j.ProjectID
	w.ok(w.s.CreateInstallation(w.ctx, &again))
	foreign.OrganizationID, foreign.ProjectID = other.ID, w.project(other.ID).ID
	w.ok(w.s.CreateInstallation(w.ctx, &foreign))

	page := storage.Page{Limit: 10}
	equal(w, "all", must(w.s.Installations(w.ctx, o.ID, page))(w), []storage.Installation{again, j, i})
	equal(w, "by key", must(w.s.InstallationsByKey(w.ctx, o.ID, i.Key))(w), []storage.Installation{i, again})
	equal(w, "by a key in upper case", must(w.s.InstallationsByKey(w.ctx, o.ID, "DEV.KIKET.EXT"))(w), []storage.Installation{})
	equal(w, "by a key that cannot be", must(w.s.InstallationsByKey(w.ctx, o.ID, "\x00\xff"))(w), []storage.Installation{})

	i.Name, i.Version, i.Permissions, i.Manifest = "Ext 2", "2.0.0", storage.NewScopes("projects"), []byte(`{"b":2}`)
	changed := i
	changed.Key, changed.ProjectID, changed.CreatedAt = "dev.kiket.other", j.ProjectID, noon.Add(time.Hour) // not replaced
	w.ok(w.s.UpdateInstallation(w.ctx, changed))
	equal(w, "after UpdateInstallation", must(w.s.InstallationByID(w.ctx, o.ID, i.ID))(w), i)
	equal(w, "the others", must(w.s.InstallationByID(w.ctx, o.ID, again.ID))(w), again)
	key := w.extensionKey(i)
	i.Manifest = nil
	equal(w, "the key's installation", w.credential(key).Installation, i)

	must(w.s.Uninstall(w.ctx, o.ID, i.ID, noon))(w)
	w.wantErr("updating an uninstalled one", w.s.UpdateInstallation(w.ctx, changed), storage.ErrNotFound)
	equal(w, "by key, installed", must(w.s.InstallationsByKey(w.ctx, o.ID, i.Key))(w), []storage.Installation{again})
	equal(w, "all, installed", must(w.s.Installations(w.ctx, o.ID, page))(w), []storage.Installation{again, j})
}
