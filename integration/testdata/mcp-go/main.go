// An MCP client as the documentation of the official Go SDK tells to write one.
// Reads a list of attempts from standard input and prints what came of each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/url"
	"os"

	"github.com/modelcontextprotocol/go-sdk/auth/extauth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// attempt is to connect to a server and call its tools, with a token that is
// given, or with one that the SDK fetches, or one that x/oauth2 does.
type attempt struct {
	URL, Issuer, Resource string
	Bearer                string
	ID, Secret            string
	OAuth2                bool
	Calls                 []*mcp.CallToolParams
}

// outcome is what came of an attempt.
type outcome struct {
	Tools []string          `json:"tools"`
	Said  map[string]string `json:"said"`
	Token string            `json:"token"`
	Error string            `json:"error"`
}

func main() {
	var attempts []attempt
	if err := json.NewDecoder(os.Stdin).Decode(&attempts); err != nil {
		log.Fatal(err)
	}
	outcomes := []outcome{}
	for _, a := range attempts {
		o := outcome{Said: map[string]string{}}
		if err := a.run(context.Background(), &o); err != nil {
			o.Error = err.Error()
		}
		outcomes = append(outcomes, o)
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		log.Fatal(err)
	}
}

func (a attempt) run(ctx context.Context, o *outcome) error {
	transport, source, err := a.transport(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if tokens, err := source(); err == nil && tokens != nil {
			if token, err := tokens.Token(); err == nil {
				o.Token = token.AccessToken
			}
		}
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "client of a test", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, transport, nil)
	if err != nil {
		return err
	}
	defer session.Close()
	listed, err := session.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	for _, tool := range listed.Tools {
		o.Tools = append(o.Tools, tool.Name)
	}
	for _, call := range a.Calls {
		result, err := session.CallTool(ctx, call)
		if err != nil {
			return err
		}
		text := result.Content[0].(*mcp.TextContent).Text
		if result.IsError {
			return errors.New(text)
		}
		o.Said[call.Name] = text
	}
	return nil
}

// transport returns one that authorizes itself, and where its tokens come from.
func (a attempt) transport(ctx context.Context) (*mcp.StreamableClientTransport, func() (oauth2.TokenSource, error), error) {
	if a.ID != "" && !a.OAuth2 {
		handler, err := extauth.NewClientCredentialsHandler(&extauth.ClientCredentialsHandlerConfig{
			Credentials: &oauthex.ClientCredentials{
				ClientID: a.ID, ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: a.Secret}, Issuer: a.Issuer,
			},
		})
		if err != nil {
			return nil, nil, err
		}
		return &mcp.StreamableClientTransport{Endpoint: a.URL, OAuthHandler: handler},
			func() (oauth2.TokenSource, error) { return handler.TokenSource(ctx) }, nil
	}
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: a.Bearer})
	if a.OAuth2 {
		config := clientcredentials.Config{
			ClientID: a.ID, ClientSecret: a.Secret, TokenURL: a.Issuer + "/oauth/token", Scopes: []string{"issues:read", "issues:write"},
			EndpointParams: url.Values{"resource": {a.Resource}},
		}
		source = config.TokenSource(ctx)
	}
	return &mcp.StreamableClientTransport{Endpoint: a.URL, HTTPClient: oauth2.NewClient(ctx, source)},
		func() (oauth2.TokenSource, error) { return source, nil }, nil
}
