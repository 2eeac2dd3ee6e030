package sessions_test

import (
	"os"
	"testing"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/server/servertest"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/postgrestest"
)

// cluster is the PostgreSQL of this package's tests.
var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster, postgrestest.Options{})) }

const (
	avery    = "avery@acme.test"
	password = "correct horse battery"
	another  = "staple on the doorstep"
)

// world is a server with an organization, of which Avery is a member.
type world struct {
	*servertest.World
	acme storage.Organization
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: servertest.New(t)}
	w.acme = w.organization("Acme")
	return w
}

// organization makes one with Avery, always with the same password.
func (w *world) organization(name string) storage.Organization {
	w.T.Helper()
	created, err := w.Organizations.Create(w.Ctx, access.Operator(), organizations.Creation{
		Name: name, Email: avery, AdminName: "Avery", Password: storage.NewSecret(password),
	})
	w.OK(err)
	return created.Organization
}

// member makes somebody else a member of Acme.
func (w *world) member(email string) {
	w.T.Helper()
	_, err := w.Members.Add(w.Ctx, access.Operator(), w.acme.ID, members.Addition{
		Email: email, Name: "Casey", Role: storage.RoleMember, Password: storage.NewSecret(password),
	})
	w.OK(err)
}

func (w *world) signIn(organization, password string) (sessions.SignedIn, error) {
	return w.Sessions.SignIn(w.Ctx, servertest.Origin, sessions.Credentials{
		Email: avery, Password: storage.NewSecret(password), Organization: organization,
	})
}

func (w *world) signedIn(organization string) sessions.SignedIn {
	w.T.Helper()
	signed, err := w.signIn(organization, password)
	w.OK(err)
	return signed
}

// credential is what a session is when it is looked up now.
func (w *world) credential(s sessions.SignedIn) storage.Credential {
	w.T.Helper()
	c, err := w.Store.CredentialByReference(w.Ctx, storage.TokenReferenceOf(s.Session.Token))
	w.OK(err)
	return c
}

func (w *world) active(s sessions.SignedIn) bool {
	w.T.Helper()
	return w.credential(s).Active(w.Now())
}

func (w *world) caller(s sessions.SignedIn) access.Caller {
	w.T.Helper()
	return access.FromCredential(w.credential(s), w.Catalogue, servertest.Origin)
}

// actions are those of an organization's audit events from the given one on, with the
// kind of who did them.
func (w *world) actions(o storage.Organization, from int) []string {
	w.T.Helper()
	var actions []string
	for _, e := range w.Events(o.ID)[from:] {
		actions = append(actions, e.Actor.Kind+" "+e.Action)
	}
	return actions
}
