// An MCP server whose tools are protected by Kiket Auth.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// listIssues is a tool. What was found out about the token comes with the request.
func listIssues(_ context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	token := r.Extra.TokenInfo
	return text("issues of organization %v for %v", token.Extra["organization"], token.UserID)
}

// newIssue are the arguments of createIssue.
type newIssue struct {
	Title string `json:"title"`
}

// createIssue is a tool that needs another scope, and is the one that sees to it:
// the gate has only looked at the request to tell the client in time.
func createIssue(_ context.Context, r *mcp.CallToolRequest, issue newIssue) (*mcp.CallToolResult, any, error) {
	token := r.Extra.TokenInfo
	if !slices.Contains(token.Scopes, "issues:write") {
		return nil, nil, errors.New("the token lacks the scope issues:write")
	}
	return text("%q in organization %v by %v", issue.Title, token.Extra["organization"], token.UserID)
}

func text(format string, values ...any) (*mcp.CallToolResult, any, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, values...)}}}, nil, nil
}

func main() {
	resource, err := url.Parse(os.Getenv("RESOURCE"))
	if err != nil {
		log.Fatal(err)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "issues", Version: "1.0.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "list_issues", Description: "List the issues of the organization"}, listIssues)
	mcp.AddTool(server, &mcp.Tool{Name: "create_issue", Description: "Create an issue"}, createIssue)
	tools := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})

	// What clients find the authorization server by (RFC 9728). They may ask for
	// all the scopes that it lists: name those without which nothing works.
	metadataURL := resource.ResolveReference(&url.URL{Path: "/.well-known/oauth-protected-resource" + strings.TrimSuffix(resource.Path, "/")})
	metadata := &oauthex.ProtectedResourceMetadata{
		Resource:               resource.String(),
		AuthorizationServers:   []string{os.Getenv("ISSUER")},
		ScopesSupported:        []string{"issues:read"},
		BearerMethodsSupported: []string{"header"},
	}
	g := &gate{
		endpoint: os.Getenv("ISSUER") + "/oauth/introspect", registrations: registrations(os.Getenv("MCP_CLIENT"), os.Getenv("API_CLIENT")),
		scope: "issues:read", scopes: map[string]string{"create_issue": "issues:write"},
		metadataURL: metadataURL.String(), client: &http.Client{Timeout: 5 * time.Second},
	}
	protection := http.NewCrossOriginProtection() // against pages that a browser runs
	mux := http.NewServeMux()
	mux.Handle(metadataURL.Path, auth.ProtectedResourceMetadataHandler(metadata))
	mux.Handle(resource.Path, protection.Handler(g.protect(tools)))
	listener := &http.Server{Addr: os.Getenv("LISTEN"), Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(listener.ListenAndServe())
}
