// An MCP client that fetches access tokens for itself.
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	ctx := context.Background()
	tokens := clientcredentials.Config{
		ClientID:       os.Getenv("CLIENT_ID"),
		ClientSecret:   os.Getenv("CLIENT_SECRET"),
		TokenURL:       os.Getenv("ISSUER") + "/oauth/token",
		EndpointParams: url.Values{"resource": {os.Getenv("RESOURCE")}}, // for that server alone
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "report", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: os.Getenv("RESOURCE"), HTTPClient: tokens.Client(ctx), DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for _, call := range []*mcp.CallToolParams{
		{Name: "list_issues"}, {Name: "create_issue", Arguments: map[string]any{"title": "Broken"}},
	} {
		result, err := session.CallTool(ctx, call)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Content[0].(*mcp.TextContent).Text)
	}
}
