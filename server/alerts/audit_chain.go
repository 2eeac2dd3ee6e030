package alerts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// AuditBroken is an audit log that is not as it was sealed.
const AuditBroken Rule = "audit_chain_broken"

// auditLog is the kind of the subject of AuditBroken.
const auditLog = "audit_log"

// mostTold is how many findings an alert tells.
const mostTold = 10

// AuditBroken raises what was found wrong with the audit log of the organization, at
// least one thing, as one alert. It returns storage.ErrUnavailable.
func (s *Service) AuditBroken(ctx context.Context, organizationID int64, found []audit.Finding) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		set, err := s.ruleOf(ctx, organizationID, AuditBroken)
		if err != nil {
			return err
		}
		d, err := definitionOf(AuditBroken)
		if err != nil || !d.with(set).Enabled {
			return err
		}
		return s.Raise(ctx, auditTrouble(organizationID, found, s.Clock))
	})
}

func auditTrouble(organizationID int64, found []audit.Finding, clock func() time.Time) Trouble {
	first := found[0]
	t := Trouble{
		OrganizationID: organizationID, Rule: AuditBroken, Count: int64(len(found)), FirstAt: clock(), LastAt: clock(),
		Subject: storage.Party{Kind: auditLog, Name: fmt.Sprintf("%s at %d", first.Kind, first.Sequence)},
		Summary: fmt.Sprintf("The audit log is not as it was sealed: %s", told(first)),
		Details: map[string]any{"kind": string(first.Kind), "sequence": first.Sequence},
	}
	if first.EventID != 0 {
		t.Details["event_id"] = first.EventID
	}
	if further := found[1:]; len(further) > 0 {
		t.Summary += fmt.Sprintf(", and %d more", len(further))
		texts := make([]string, 0, mostTold)
		for _, f := range further[:min(len(further), mostTold)] {
			texts = append(texts, told(f))
		}
		t.Details["further"] = strings.Join(texts, "; ")
	}
	return t
}

// told is a finding as audit verify tells it.
func told(f audit.Finding) string { return fmt.Sprintf("%s: %s", f.Kind, f.Detail) }
