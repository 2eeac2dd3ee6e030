package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/storage"
)

// demo fills an empty local database, so that there is something to try, and
// prints the secrets once with where the console is and three lines to paste.
func (s *serving) demo(ctx context.Context, address string) error {
	b, err := s.server.Organizations.Bootstrap(ctx, access.Operator(), organizations.BootstrapRequest{
		Name: "Demo", Email: "admin@demo.test", Application: true,
	})
	if err != nil {
		return fmt.Errorf("creating the demo: %w", err)
	}
	id, secret := b.Application.Client.ClientID, b.Application.Secret.Reveal()
	base := "http://" + reachable(address)
	p := s.process
	p.printf("\nThe database was empty, so a demo organization was created. It is for local use\nonly: the secrets below are shown once, and anyone who reads them can use them.\n\n")
	answer := bootstrapAnswerOf(b)
	answer.printSecrets(p)
	answer.printResourceServer(p)
	p.printf("  OAuth application %s  secret %s\n", id, secret)
	p.printf("\nThe console, for people, is at %s/console: sign in as the admin above.\n", base)
	p.printf("\nFetch an access token, ask whether it is active, revoke it:\n\n")
	p.printf("  TOKEN=$(curl -s -u %s:%s -d grant_type=client_credentials %s/oauth/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'); echo $TOKEN\n", id, secret, base)
	p.printf("  curl -s -u %s:%s -d token=$TOKEN %s/oauth/introspect\n", id, secret, base)
	p.printf("  curl -s -u %s:%s -d token=$TOKEN %s/oauth/revoke -w '%%{http_code}\\n'\n\n", id, secret, base)
	return nil
}

// reachable turns a bound address into one that a program on this machine can
// connect to.
func reachable(address string) string {
	bound, err := netip.ParseAddrPort(address)
	if err != nil || !bound.Addr().IsUnspecified() && !bound.Addr().IsLoopback() {
		return address
	}
	return net.JoinHostPort("localhost", fmt.Sprint(bound.Port()))
}

// loopback reports whether a URL's host is this machine.
func loopback(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil {
		return false
	}
	return storage.OnThisMachine(u.Hostname())
}
