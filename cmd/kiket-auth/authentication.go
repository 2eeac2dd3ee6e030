package main

import (
	"fmt"
	"os"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

// keyFlags say how a client authenticates.
type keyFlags struct {
	AuthMethod       []string `help:"client_secret_basic, client_secret_post or private_key_jwt; several with commas. Without it private_key_jwt if there are keys, and else either with a secret." placeholder:"METHOD"`
	JWKS             string   `name:"jwks" help:"File with its public keys, a JWK Set (RFC 7517)." placeholder:"FILE"`
	JWKSURI          string   `name:"jwks-uri" help:"Where it publishes its public keys, instead of --jwks." placeholder:"URL"`
	TokenURLAudience bool     `name:"token-url-audience" help:"Its assertions may name the token endpoint as their audience; the issuer always can be."`
}

func (f keyFlags) read() (clients.Authentication, error) {
	a := clients.Authentication{Methods: methodsOf(f.AuthMethod), JWKSURI: f.JWKSURI, TokenURLAudience: f.TokenURLAudience}
	if f.JWKS != "" {
		document, err := os.ReadFile(f.JWKS)
		if err != nil {
			return a, fmt.Errorf("reading the keys: %w", err)
		}
		a.JWKS = document
	}
	return a, nil
}

func methodsOf(names []string) []storage.AuthMethod {
	var methods []storage.AuthMethod
	for _, name := range names {
		methods = append(methods, storage.AuthMethod(name))
	}
	return methods
}

// textOrNull is nil for an empty text.
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
