package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// shownSecret is a secret of an application among the others.
type shownSecret struct {
	storage.ClientSecret
	Ended bool // it does not work any more
	succession
}

// succession is how something that was replaced stands to what replaced it. StillUsed
// says that it was used since then, Unused that it was not. For a while nobody knows.
type succession struct{ StillUsed, Unused bool }

// usesKnown is after how long the last use of a credential is certain to be on record;
// it is written down once a minute.
const usesKnown = 2 * time.Minute

func succeeded(lastUsed, replaced, now time.Time) succession {
	used := lastUsed.After(replaced)
	return succession{StillUsed: used, Unused: !used && now.Sub(replaced) > usesKnown}
}

// shownSecrets are the secrets from the newest on.
func shownSecrets(secrets []storage.ClientSecret, now time.Time) []shownSecret {
	ordered := slices.SortedFunc(slices.Values(secrets), func(a, b storage.ClientSecret) int { return cmp.Compare(b.ID, a.ID) })
	shown := make([]shownSecret, 0, len(ordered))
	for i, s := range ordered {
		one := shownSecret{ClientSecret: s, Ended: !s.Open(now)}
		if i > 0 && !one.Ended {
			one.succession = succeeded(s.LastUsedAt, ordered[0].CreatedAt, now)
		}
		shown = append(shown, one)
	}
	return shown
}

// overlap is for how long what is replaced goes on.
type overlap struct {
	Seconds int
	Name    string
	Hint    string
	Chosen  bool
}

// overlaps are the choices, with the one that was sent or else a day chosen.
func (v *visit) overlaps() []overlap {
	chosen := v.text("overlap")
	if chosen == "" {
		chosen = "86400"
	}
	choices := []overlap{
		{Name: "At once", Hint: "It has leaked, or nobody uses it. Programs that still have it fail until they get the new one."},
		{Seconds: 3600, Name: "In 1 hour", Hint: "You change the one program that uses it right now."},
		{Seconds: 86400, Name: "In 24 hours", Hint: "Both work for a day, and you see here who still uses the old one."},
		{Seconds: 7 * 86400, Name: "In 7 days", Hint: "It is in several places, or takes a release to change."},
	}
	for i := range choices {
		choices[i].Chosen = fmt.Sprint(choices[i].Seconds) == chosen
	}
	return choices
}

// overlap reads the choice.
func (v *visit) overlap() (time.Duration, error) {
	for _, choice := range v.overlaps() {
		if fmt.Sprint(choice.Seconds) == v.text("overlap") {
			return time.Duration(choice.Seconds) * time.Second, nil
		}
	}
	return 0, storage.Invalidf("previous_expires_in", "choose when the old one ends")
}

func (c *Console) askRotateSecret(v *visit) (view, error) {
	a, err := c.application(v)
	return view{template: "application_secret_new", title: "New secret for " + a.Application.Name, data: map[string]any{
		"Of": a, "Overlaps": v.overlaps(),
	}}, err
}

func (c *Console) rotateSecret(v *visit) (view, error) {
	form, err := c.askRotateSecret(v)
	if err != nil {
		return view{}, err
	}
	ends, err := v.overlap()
	if err != nil {
		return v.again(form, err)
	}
	minted, err := once(v, func(ctx context.Context) (mintedSecret, error) {
		rotated, err := c.server.Clients.RotateSecret(ctx, v.caller, v.organizationID(), v.id("id"), ends)
		minted := c.minted(rotated)
		minted.Successor = true
		return minted, err
	})
	if err != nil {
		return v.again(form, err)
	}
	return view{status: http.StatusCreated, template: "application_secret", title: "Copy the client secret", data: minted}, nil
}

// closingSecret is a secret that is about to be closed.
type closingSecret struct {
	shownApplication
	Secret shownSecret
	Last   bool // no other works
}

func (c *Console) askCloseSecret(v *visit) (view, error) {
	a, err := c.application(v)
	if err != nil {
		return view{}, err
	}
	at := slices.IndexFunc(a.Secrets, func(s shownSecret) bool { return s.ID == v.id("secret") })
	if at < 0 {
		return view{}, storage.ErrNotFound
	}
	closing := closingSecret{shownApplication: a, Secret: a.Secrets[at]}
	closing.Last = a.Open == 1 && !closing.Secret.Ended
	return view{template: "application_secret_close", title: "Close the secret " + closing.Secret.Prefix + "…", data: closing}, nil
}

func (c *Console) closeSecret(v *visit) (view, error) {
	endTokens := v.text("revoke_tokens") == "yes"
	if _, err := c.server.Clients.CloseSecret(v.context(), v.caller, v.organizationID(), v.id("id"), v.id("secret"), endTokens); err != nil {
		return view{}, err
	}
	if endTokens {
		return goTo(v.applicationPath(), "secret-closed-with-tokens"), nil
	}
	return goTo(v.applicationPath(), "secret-closed"), nil
}
