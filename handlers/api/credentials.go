package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/server/credentials"
	"kiket.dev/auth/storage"
)

var credentialEndpoints = []endpoint{
	{method: http.MethodGet, path: "/credentials", permission: admin, handle: (*API).listCredentials, parameters: append([]string{"kind", "unused_for", "expiring_within", "full_access", "never_used", "owner_gone", "over_privileged", "exceeds_max_lifetime"}, pages...)},
	{method: http.MethodPost, path: "/credentials/revoke", permission: admin, action: "credential.revoke", handle: (*API).revokeCredentials},
}

type credentialBody struct {
	ID              int64                `json:"id"`
	Reference       string               `json:"reference"`
	Kind            credentials.Kind     `json:"kind"`
	Name            string               `json:"name"`
	TokenPrefix     string               `json:"token_prefix"`
	Scopes          storage.Scopes       `json:"scopes"` // none with full access
	FullAccess      bool                 `json:"full_access"`
	Owner           *ownerBody           `json:"owner"`
	Application     *applicationNameBody `json:"application,omitempty"`
	Extension       *extensionNameBody   `json:"extension,omitempty"`
	CreatedAt       *time.Time           `json:"created_at"`
	ExpiresAt       *time.Time           `json:"expires_at"`
	LastUsedAt      *time.Time           `json:"last_used_at"`
	LastUsedAddress *string              `json:"last_used_address"`
	UsedFrom        *usedFromBody        `json:"last_used_from"`
	UnusedScopes    storage.Scopes       `json:"unused_scopes"` // null: it cannot be told
}

// applicationNameBody names the application that a client secret belongs to.
type applicationNameBody struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	ClientID string `json:"client_id"`
	Disabled bool   `json:"disabled"`
}

// extensionNameBody names the extension that a key belongs to.
type extensionNameBody struct {
	ID        int64  `json:"id"`
	Key       string `json:"key"`
	Name      string `json:"name"`
	ProjectID int64  `json:"project_id"`
}

func (s servers) renderCredential(c credentials.Credential) credentialBody {
	body := credentialBody{
		ID: c.Reference.ID, Reference: c.Reference.String(), Kind: c.Reference.Kind, Name: c.Name, TokenPrefix: c.Prefix,
		Scopes: c.Scopes, FullAccess: c.FullAccess, CreatedAt: moment(c.CreatedAt), ExpiresAt: moment(c.ExpiresAt),
		LastUsedAt: moment(c.LastUsedAt), UnusedScopes: c.UnusedScopes,
	}
	body.UsedFrom = s.usedFrom(c.LastUsedAt, c.LastUsedAddress, c.LastUsedUserAgent, c.LastUsedServerID)
	if c.OwnerID != 0 {
		body.Owner = &ownerBody{ID: c.OwnerID, Name: c.OwnerName}
	}
	if a := c.Application; a.ID != 0 {
		body.Application = &applicationNameBody{ID: a.ID, Name: a.Name, ClientID: a.ClientID, Disabled: !a.Enabled()}
	}
	if i := c.Installation; i.ID != 0 {
		body.Extension = &extensionNameBody{ID: i.ID, Key: i.Key, Name: i.Name, ProjectID: i.ProjectID}
	}
	if c.LastUsedAddress != "" {
		body.LastUsedAddress = &c.LastUsedAddress
	}
	return body
}

func (a *API) listCredentials(c *call) (reply, error) {
	filter, errFilter := c.credentialFilter()
	limit, errLimit := c.limit()
	from, errFrom := readPosition(c.query.Get("cursor"))
	if err := errors.Join(errFilter, errLimit, errFrom); err != nil {
		return reply{}, err
	}
	found, after, err := a.Server.Credentials.List(c.context(), c.caller, c.organization(), filter, from, limit)
	if err != nil {
		return reply{}, err
	}
	at, err := serversOf(a, c, found, func(c credentials.Credential) []int64 { return []int64{c.LastUsedServerID} })
	if err != nil {
		return reply{}, err
	}
	rendered := make([]credentialBody, 0, len(found))
	for _, one := range found {
		rendered = append(rendered, at.renderCredential(one))
	}
	return ok(listBody{"credentials", rendered, positionCursor(after)}), nil
}

// positionCursor hides what a place in the list of all credentials is made of.
func positionCursor(p *credentials.Position) *string {
	if p == nil {
		return nil
	}
	text := strconv.FormatInt(p.Token, 36) + "." + strconv.FormatInt(p.Secret, 36)
	text = base64.RawURLEncoding.EncodeToString([]byte(text))
	return &text
}

func readPosition(text string) (credentials.Position, error) {
	if text == "" {
		return credentials.Position{}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	first, second, found := strings.Cut(string(raw), ".")
	token, errToken := strconv.ParseInt(first, 36, 64)
	secret, errSecret := strconv.ParseInt(second, 36, 64)
	if err := errors.Join(err, errToken, errSecret); err != nil || !found || token < 1 || secret < 1 {
		return credentials.Position{}, errCursor
	}
	return credentials.Position{Token: token, Secret: secret}, nil
}

// credentialID names a credential in a request: the number of a token, or a reference.
type credentialID struct{ credentials.Reference }

// UnmarshalJSON implements [json.Unmarshaler].
func (i *credentialID) UnmarshalJSON(raw []byte) error {
	if id, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		i.Reference = credentials.Reference{ID: id}
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("neither a number nor a reference: %w", err)
	}
	reference, ok := credentials.ParseReference(text)
	if !ok {
		return errors.New("not a reference")
	}
	i.Reference = reference
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (i credentialID) MarshalJSON() ([]byte, error) {
	if i.Kind == "" {
		return json.Marshal(i.ID)
	}
	return json.Marshal(i.String())
}

type credentialIDs []credentialID

func (credentialIDs) wanted() string {
	return "a list of numbers of tokens, or of references such as client_secret:7"
}

func renderIDs(references []credentials.Reference) credentialIDs {
	ids := make(credentialIDs, 0, len(references))
	for _, r := range references {
		ids = append(ids, credentialID{r})
	}
	return ids
}

func (a *API) revokeCredentials(c *call) (reply, error) {
	var request struct {
		IDs    credentialIDs `json:"ids"`
		Filter *filterBody   `json:"filter"`
		DryRun bool          `json:"dry_run"`
	}
	if err := c.decode("credentials", &request); err != nil {
		return reply{}, err
	}
	references, more, err := a.toBeRevoked(c, request.IDs, request.Filter, request.DryRun)
	if err != nil {
		return reply{}, err
	}
	var result credentials.Revocation
	if request.Filter == nil || len(references) > 0 { // a filter may name none
		result, err = a.Server.Credentials.Revoke(c.context(), c.caller, c.organization(), references, request.DryRun)
	}
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Revoked credentialIDs `json:"revoked"`
		Already credentialIDs `json:"already_revoked"`
		Unknown credentialIDs `json:"unknown"`
		Own     credentialIDs `json:"own"`
		More    bool          `json:"more"`
	}{renderIDs(result.Revoked), renderIDs(result.Already), renderIDs(result.Unknown), renderIDs(result.Own), more}), nil
}

// toBeRevoked returns what the request names, and whether its filter names more. A filter
// is for dry runs: what is revoked has been seen.
func (a *API) toBeRevoked(c *call, ids credentialIDs, filter *filterBody, dryRun bool) ([]credentials.Reference, bool, error) {
	if filter == nil {
		references := make([]credentials.Reference, 0, len(ids))
		for _, id := range ids {
			references = append(references, id.Reference)
		}
		return references, false, nil
	}
	var wrong error
	if !dryRun {
		wrong = storage.Invalidf("filter", "is for dry runs alone: revoke the ids that one answers with")
	}
	if ids != nil {
		wrong = errors.Join(wrong, storage.Invalidf("ids", "want either ids or a filter"))
	}
	wanted, err := filter.read()
	if err = errors.Join(wrong, err); err != nil {
		return nil, false, err
	}
	return a.Server.Credentials.Select(c.context(), c.caller, c.organization(), wanted)
}
