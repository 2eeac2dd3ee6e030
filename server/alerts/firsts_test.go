package alerts

import (
	"testing"

	"kiket.dev/auth/storage"
)

// The first network of a credential is no news, nor another of one that roams.
func TestNewNetworks(t *testing.T) {
	w := newWatched(t)
	for before, want := range map[int]string{
		0: "", 1: "1 credential_used_from_new_network workspace_api_token:7 1", 20: "1 credential_used_from_new_network workspace_api_token:7 1", 21: "",
	} {
		w.FirstUsed(FirstUse{
			Subject: storage.Party{Kind: "workspace_api_token", ID: 7, Name: "CI"}, Seen: Sighting{Address: "192.0.2.1", UserAgent: "curl", By: "api"},
			New: storage.NewTrait{Trait: storage.Trait{OrganizationID: 1, Kind: storage.NetworkTrait, Value: "192.0.2.0/24"}, Before: before, Since: w.now},
		})
		if want == "" {
			w.want("no news")
		} else {
			w.want("news", want)
		}
	}
}

// A scope is news to a credential whose uses have named others for long.
func TestNewScopes(t *testing.T) {
	w := newWatched(t)
	first := func(days int, before int) {
		f := FirstUse{
			Subject: storage.Party{Kind: "oauth_application", ID: 3},
			New:     storage.NewTrait{Trait: storage.Trait{OrganizationID: 1, Kind: storage.ScopeTrait, Value: "admin"}, Before: before},
		}
		if before > 0 {
			f.New.Since = w.now.AddDate(0, 0, -days)
		}
		w.FirstUsed(f)
	}
	first(0, 0)
	w.want("the first that is named")
	first(13, 2)
	w.want("while it settles")
	first(14, 1)
	w.want("news", "1 credential_used_with_new_scope oauth_application:3 1")
	window := 30 * day
	w.known.rules = []storage.AlertRule{{OrganizationID: 1, Rule: string(NewScope), Window: &window}}
	if err := w.learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	first(29, 1)
	w.want("as it is set")
}
