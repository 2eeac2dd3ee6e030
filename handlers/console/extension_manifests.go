package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/extensions"
	"kiket.dev/auth/storage"
)

// manifest returns the manifest that was pasted or uploaded, as it came.
func (v *visit) manifest() []byte { return []byte(v.values.Get("manifest")) }

// manifestAgain is again, with all that is wrong about the manifest, wherever in it,
// beside its field.
func (v *visit) manifestAgain(form view, err error) (view, error) {
	shown, err := v.again(form, err)
	var inside []string
	for field, problems := range v.wrong {
		place, found := strings.CutPrefix(field, "manifest")
		if !found || place == "" {
			continue
		}
		place = strings.TrimPrefix(place, ".")
		for _, problem := range problems {
			inside = append(inside, "At "+place+": "+strings.ToLower(problem[:1])+problem[1:])
		}
		delete(v.wrong, field)
	}
	if len(inside) > 0 {
		slices.Sort(inside)
		v.wrong["manifest"] = append(v.wrong["manifest"], inside...)
	}
	return shown, err
}

// installForm is the form for a project and a manifest.
func (c *Console) installForm(v *visit) (view, error) {
	all, err := c.allProjects(v)
	chosen := v.text("project_id")
	if chosen == "" {
		chosen = v.text("project") // that was made for it
	}
	return view{template: "extension_new", title: "Install an extension", data: map[string]any{
		"Projects": all, "Chosen": number(chosen),
	}}, err
}

func (c *Console) newExtension(v *visit) (view, error) { return c.installForm(v) }

// review is what an admin is asked to agree to.
type review struct {
	Manifest extensions.Manifest
	Project  storage.Project
	// Already is the extension as it is installed in the project, the zero value if it is
	// not: then there is nothing to install.
	Already storage.Installation
	// Of an update: what is installed, and what the new version may that the old one may
	// not, still may, and may no more.
	Installed            shownExtension
	Added, Kept, Removed storage.Scopes
}

// Needs says that there is something to agree to.
func (r review) Needs() bool { return len(r.Added) > 0 }

func (c *Console) installReview(v *visit) (view, error) {
	m, errManifest := extensions.ParseManifest(v.manifest(), c.server.Catalogue)
	id := number(v.text("project_id"))
	if id == 0 {
		errManifest = errors.Join(storage.Invalidf("project_id", "choose a project"), errManifest)
	}
	if errManifest != nil {
		form, err := c.installForm(v)
		if err != nil {
			return view{}, err
		}
		return v.manifestAgain(form, errManifest)
	}
	project, err := c.server.Projects.Project(v.context(), v.caller, v.organizationID(), id)
	if err != nil {
		return view{}, err
	}
	already, err := c.server.Extensions.In(v.context(), v.caller, v.organizationID(), id, m.ID)
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	return view{template: "extension_review", title: "Install " + m.Name, data: review{Manifest: m, Project: project, Already: already}}, err
}

func (c *Console) reviewExtension(v *visit) (view, error) { return c.installReview(v) }

// mintedKey is what is shown once.
type mintedKey struct {
	ID          int64 // of the installation
	Key         string
	Name        string
	Secret      string
	Permissions storage.Scopes
	Successor   bool // of another
}

func (c *Console) installExtension(v *visit) (view, error) {
	asked, err := c.installReview(v)
	if err != nil || v.wrong != nil {
		return asked, err
	}
	minted, err := once(v, func(ctx context.Context) (mintedKey, error) {
		installed, err := c.server.Extensions.Install(ctx, v.caller, v.organizationID(), number(v.text("project_id")), v.manifest())
		i := installed.Installation
		return mintedKey{ID: i.ID, Key: i.Key, Name: i.Name, Secret: installed.Key.Secret.Reveal(), Permissions: i.Permissions}, err
	})
	if err != nil {
		return v.manifestAgain(asked, err)
	}
	return view{status: http.StatusCreated, template: "extension_key", title: "Copy the extension's key", data: minted}, nil
}

func (c *Console) newManifest(v *visit) (view, error) {
	return c.extensionView(v, "extension_update", "Update ")
}

// updateReview compares the manifest that was sent with what is installed.
func (c *Console) updateReview(v *visit) (view, error) {
	form, err := c.newManifest(v)
	if err != nil {
		return view{}, err
	}
	installed, _ := form.data.(shownExtension)
	m, err := extensions.ParseManifest(v.manifest(), c.server.Catalogue)
	if err == nil && m.ID != installed.Extension.Key {
		err = storage.Invalidf("manifest", "this is the manifest of %s, and %s is installed", m.ID, installed.Extension.Key)
	}
	if err != nil {
		return v.manifestAgain(form, err)
	}
	had := installed.Extension.Permissions
	r := review{
		Manifest: m, Project: installed.Project, Installed: installed,
		Added:   slices.DeleteFunc(slices.Clone(m.Permissions), had.Covers),
		Kept:    slices.DeleteFunc(slices.Clone(had), func(s string) bool { return !m.Permissions.Covers(s) }),
		Removed: slices.DeleteFunc(slices.Clone(had), m.Permissions.Covers),
	}
	return view{template: "extension_update_review", title: "Update " + installed.Extension.Name, data: r}, nil
}

func (c *Console) reviewManifest(v *visit) (view, error) { return c.updateReview(v) }

// updateExtension puts another version in place. What was agreed to is what the page
// showed, which the form carries; what is installed may be another version by now.
func (c *Console) updateExtension(v *visit) (view, error) {
	asked, err := c.updateReview(v)
	if err != nil || v.wrong != nil {
		return asked, err
	}
	_, err = c.server.Extensions.Update(v.context(), v.caller, v.organizationID(), v.id("id"), v.manifest(), v.values["scopes"])
	var refusal *access.Refusal
	if errors.As(err, &refusal) && refusal.Code == "consent_required" {
		v.wrong = map[string][]string{"": {"Another version was installed meanwhile. Look again at what changes."}}
		asked.status = http.StatusConflict
		return asked, nil
	}
	if err != nil {
		return v.manifestAgain(asked, err)
	}
	return goTo(v.extensionPath(), "extension-updated"), nil
}
