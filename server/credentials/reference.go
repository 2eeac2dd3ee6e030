package credentials

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kiket.dev/auth/storage"
)

// Kind is what a credential is.
type Kind string

// The kinds of credentials.
const (
	WorkspaceAPIToken = Kind(storage.WorkspaceAPIToken)
	ExtensionKey      = Kind(storage.ExtensionKey)
	Session           = Kind(storage.Session)
	ClientSecret      = Kind("client_secret")
)

// Kinds are all of them.
var Kinds = []Kind{WorkspaceAPIToken, ExtensionKey, Session, ClientSecret}

// Reference names a credential of an organization. The ids of tokens are unique among
// all kinds of tokens, those of client secrets among client secrets.
type Reference struct {
	Kind Kind // empty: a token of any kind
	ID   int64
}

// ParseReference reads what [Reference.String] writes, such as client_secret:7.
func ParseReference(text string) (Reference, bool) {
	kind, number, _ := strings.Cut(text, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	r := Reference{Kind: Kind(kind), ID: id}
	return r, err == nil && id > 0 && slices.Contains(Kinds, r.Kind) && r.String() == text
}

// String returns kind and id, such as workspace_api_token:42, or the id alone.
func (r Reference) String() string {
	if r.Kind == "" {
		return strconv.FormatInt(r.ID, 10)
	}
	return fmt.Sprintf("%s:%d", r.Kind, r.ID)
}

// compare orders references: tokens first, each by id.
func compare(a, b Reference) int {
	if (a.Kind == ClientSecret) != (b.Kind == ClientSecret) {
		if b.Kind == ClientSecret {
			return -1
		}
		return 1
	}
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return strings.Compare(string(a.Kind), string(b.Kind))
}
