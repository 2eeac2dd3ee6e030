package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/handlers/api"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Check that no audit event was changed, removed, inserted or moved. Exit code 1 if any was."`
	Export auditExport `cmd:"" help:"Print audit events, oldest first."`
}

// auditChain is a chain of audit events that a command is about.
type auditChain struct {
	id   int64
	slug string
}

// auditChains returns the chain of the organization with that slug, or with none those of
// the platform and of all organizations.
func (o *opened) auditChains(ctx context.Context, slug string) ([]auditChain, error) {
	if slug != "" {
		organization, err := o.organization(ctx, slug)
		return []auditChain{{organization.ID, organization.Slug}}, err
	}
	found, err := everything(func(page storage.Page) ([]storage.Organization, error) {
		return o.server.Organizations.List(ctx, access.Operator(), page)
	}, func(o storage.Organization) int64 { return o.ID })
	chains := []auditChain{{}}
	for i := range found {
		f := found[len(found)-1-i] // by id
		chains = append(chains, auditChain{f.ID, f.Slug})
	}
	return chains, err
}

type auditVerify struct {
	Organization string   `help:"Only the events of this organization; without it those of all, and of the platform." placeholder:"SLUG"`
	Checkpoint   []string `help:"A checkpoint from the log of the server, to be compared as well; may be given several times." placeholder:"JWS" sep:"none"`
	JSON         bool     `name:"json" help:"Print one JSON object."`
}

// chainRow is a verified chain as --json prints one.
type chainRow struct {
	Chain          string       `json:"chain"` // "platform", or the slug of the organization
	OK             bool         `json:"ok"`
	Sealed         int64        `json:"sealed"`
	Unsealed       int64        `json:"unsealed"`
	First          int64        `json:"first_sequence"`
	Last           int64        `json:"last_sequence"`
	Checkpoints    int          `json:"checkpoints"`
	Checkpointed   int64        `json:"checkpointed_through"`
	CheckpointedAt *time.Time   `json:"checkpointed_at"`
	Findings       []findingRow `json:"findings"`
	More           int          `json:"more_findings"`
}

type findingRow struct {
	Kind     audit.FindingKind `json:"kind"`
	Sequence int64             `json:"sequence"`
	EventID  int64             `json:"event_id"` // 0: none
	Detail   string            `json:"detail"`
}

func chainRowOf(chain auditChain, r *audit.ChainReport) chainRow {
	row := chainRow{
		Chain: chain.slug, OK: r.OK(), Sealed: r.Sealed, Unsealed: r.Unsealed, First: r.First, Last: r.Last, Checkpoints: r.Checkpoints,
		Checkpointed: r.Checkpointed, CheckpointedAt: optional(r.CheckpointedAt), Findings: []findingRow{}, More: r.More,
	}
	if chain.id == 0 {
		row.Chain = "platform"
	}
	for _, f := range r.Findings {
		row.Findings = append(row.Findings, findingRow(f))
	}
	return row
}

// Run verifies the chains.
func (c *auditVerify) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	chains, err := o.auditChains(ctx, c.Organization)
	if err != nil {
		return err
	}
	for i, statement := range c.Checkpoint {
		if err := o.server.Notary.CheckGiven(ctx, statement); err != nil {
			return fmt.Errorf("checkpoint %d cannot be compared: %w", i+1, err)
		}
	}
	rows, wrong := make([]chainRow, 0, len(chains)), 0
	for _, chain := range chains {
		report, err := o.server.Notary.Verify(ctx, chain.id, c.Checkpoint)
		if err != nil {
			return err
		}
		row := chainRowOf(chain, report)
		if !row.OK {
			wrong++
		}
		rows = append(rows, row)
	}
	if c.JSON {
		if err := p.printJSON(map[string]any{"ok": wrong == 0, "chains": rows}); err != nil {
			return err
		}
	} else {
		for _, row := range rows {
			row.print(p)
		}
	}
	switch {
	case wrong == 0:
		return nil
	case c.JSON:
		return errReported
	}
	return errors.New("the audit log is not as it was sealed")
}

func (r chainRow) print(p *process) {
	state := "ok"
	if !r.OK {
		state = "NOT OK"
	}
	p.printf("%s: %s, %s sealed", r.Chain, state, counted(r.Sealed, "event"))
	if r.First > 1 {
		p.printf(" from %d on", r.First)
	}
	p.printf(", %d not sealed yet; ", r.Unsealed)
	if r.CheckpointedAt == nil {
		p.printf("no checkpoint\n")
	} else {
		p.printf("%s, the latest through %d at %s\n", counted(int64(r.Checkpoints), "checkpoint"), r.Checkpointed, r.CheckpointedAt.Format(time.RFC3339))
	}
	for _, f := range r.Findings {
		p.printf("  %s: %s\n", f.Kind, f.Detail)
	}
	if r.More > 0 {
		p.printf("  and %d more\n", r.More)
	}
}

type auditExport struct {
	Organization string    `help:"Only the events of this organization; without it those of the platform and of all, one after the other." placeholder:"SLUG"`
	Since        time.Time `help:"Only events at this time or later, such as 2026-01-31T00:00:00Z." placeholder:"TIME"`
	Until        time.Time `help:"Only events before this time." placeholder:"TIME"`
	Format       string    `enum:"ndjson,csv" default:"ndjson" help:"ndjson or csv."`
}

// Run prints the events.
func (c *auditExport) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	chains, err := o.auditChains(ctx, c.Organization)
	if err != nil {
		return err
	}
	writer, err := api.NewAuditWriter(p.stdout, api.AuditFormat(c.Format), new(string))
	if err != nil {
		return err
	}
	for _, chain := range chains {
		filter := storage.AuditFilter{OrganizationID: chain.id, Since: c.Since, Until: c.Until}
		*writer.Organization = chain.slug // empty: the platform
		if err := o.server.Log.Export(ctx, access.Operator(), filter, writer.Write); err != nil {
			return err
		}
	}
	return nil
}
