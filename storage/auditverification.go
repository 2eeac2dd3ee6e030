package storage

import (
	"context"
	"time"
)

// AuditVerification is what the latest verifications of a chain of audit events have
// come to.
type AuditVerification struct {
	OrganizationID int64 // 0: of the platform
	// Sequence is that of the event through which the chain was walked, and Hash the
	// hash of that event, nil if it is not known.
	Sequence int64
	Hash     []byte
	At       time.Time // of the latest verification; zero: none is finished
	FullAt   time.Time // of the latest of the whole chain
	Findings []AuditFinding
	More     int64 // findings beyond those
	// ClaimedUntil is until when the verification is that of whoever claimed it; zero:
	// it is nobody's.
	ClaimedUntil time.Time
}

// OK reports whether nothing is wrong.
func (v AuditVerification) OK() bool { return len(v.Findings) == 0 }

// AuditFinding is something that is wrong with a chain.
type AuditFinding struct {
	Kind     string
	Sequence int64 // the place, 0: none in particular
	EventID  int64 // 0: none
	Detail   string
}

// AuditVerificationStore keeps what came of verifying the chains of audit events.
type AuditVerificationStore interface {
	// AuditVerifications returns those of all chains, by organization.
	AuditVerifications(ctx context.Context) ([]AuditVerification, error)
	// AuditVerificationOf returns that of one chain, the zero value if none was begun.
	AuditVerificationOf(ctx context.Context, organizationID int64) (AuditVerification, error)
	// ClaimAuditVerification makes the next verification of the chain the caller's until
	// that time, if the latest was not after due and nobody else's claim lasts. It returns
	// what there is, and whether it is the caller's.
	ClaimAuditVerification(ctx context.Context, organizationID int64, due, now, until time.Time) (AuditVerification, bool, error)
	// HoldAuditVerification lets the claim of v last until another time and reports
	// whether it was still the caller's.
	HoldAuditVerification(ctx context.Context, v AuditVerification, until time.Time) (bool, error)
	// FinishAuditVerification stores v and ends its claim, and reports whether that was
	// still the caller's: if not, nothing is stored.
	FinishAuditVerification(ctx context.Context, v AuditVerification) (bool, error)
}
