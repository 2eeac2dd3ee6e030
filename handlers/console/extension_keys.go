package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"kiket.dev/auth/storage"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// shownKey is a key of an extension among the others.
type shownKey struct {
	storage.Token
	succession
}

// shownKeys are the keys, the newest of which comes first.
func shownKeys(open []storage.Token, now time.Time) []shownKey {
	shown := make([]shownKey, 0, len(open))
	for i, k := range open {
		one := shownKey{Token: k}
		if i > 0 {
			one.succession = succeeded(k.LastUsedAt, open[0].CreatedAt, now)
		}
		shown = append(shown, one)
	}
	return shown
}

func (v *visit) keyForm(e shownExtension) view {
	return view{template: "extension_key_new", title: "New key for " + e.Extension.Name, data: map[string]any{
		"Of": e, "Overlaps": v.overlaps(),
	}}
}

func (c *Console) askRotateKey(v *visit) (view, error) {
	e, err := c.extension(v)
	return v.keyForm(e), err
}

func (c *Console) rotateKey(v *visit) (view, error) {
	e, err := c.extension(v)
	if err != nil {
		return view{}, err
	}
	ends, err := v.overlap()
	if err != nil {
		return v.again(v.keyForm(e), err)
	}
	i := e.Extension
	minted, err := once(v, func(ctx context.Context) (mintedKey, error) {
		issued, err := c.server.Extensions.RotateKey(ctx, v.caller, v.organizationID(), i.ID, ends)
		return mintedKey{
			ID: i.ID, Key: i.Key, Name: i.Name, Secret: issued.Secret.Reveal(), Permissions: i.Permissions, Successor: true,
		}, err
	})
	if err != nil {
		return v.again(v.keyForm(e), err)
	}
	return view{status: http.StatusCreated, template: "extension_key", title: "Copy the extension's key", data: minted}, nil
}

// closingKey is a key that is about to be closed.
type closingKey struct {
	shownExtension
	Key  shownKey
	Last bool // no other works
}

func (c *Console) askCloseKey(v *visit) (view, error) {
	e, err := c.extension(v)
	if err != nil {
		return view{}, err
	}
	at := slices.IndexFunc(e.Keys, func(k shownKey) bool { return k.ID == v.id("key") })
	if at < 0 {
		return view{}, storage.ErrNotFound
	}
	closing := closingKey{shownExtension: e, Key: e.Keys[at], Last: len(e.Keys) == 1}
	return view{template: "extension_key_close", title: "Close the key " + closing.Key.Prefix + "…", data: closing}, nil
}

func (c *Console) closeKey(v *visit) (view, error) {
	err := c.server.Extensions.CloseKey(v.context(), v.caller, v.organizationID(), v.id("id"), v.id("key"))
	return goTo(v.extensionPath(), "key-closed"), err
}
