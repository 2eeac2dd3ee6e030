package storage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CredentialKind tells apart what uses are counted for: the kinds of opaque tokens, and
// these.
type CredentialKind string

// What an access token stands for: the application that it was issued to, and the secret
// that it was fetched with.
const (
	ClientSecretCredential CredentialKind = "client_secret"
	ApplicationCredential  CredentialKind = "oauth_application"
)

var credentialKinds = []CredentialKind{
	CredentialKind(WorkspaceAPIToken), CredentialKind(ExtensionKey), CredentialKind(Session),
	ClientSecretCredential, ApplicationCredential,
}

// CredentialID names a credential that uses are counted for. The ids of opaque tokens
// are unique among them.
type CredentialID struct {
	Kind CredentialKind
	ID   int64
}

// String returns kind and id, such as client_secret:7.
func (c CredentialID) String() string { return fmt.Sprintf("%s:%d", c.Kind, c.ID) }

// ParseCredentialID reads what [CredentialID.String] writes, and nothing else.
func ParseCredentialID(text string) (CredentialID, bool) {
	kind, number, _ := strings.Cut(text, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	c := CredentialID{Kind: CredentialKind(kind), ID: id}
	return c, err == nil && id > 0 && slices.Contains(credentialKinds, c.Kind) && c.String() == text
}

// UsedCredentials returns what a use of the credential is counted for.
func (t Token) UsedCredentials() []CredentialID {
	if t.Kind == AccessToken {
		return usedClient(t.ClientID, t.ClientSecretID)
	}
	return []CredentialID{{CredentialKind(t.Kind), t.ID}}
}

func usedClient(id, secretID int64) []CredentialID {
	used := []CredentialID{{ApplicationCredential, id}}
	if secretID != 0 {
		used = append(used, CredentialID{ClientSecretCredential, secretID})
	}
	return used
}

// UseCount is how often a credential was used on one day with one scope, at one
// resource server.
type UseCount struct {
	OrganizationID   int64
	Credential       CredentialID
	Day              time.Time // its beginning in UTC
	Scope            string    // empty: of uses that named none
	ResourceServerID int64     // Client.ID, 0: this server itself
	// Count is the number of uses that named the scope.
	Count int64
	// Uses is how many of them no other count has: a use that names several scopes is
	// in the Count of each, and in the Uses of one. Their sum is the number of uses.
	Uses int64
}

// DayOf returns the beginning of the day in UTC.
func DayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// ScopeUse is what a credential was used for in a span of time.
type ScopeUse struct {
	Credential CredentialID
	Scopes     Scopes // those that uses named, in the order of their names
	Unnamed    int64  // uses that named no scope: they may have been for any
	Uses       int64  // all of them
}

// TraitKind is in what respect a credential's uses are told apart.
type TraitKind string

// The kinds of traits.
const (
	NetworkTrait TraitKind = "network" // where uses come from, as a prefix such as 192.0.2.0/24
	ScopeTrait   TraitKind = "scope"   // what they named
)

// MostTraits is how many traits of a kind are kept for a credential.
const MostTraits = 64

// Trait is something that uses of a credential had.
type Trait struct {
	OrganizationID int64
	Credential     CredentialID
	Kind           TraitKind
	Value          string
}

// NewTrait is a trait that no use of the credential had before.
type NewTrait struct {
	Trait
	Before int       // how many traits of the kind it had
	Since  time.Time // when it had the first of them; zero: it had none
}

// UsageStore keeps what credentials were used for.
type UsageStore interface {
	// AddUses adds to what is counted already.
	AddUses(ctx context.Context, counts []UseCount) error
	// NoteTraits writes down what uses at the given time had, and returns what is new:
	// of several callers at once, one is told. Of more than [MostTraits] for a
	// credential the rest is neither kept nor told. When a trait was there last is kept
	// to the hour.
	NoteTraits(ctx context.Context, traits []Trait, at time.Time) ([]NewTrait, error)
	// UsesOf returns the counts of a credential of the organization on the days from
	// since to until, both included, in the order of days, scopes and resource servers.
	UsesOf(ctx context.Context, organizationID int64, c CredentialID, since, until time.Time) ([]UseCount, error)
	// UsedScopes returns what each credential of the organization that was used on or
	// after that day was used for, in the order of kinds and ids. A credential that was
	// not used is not among them.
	UsedScopes(ctx context.Context, organizationID int64, since time.Time) ([]ScopeUse, error)
	// CountedSince returns the first day of which there are counts, of whatever
	// organization; zero: there are none.
	CountedSince(ctx context.Context) (time.Time, error)
	// ResourceServersByID returns those of the resource servers that there are, whoever
	// they belong to, in no order and without secrets.
	ResourceServersByID(ctx context.Context, ids []int64) ([]Client, error)
	// SweepUsage removes counts of days, and traits that were there last, before the
	// given time, and returns how many.
	SweepUsage(ctx context.Context, before time.Time) (int64, error)
}
