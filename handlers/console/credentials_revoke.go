package console

import (
	"errors"
	"net/http"

	"kiket.dev/auth/server/credentials"
	"kiket.dev/auth/storage"
)

// chosenCredentials are those that were selected. What is no reference names nothing.
func (v *visit) chosenCredentials() ([]credentials.Reference, error) {
	var chosen []credentials.Reference
	for _, text := range v.values["ids"] {
		reference, ok := credentials.ParseReference(text)
		if !ok {
			return nil, storage.ErrNotFound
		}
		chosen = append(chosen, reference)
	}
	if len(chosen) == 0 {
		return nil, storage.Invalidf("ids", "select at least one")
	}
	return chosen, nil
}

// askRevokeCredentials says what would happen to each of the selected, and changes
// nothing.
func (c *Console) askRevokeCredentials(v *visit) (view, error) {
	chosen, err := v.chosenCredentials()
	if errors.Is(err, storage.ErrInvalid) {
		return c.selectAgain(v, err)
	}
	if err != nil {
		return view{}, err
	}
	outcome, err := c.server.Credentials.Revoke(v.context(), v.caller, v.organizationID(), chosen, true)
	if err != nil {
		return view{}, err
	}
	if len(outcome.Revoked)+len(outcome.Already) == 0 {
		return view{}, storage.ErrNotFound
	}
	ending, err := c.shownCredentials(v, outcome.Revoked)
	if err != nil {
		return view{}, err
	}
	ended, err := c.shownCredentials(v, outcome.Already)
	if err != nil {
		return view{}, err
	}
	back := withQuery(credentialsPath, without(v.query(), "ids"))
	if len(ending)+len(ended) == 1 {
		back = append(ending, ended...)[0].Page()
	}
	return view{template: "credentials_revoke", title: "Revoke " + plural(len(ending), "credential") + "?", data: map[string]any{
		"Ending": ending, "Ended": ended, "Unknown": len(outcome.Unknown), "Back": back,
	}}, nil
}

// selectAgain shows the list with what is wrong about the selection.
func (c *Console) selectAgain(v *visit, err error) (view, error) {
	shown, errShow := c.listCredentials(v)
	if errShow != nil {
		return view{}, errShow
	}
	shown.status = http.StatusUnprocessableEntity
	return v.again(shown, err)
}

func (c *Console) shownCredentials(v *visit, references []credentials.Reference) ([]shownCredential, error) {
	shown := make([]shownCredential, 0, len(references))
	for _, reference := range references {
		found, err := c.server.Credentials.Show(v.context(), v.caller, v.organizationID(), reference)
		if err != nil {
			return nil, err
		}
		shown = append(shown, v.shownCredential(found))
	}
	return shown, nil
}

func (c *Console) revokeCredentials(v *visit) (view, error) {
	chosen, err := v.chosenCredentials()
	if err != nil {
		return view{}, err
	}
	outcome, err := c.server.Credentials.Revoke(v.context(), v.caller, v.organizationID(), chosen, false)
	if err != nil {
		return view{}, err
	}
	if len(outcome.Revoked)+len(outcome.Already) == 0 {
		return view{}, storage.ErrNotFound
	}
	return goTo(credentialsPath, "credentials-revoked"), nil
}
