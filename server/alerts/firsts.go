package alerts

import (
	"fmt"
	"time"

	"kiket.dev/auth/storage"
)

// mostNetworks is from how many networks a credential is used that stays somewhere. Of
// one that is used from more a further one is no news.
const mostNetworks = 20

// settled is how long the uses of a credential have named scopes when another is news.
const settled = 14 * day

// FirstUse is a use of a credential that was new in some respect.
type FirstUse struct {
	Subject storage.Party
	New     storage.NewTrait
	Seen    Sighting
}

// FirstUsed is told of first uses once they are written down, each once among all
// replicas.
func (w *Watch) FirstUsed(f FirstUse) {
	switch f.New.Kind {
	case storage.NetworkTrait:
		w.firstNetwork(f)
	case storage.ScopeTrait:
		w.firstScope(f)
	}
}

func (w *Watch) firstNetwork(f FirstUse) {
	if f.New.Before == 0 || f.New.Before > mostNetworks {
		return
	}
	details := f.Seen.details()
	details["network"] = f.New.Value
	w.add(Trouble{
		OrganizationID: f.New.OrganizationID, Rule: NewNetwork, Subject: f.Subject, Details: details, Count: 1,
		Summary: fmt.Sprintf("The %s was used from a network that it was never used from", called(f.Subject)),
	})
}

func (w *Watch) firstScope(f FirstUse) {
	since := f.New.Since
	if since.IsZero() || w.clock().Sub(since) < w.policy(f.New.OrganizationID, NewScope).Window {
		return
	}
	details := f.Seen.details()
	details["scope"], details["scopes_named_since"] = f.New.Value, since.UTC().Format(time.RFC3339)
	w.add(Trouble{
		OrganizationID: f.New.OrganizationID, Rule: NewScope, Subject: f.Subject, Details: details, Count: 1,
		Summary: fmt.Sprintf("The %s was used with the scope %s, which it was never used with", called(f.Subject), f.New.Value),
	})
}
