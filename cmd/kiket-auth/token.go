package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

type tokenCommand struct {
	List   tokenList   `cmd:"" help:"List the workspace API tokens of an organization."`
	Create tokenCreate `cmd:"" help:"Issue a workspace API token to an admin and print it, once."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a workspace API token: it stops working at once."`
}

// tokenRow is a workspace token as --json prints one.
type tokenRow struct {
	ID         int64          `json:"id"`
	Name       string         `json:"name"`
	Scopes     storage.Scopes `json:"scopes"` // none with full access
	FullAccess bool           `json:"full_access"`
	Token      string         `json:"token,omitempty"` // in the answer that makes it
	Prefix     string         `json:"token_prefix"`
	ExpiresAt  *time.Time     `json:"expires_at"`
	LastUsedAt *time.Time     `json:"last_used_at"`
	CreatedAt  time.Time      `json:"created_at"`
	RevokedAt  *time.Time     `json:"revoked_at"`
	Owner      struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"owner"`
}

func tokenRowOf(o storage.OwnedToken) tokenRow {
	t := o.Token
	row := tokenRow{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, FullAccess: t.FullAccess, Prefix: t.Prefix, ExpiresAt: optional(t.ExpiresAt),
		LastUsedAt: optional(t.LastUsedAt), CreatedAt: t.CreatedAt.UTC(), RevokedAt: optional(t.RevokedAt),
	}
	row.Owner.ID, row.Owner.Name = t.UserID, o.OwnerName
	return row
}

// permits says what the token may do.
func (r tokenRow) permits() string {
	if r.FullAccess {
		return "full access"
	}
	return r.Scopes.String()
}

type tokenList struct {
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	State        string `enum:",active,revoked,expired" default:"" help:"active, revoked or expired; without it all that are not revoked." placeholder:"STATE"`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run lists the tokens.
func (c *tokenList) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := everything(func(page storage.Page) ([]storage.OwnedToken, error) {
		return o.server.Tokens.WorkspaceTokens(ctx, access.Operator(), organization.ID, tokens.State(c.State), page)
	}, func(t storage.OwnedToken) int64 { return t.Token.ID })
	if err != nil {
		return err
	}
	rows := make([]tokenRow, 0, len(found))
	for _, f := range found {
		rows = append(rows, tokenRowOf(f))
	}
	if c.JSON {
		return p.printJSON(map[string]any{"workspace_api_tokens": rows})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tTOKEN\tNAME\tOWNER\tPERMITS\tEXPIRES\tLAST USED")
	for _, row := range rows {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n",
			row.ID, row.Prefix, row.Name, row.Owner.Name, row.permits(), dateOr(row.ExpiresAt, "never"), dateOr(row.LastUsedAt, "never"))
	}
	return table.Flush()
}

// scopes are those that a flag names. One that names none is a mistake: what was to
// stand there, as the value of a variable, must not come to mean full access.
type scopes []string

// Decode implements [kong.MapperValue].
func (s *scopes) Decode(from *kong.DecodeContext) error {
	var text string
	if err := from.Scan.PopValueInto("scope", &text); err != nil {
		return err
	}
	for scope := range strings.SplitSeq(text, ",") {
		if scope = strings.TrimSpace(scope); scope == "" {
			return errors.New("want a scope; leave the flag out for full access")
		}
		*s = append(*s, scope)
	}
	return nil
}

type tokenCreate struct {
	Organization string     `required:"" help:"The organization." placeholder:"SLUG"`
	Owner        string     `required:"" help:"E-mail address of the admin whose token it is." placeholder:"ADDR"`
	Name         string     `required:"" help:"Name of the token, such as CI." placeholder:"NAME"`
	Scope        scopes     `help:"A scope that it has; several with commas, or said again. Without it full access." placeholder:"SCOPE"`
	ExpiresAt    *time.Time `help:"When it expires, such as 2031-01-31T23:59:00Z; without it never." placeholder:"TIME"`
	JSON         bool       `name:"json" help:"Print one JSON object."`
}

// Run issues the token.
func (c *tokenCreate) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	owner, err := o.memberByEmail(ctx, organization, c.Owner)
	if err != nil {
		return err
	}
	if owner.Role != storage.RoleAdmin {
		return fmt.Errorf("%s is no admin of %s: only an admin can own a workspace API token", owner.Email, organization.Name)
	}
	request := tokens.WorkspaceTokenRequest{
		OrganizationID: organization.ID, OwnerID: owner.UserID, Name: c.Name, Scopes: storage.NewScopes(c.Scope...),
	}
	if c.ExpiresAt != nil {
		if request.ExpiresAt = *c.ExpiresAt; request.ExpiresAt.IsZero() { // by which the verb means never
			return storage.Invalidf("expires_at", "must be in the future")
		}
	}
	issued, err := o.server.Tokens.IssueWorkspaceToken(ctx, access.Operator(), request)
	if err != nil {
		return err
	}
	row := tokenRowOf(storage.OwnedToken{Token: issued.Token, OwnerName: issued.Owner.Name})
	row.Token = issued.Secret.Reveal()
	if c.JSON {
		return p.printJSON(row)
	}
	p.printf("Issued %s to %s for %s. The token is shown once:\n\n  %s\n", row.Name, owner.Email, row.permits(), row.Token)
	return nil
}

type tokenRevoke struct {
	ID           int64  `arg:"" help:"Number of the token, see kiket-auth token list."`
	Organization string `required:"" help:"The organization." placeholder:"SLUG"`
	Yes          bool   `help:"Do not ask."`
	JSON         bool   `name:"json" help:"Print one JSON object."`
}

// Run revokes the token.
func (c *tokenRevoke) Run(ctx context.Context, p *process) error {
	o, organization, err := p.inOrganization(ctx, c.Organization)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := o.server.Tokens.WorkspaceToken(ctx, access.Operator(), organization.ID, c.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%s has no workspace API token %d", organization.Name, c.ID)
	}
	if err != nil {
		return err
	}
	if err := p.confirm(ctx, c.Yes, "Revoke the token %s (%s) of %s", found.Token.Name, found.Token.Prefix, found.OwnerName); err != nil {
		return err
	}
	if err := o.server.Tokens.RevokeWorkspaceToken(ctx, access.Operator(), organization.ID, c.ID); err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"revoked": c.ID})
	}
	p.printf("Revoked %s (%s). It is inactive from now on.\n", found.Token.Name, found.Token.Prefix)
	return nil
}
