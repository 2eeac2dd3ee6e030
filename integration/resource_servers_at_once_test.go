package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// Changes of how a resource server authenticates are made one after the other, whatever
// process makes them: none leaves it with methods, secrets and keys that no single
// change could.
func TestResourceServersAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		verbs := deploy(t, e).verbs().Clients
		set, err := json.Marshal(keySetOf(t, newKeyPair(t, jose.ES256, "k")))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 12 {
			name := fmt.Sprintf("Server %d", n)
			_, err := verbs.RegisterResourceServer(t.Context(), access.Operator(), clients.ResourceServerRequest{
				Name: name, Identifier: fmt.Sprintf("https://api%d.example.com", n),
				Authentication: clients.Authentication{Methods: clients.SecretMethods, JWKS: set},
			})
			if err != nil {
				t.Fatal(err)
			}
			changeAtOnce(t, verbs, name)
			after, err := verbs.Store.ResourceServerByName(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if !after.Uses(storage.AuthPrivateKeyJWT) {
				continue
			}
			if open := len(after.OpenSecrets(time.Now())); open > 0 || len(after.JWKS) == 0 {
				t.Errorf("%s uses %v, with %d open secrets and %d bytes of keys", name, after.AuthMethods, open, len(after.JWKS))
			}
		}
	})
}

// changeAtOnce gives a resource server another secret, confines it to its keys, and
// takes them away.
func changeAtOnce(t *testing.T, verbs *clients.Service, name string) {
	t.Helper()
	keysAlone, noKeys := []storage.AuthMethod{storage.AuthPrivateKeyJWT}, []byte{}
	update := func(u clients.AuthenticationUpdate) error {
		_, err := verbs.UpdateResourceServer(t.Context(), access.Operator(), name, u)
		return err
	}
	var all sync.WaitGroup
	for _, change := range []func() error{
		func() error {
			_, err := verbs.RotateResourceServerSecret(t.Context(), access.Operator(), name, time.Hour)
			return err
		},
		func() error { return update(clients.AuthenticationUpdate{Methods: &keysAlone}) },
		func() error { return update(clients.AuthenticationUpdate{JWKS: &noKeys}) },
	} {
		all.Go(func() {
			if err := change(); err != nil && !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrInvalid) {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
