package console

import (
	"slices"
	"strings"

	"kiket.dev/auth/storage"
)

// The values of an extension's named secrets are on no page. The extension reads them
// with its key, and an admin who has to can over the management API.

// namedSecret is a secret of an extension that a page is about.
type namedSecret struct {
	shownExtension
	Name string // empty: a new one
}

// value reads the value of a secret, whose lines end as they do everywhere but in a
// form.
func (v *visit) value() storage.Secret {
	return storage.NewSecret(strings.ReplaceAll(v.values.Get("value"), "\r\n", "\n"))
}

func (c *Console) newNamedSecret(v *visit) (view, error) {
	e, err := c.extension(v)
	return view{template: "extension_secret", title: "New secret for " + e.Extension.Name, data: namedSecret{shownExtension: e}}, err
}

// addNamedSecret writes a secret under a name that is free: what is there is replaced on
// a page that says so.
func (c *Console) addNamedSecret(v *visit) (view, error) {
	form, err := c.newNamedSecret(v)
	if err != nil {
		return view{}, err
	}
	shown, _ := form.data.(namedSecret)
	name := v.text("key")
	if slices.Contains(shown.Secrets, name) {
		err = storage.Invalidf("key", "there is a secret with this name; its value can be replaced on the extension's page")
	} else {
		_, err = c.server.Extensions.WriteSecret(v.context(), v.caller, v.organizationID(), v.id("id"), name, v.value())
	}
	if err != nil {
		return v.again(form, err)
	}
	return goTo(v.extensionPath(), "named-secret-added"), nil
}

// namedSecret finds the secret that the path names, and shows a page about it.
func (c *Console) namedSecret(v *visit, template, title string) (view, error) {
	e, err := c.extension(v)
	name := v.variable("name")
	if err == nil && !slices.Contains(e.Secrets, name) {
		err = storage.ErrNotFound
	}
	return view{template: template, title: title + name, data: namedSecret{e, name}}, err
}

func (c *Console) askNamedSecret(v *visit) (view, error) {
	return c.namedSecret(v, "extension_secret", "Replace ")
}

func (c *Console) replaceNamedSecret(v *visit) (view, error) {
	form, err := c.askNamedSecret(v)
	if err != nil {
		return view{}, err
	}
	if _, err := c.server.Extensions.WriteSecret(v.context(), v.caller, v.organizationID(), v.id("id"), v.variable("name"), v.value()); err != nil {
		return v.again(form, err)
	}
	return goTo(v.extensionPath(), "named-secret-replaced"), nil
}

func (c *Console) askDeleteNamedSecret(v *visit) (view, error) {
	return c.namedSecret(v, "extension_secret_delete", "Delete ")
}

func (c *Console) deleteNamedSecret(v *visit) (view, error) {
	err := c.server.Extensions.DeleteSecret(v.context(), v.caller, v.organizationID(), v.id("id"), v.variable("name"))
	return goTo(v.extensionPath(), "named-secret-deleted"), err
}
