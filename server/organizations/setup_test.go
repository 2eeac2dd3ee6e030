package organizations_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/server/servertest"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/postgrestest"
)

// cluster is the PostgreSQL of this package's tests.
var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster, postgrestest.Options{})) }

var password = storage.NewSecret("correct horse battery")

func request(organization string) organizations.SetupRequest {
	return organizations.SetupRequest{Organization: organization, Email: "Avery@acme.test", Name: " Avery ", Password: password}
}

func code(w *servertest.World) storage.Secret {
	w.T.Helper()
	code, err := w.Organizations.SetupCode()
	w.OK(err)
	return code
}

// Whoever has the code makes the first organization, signs in to it, and the code is good
// for nothing more.
func TestSetup(t *testing.T) {
	w := servertest.New(t)
	needed, err := w.Organizations.NeedsSetup(w.Ctx)
	if !needed || err != nil {
		t.Errorf("setup is needed: %t, %v", needed, err)
	}
	setUp, err := w.Organizations.Setup(w.Ctx, servertest.Origin, code(w), request("Acme"))
	w.OK(err)
	if setUp.Organization.Slug != "acme" || setUp.Project.Key != "DEFAULT" || setUp.Admin.Name != "Avery" || setUp.Admin.Email != "avery@acme.test" ||
		setUp.Admin.Role != storage.RoleAdmin || setUp.ResourceServer.Client.Identifier != servertest.Issuer+"/api" {
		t.Errorf("set up: %+v", setUp)
	}
	if setUp.ResourceServer.Secret.Empty() || !setUp.Password.Empty() || setUp.WorkspaceAPIToken.Token.ID != 0 || setUp.Application.Client.ID != 0 {
		t.Error("it shows other secrets than that of the resource server")
	}
	_, err = w.Sessions.SignIn(w.Ctx, servertest.Origin, sessions.Credentials{Email: "avery@acme.test", Password: password})
	w.OK(err)
	_, err = w.Organizations.Setup(w.Ctx, servertest.Origin, code(w), request("Beta"))
	w.WantRefused("again", err, "already_set_up")
	_, err = w.Organizations.Setup(w.Ctx, servertest.Origin, storage.Secret{}, request("Beta"))
	w.WantRefused("again, without the code", err, "already_set_up")
	if needed, err := w.Organizations.NeedsSetup(w.Ctx); needed || err != nil {
		t.Errorf("setup is needed: %t, %v", needed, err)
	}
	made := w.Events(setUp.Organization.ID)[0]
	if made.Action != "organization.created" || made.Actor != (storage.Party{Kind: "operator", Name: "setup code"}) || made.IPAddress != servertest.Origin.Address {
		t.Errorf("event: %+v", made)
	}
}

func TestSetupRefusals(t *testing.T) {
	w := servertest.New(t)
	for name, c := range map[string]struct {
		change func(r *organizations.SetupRequest)
		field  string
	}{
		"an organization without a name":   {func(r *organizations.SetupRequest) { r.Organization = " " }, "organization"},
		"an organization without a letter": {func(r *organizations.SetupRequest) { r.Organization = "…" }, "organization"},
		"no address":                       {func(r *organizations.SetupRequest) { r.Email = "avery" }, "email"},
		"nobody":                           {func(r *organizations.SetupRequest) { r.Name = "" }, "name"},
		"a short password":                 {func(r *organizations.SetupRequest) { r.Password = storage.NewSecret("short") }, "password"},
		"the address for a password":       {func(r *organizations.SetupRequest) { r.Password = storage.NewSecret("avery@acme.test") }, "password"},
		"a password that was left out":     {func(r *organizations.SetupRequest) { r.Password = storage.Secret{} }, "password"},
	} {
		r := request("Acme")
		c.change(&r)
		_, err := w.Organizations.Setup(w.Ctx, servertest.Origin, code(w), r)
		w.WantInvalid(name, err, c.field)
	}
	elsewhere := servertest.New(t)
	for n := range 10 {
		guess := storage.NewSecret(fmt.Sprint("AAAAA-AAAAA-AAAAA-AAAA", n))
		if n == 0 {
			guess = code(elsewhere) // of another master key
		}
		_, err := w.Organizations.Setup(w.Ctx, servertest.Origin, guess, request("Acme"))
		w.WantInvalid("a wrong code", err, "code")
	}
	var throttled *clients.ThrottledError
	if _, err := w.Organizations.Setup(w.Ctx, servertest.Origin, code(w), request("Acme")); !errors.As(err, &throttled) {
		t.Errorf("after ten wrong codes: %v", err)
	}
	if n, err := w.Store.CountOrganizations(w.Ctx); n != 0 || err != nil {
		t.Errorf("%d organizations, %v", n, err)
	}
	w.Pass(time.Minute)
	_, err := w.Organizations.Setup(w.Ctx, servertest.Origin, code(w), request("Acme"))
	w.OK(err)
}

// Of several at once, one makes its organization.
func TestSetupAtOnce(t *testing.T) {
	for engine, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/kiket-auth.db" },
		"postgres": func(t *testing.T) string { return cluster.NewDatabase(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			w := servertest.Open(t, url(t))
			right := code(w)
			var errs [4]error
			var together sync.WaitGroup
			for i := range errs {
				together.Go(func() {
					origin := access.Origin{Address: fmt.Sprint("192.0.2.", i)}
					_, errs[i] = w.Organizations.Setup(w.Ctx, origin, right, request(fmt.Sprint("Acme ", i)))
				})
			}
			together.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					w.WantRefused("whoever was late", err, "already_set_up")
				}
			}
			if n, err := w.Store.CountOrganizations(w.Ctx); won != 1 || n != 1 || err != nil {
				t.Errorf("%d won, %d organizations, %v", won, n, err)
			}
		})
	}
}
