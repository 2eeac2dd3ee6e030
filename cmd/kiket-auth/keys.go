package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

type keysCommand struct {
	List   keysList   `cmd:"" help:"List the signing keys."`
	Rotate keysRotate `cmd:"" help:"Publish a new signing key, which takes over when every client has had time to see it."`
	Revoke keysRevoke `cmd:"" help:"Revoke a signing key: the tokens that it signed stop working at once."`
}

type keysList struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// keyRow is a signing key in a listing.
type keyRow struct {
	KeyID     string     `json:"kid"`
	Algorithm string     `json:"alg"`
	State     string     `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  time.Time  `json:"active_at"`
	RetiredAt *time.Time `json:"retired_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// Run lists the keys.
func (c *keysList) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	listed, err := o.ring.List(ctx)
	if err != nil {
		return err
	}
	rows := make([]keyRow, 0, len(listed))
	for _, k := range listed {
		rows = append(rows, keyRow{
			KeyID: k.KeyID, Algorithm: k.Algorithm, State: string(k.State), CreatedAt: k.CreatedAt.UTC(),
			ActiveAt: k.ActiveAt.UTC(), RetiredAt: optional(k.RetiredAt), RevokedAt: optional(k.RevokedAt),
		})
	}
	if c.JSON {
		return p.printJSON(map[string]any{"keys": rows})
	}
	if len(rows) == 0 {
		p.printf("There is no signing key yet; kiket-auth serve makes the first.\n")
		return nil
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KID\tALG\tSTATE\tSIGNS FROM\tRETIRES")
	for _, row := range rows {
		retires := "-"
		if row.RetiredAt != nil {
			retires = row.RetiredAt.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", row.KeyID, row.Algorithm, row.State, row.ActiveAt.Format(time.RFC3339), retires)
	}
	return table.Flush()
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type keysRotate struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Run publishes a new key.
func (c *keysRotate) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	kid, activeAt, err := o.ring.Rotate(ctx)
	if errors.Is(err, keys.ErrRotationPending) {
		return errors.New("a new key is published already and waits to take over; see kiket-auth keys list")
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"kid": kid, "active_at": activeAt.UTC()})
	}
	p.printf("Published %s, which signs from %s.\n", kid, activeAt.UTC().Format(time.RFC3339))
	return nil
}

type keysRevoke struct {
	KeyID string `arg:"" name:"kid" help:"Id of the key to revoke, see kiket-auth keys list."`
	JSON  bool   `name:"json" help:"Print one JSON object."`
}

// Run revokes a key.
func (c *keysRevoke) Run(ctx context.Context, p *process) error {
	o, err := p.openMigrated(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	err = o.ring.Revoke(ctx, c.KeyID)
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("there is no signing key %q", c.KeyID)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return p.printJSON(map[string]any{"revoked": c.KeyID})
	}
	p.printf("Revoked %s. The tokens that it signed are inactive from now on.\n", c.KeyID)
	return nil
}
