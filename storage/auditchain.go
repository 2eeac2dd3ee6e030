package storage

import (
	"context"
	"time"
)

// AuditRecord is an audit event as it lies in the database, for whoever hashes it:
// Details is nil, and what it was written as is in DetailsText.
type AuditRecord struct {
	AuditEvent
	DetailsText string
}

// AuditSeal is the place of an event in its chain, and the hash that ties it to all
// before it.
type AuditSeal struct {
	ID       int64 // of the event
	Sequence int64
	Hash     []byte
}

// AuditChain says where the chain of an organization stands.
type AuditChain struct {
	OrganizationID int64 // 0: of the platform
	Sequence       int64 // of the event that was sealed last
	Hash           []byte
	BaseSequence   int64 // of the event that was removed last; 0: none was
	BaseHash       []byte
	Checkpoint     int64 // sequence of the latest checkpoint; 0: there is none
	CheckpointedAt time.Time
}

// AuditCheckpoint is a signed statement about a chain.
type AuditCheckpoint struct {
	OrganizationID int64 // 0: of the platform
	Sequence       int64
	CreatedAt      time.Time
	Statement      string // JWS in compact form
}

// AuditKey is the public key of checkpoints, which outlives the signing key.
type AuditKey struct {
	KeyID     string
	Sealed    []byte // the public JWK, sealed, so that only who holds the master key adds one
	CreatedAt time.Time
}

// AuditChainStore keeps the chains of audit events. An organization of 0 is the
// platform. Who seals or removes holds [LockAuditChains].
type AuditChainStore interface {
	// UnsealedAuditEvents returns events of all organizations that are not sealed, in
	// order of time and id, at most limit.
	UnsealedAuditEvents(ctx context.Context, limit int) ([]AuditRecord, error)
	// CountUnsealedAuditEvents counts those of one organization.
	CountUnsealedAuditEvents(ctx context.Context, organizationID int64) (int64, error)
	// SealAuditEvents seals events that are not sealed. ErrConflict if a sequence is
	// taken.
	SealAuditEvents(ctx context.Context, seals []AuditSeal) error
	// SealedAuditEvents returns the sealed events of the organization after that
	// sequence, in order of sequence, at most limit.
	SealedAuditEvents(ctx context.Context, organizationID, after int64, limit int) ([]AuditRecord, error)
	// LastAuditSeal returns the seal with the highest sequence in the organization;
	// ErrNotFound if there is none.
	LastAuditSeal(ctx context.Context, organizationID int64) (AuditSeal, error)
	// RemoveAuditEvents removes the sealed events of the organization through that
	// sequence, and the checkpoints before it, and returns how many events.
	RemoveAuditEvents(ctx context.Context, organizationID, through int64) (int64, error)

	// AuditChainOf returns the chain of the organization; ErrNotFound if nothing was
	// sealed yet.
	AuditChainOf(ctx context.Context, organizationID int64) (AuditChain, error)
	// AuditChains returns all chains in order of organization.
	AuditChains(ctx context.Context) ([]AuditChain, error)
	// PutAuditChain stores c in the place of what there was of its organization.
	PutAuditChain(ctx context.Context, c AuditChain) error

	// CreateAuditCheckpoint stores c. ErrConflict if there is one of that sequence.
	CreateAuditCheckpoint(ctx context.Context, c AuditCheckpoint) error
	// AuditCheckpoints returns the checkpoints of the organization after that sequence,
	// in order of sequence, at most limit.
	AuditCheckpoints(ctx context.Context, organizationID, after int64, limit int) ([]AuditCheckpoint, error)
	// AuditCheckpointUpTo returns the latest checkpoint of the organization whose
	// sequence is at most that; ErrNotFound if there is none.
	AuditCheckpointUpTo(ctx context.Context, organizationID, sequence int64) (AuditCheckpoint, error)

	// PutAuditKey stores k in the place of one with the same id.
	PutAuditKey(ctx context.Context, k AuditKey) error
	// AuditKeys returns all keys in order of CreatedAt.
	AuditKeys(ctx context.Context) ([]AuditKey, error)
}
