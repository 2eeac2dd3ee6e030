package usage

import (
	"maps"
	"net/netip"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

const (
	// mostCounts bounds what is told apart of one credential: uses with further scopes
	// are counted as if they had named none, and of still more the least is left out.
	mostCounts = 64
	// mostNoted bounds the networks and the scopes of one credential that are looked up
	// at a time.
	mostNoted = 32
)

// owner is whose uses are counted.
type owner struct {
	organizationID int64 // 0: they are not counted
	subject        storage.Party
	credentials    []storage.CredentialID
}

// gathered is what is not written yet of the uses of one credential.
type gathered struct {
	key      key
	owner    owner
	at       time.Time
	last     sighting
	counts   []count
	networks []sighting
	scopes   map[string]sighting
}

// count is how often a credential was used on a day with a scope at a resource server;
// see storage.UseCount.
type count struct {
	day         time.Time
	scope       string
	server      int64
	named, uses int64
}

// sighting is where a credential was seen.
type sighting struct {
	address   netip.Addr // zero: not known
	userAgent string
	server    int64
	by        string // name of the server

	saidAddress, saidUserAgent string // as it came
}

// mostSaid is how many bytes of what somebody says are kept to know it again.
const mostSaid = 512

func sightingOf(u Use) sighting {
	s := sighting{userAgent: access.UserAgent(u.UserAgent), server: u.Server.ID, by: u.Server.Name}
	if len(u.Address)+len(u.UserAgent) <= mostSaid {
		s.saidAddress, s.saidUserAgent = strings.Clone(u.Address), strings.Clone(u.UserAgent) // and not all of a request
	}
	if a, err := netip.ParseAddr(u.Address); err == nil {
		s.address = a.Unmap().WithZone("")
	}
	return s
}

// is reports whether it is known that the use was the same sighting.
func (s sighting) is(u Use) bool {
	return s.saidAddress == u.Address && s.saidUserAgent == u.UserAgent && s.server == u.Server.ID
}

func (s sighting) addressText() string {
	if !s.address.IsValid() {
		return ""
	}
	return s.address.String()
}

// Prefixes that tell networks apart.
const (
	network4 = 24
	network6 = 48
)

// privateNetwork stands for all addresses that say nothing about where they are.
const privateNetwork = "private"

// network is where the sighting was, as far as it is of interest whether it is new; ""
// if that is not known.
func (s sighting) network() string {
	a := s.address
	switch {
	case !a.IsValid():
		return ""
	case a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast():
		return privateNetwork
	case a.Is4():
		return netip.PrefixFrom(a, network4).Masked().String()
	}
	return netip.PrefixFrom(a, network6).Masked().String()
}

func (s sighting) near(other sighting) bool {
	return s.address == other.address || s.network() == other.network()
}

// count counts a use, and reports whether there was room.
func (g *gathered) count(day time.Time, u Use) bool {
	if g.owner.organizationID == 0 {
		return true
	}
	if len(u.Scopes) == 0 {
		return g.countOne(day, "", u.Server.ID, 1)
	}
	fits := true
	for i, scope := range u.Scopes {
		uses := int64(0)
		if i == 0 {
			uses = 1
		}
		fits = g.countOne(day, scope, u.Server.ID, uses) && fits
	}
	return fits
}

func (g *gathered) countOne(day time.Time, scope string, server, uses int64) bool {
	for i := range g.counts {
		if c := &g.counts[i]; c.scope == scope && c.server == server && c.day.Equal(day) {
			c.named++
			c.uses += uses
			return true
		}
	}
	switch {
	case len(g.counts) >= 2*mostCounts:
		return false
	case len(g.counts) >= mostCounts && scope != "":
		return uses == 0 || g.countOne(day, "", server, uses)
	}
	g.counts = append(g.counts, count{day, strings.Clone(scope), server, 1, uses}) // and not all of a request
	return true
}

// note remembers where the credential was seen last, and for what. Sessions go where
// people go, and end soon: of them nothing is news.
func (g *gathered) note(scopes storage.Scopes) {
	if g.owner.organizationID == 0 || g.key.kind == storage.Session {
		return
	}
	g.noteNetwork(g.last)
	for _, scope := range scopes {
		g.noteScope(scope, g.last)
	}
}

func (g *gathered) noteNetwork(s sighting) {
	for _, noted := range g.networks {
		if noted.near(s) {
			return
		}
	}
	if s.address.IsValid() && len(g.networks) < mostNoted {
		g.networks = append(g.networks, s)
	}
}

func (g *gathered) noteScope(scope string, s sighting) {
	if _, noted := g.scopes[scope]; noted || len(g.scopes) >= mostNoted {
		return
	}
	if g.scopes == nil {
		g.scopes = map[string]sighting{}
	}
	g.scopes[strings.Clone(scope)] = s
}

// use is the last of the uses.
func (g *gathered) use() storage.TokenUse {
	return storage.TokenUse{
		Kind: g.key.kind, ID: g.key.id, ClientSecretID: g.key.secret,
		At: g.at, Address: g.last.addressText(), UserAgent: g.last.userAgent, ResourceServerID: g.last.server,
	}
}

// useCounts are the counts for each of the credentials that the uses are counted for.
func (g *gathered) useCounts() []storage.UseCount {
	counts := make([]storage.UseCount, 0, len(g.owner.credentials)*len(g.counts))
	for _, credential := range g.owner.credentials {
		for _, c := range g.counts {
			counts = append(counts, storage.UseCount{
				OrganizationID: g.owner.organizationID, Credential: credential, Day: c.day, Scope: c.scope,
				ResourceServerID: c.server, Count: c.named, Uses: c.uses,
			})
		}
	}
	return counts
}

// noted is what of the credential traits are kept of: of an access token the application,
// whose secrets come and go.
func (g *gathered) noted() storage.CredentialID { return g.owner.credentials[0] }

func (g *gathered) traits() []storage.Trait {
	traits := make([]storage.Trait, 0, len(g.networks)+len(g.scopes))
	add := func(kind storage.TraitKind, value string) {
		traits = append(traits, storage.Trait{
			OrganizationID: g.owner.organizationID, Credential: g.noted(), Kind: kind, Value: value,
		})
	}
	for _, s := range g.networks {
		add(storage.NetworkTrait, s.network())
	}
	for scope := range maps.Keys(g.scopes) {
		add(storage.ScopeTrait, scope)
	}
	return traits
}

// seenWith returns the first sighting with the trait.
func (g *gathered) seenWith(t storage.Trait) (alerts.Sighting, bool) {
	if g.noted() != t.Credential {
		return alerts.Sighting{}, false
	}
	if s, ok := g.scopes[t.Value]; ok && t.Kind == storage.ScopeTrait {
		return s.told(), true
	}
	for _, s := range g.networks {
		if t.Kind == storage.NetworkTrait && s.network() == t.Value {
			return s.told(), true
		}
	}
	return alerts.Sighting{}, false
}

func (s sighting) told() alerts.Sighting {
	return alerts.Sighting{Address: s.addressText(), UserAgent: s.userAgent, By: s.by}
}

// merge adds what has gathered since.
func (g *gathered) merge(later *gathered) {
	if !later.at.Before(g.at) {
		g.at, g.last = later.at, later.last
	}
	for _, c := range later.counts {
		g.mergeCount(c)
	}
	for _, s := range later.networks {
		g.noteNetwork(s)
	}
	for scope, s := range later.scopes {
		g.noteScope(scope, s)
	}
}

func (g *gathered) mergeCount(c count) {
	for i := range g.counts {
		if have := &g.counts[i]; have.scope == c.scope && have.server == c.server && have.day.Equal(c.day) {
			have.named += c.named
			have.uses += c.uses
			return
		}
	}
	if len(g.counts) < 2*mostCounts {
		g.counts = append(g.counts, c)
	}
}
