package audit

import (
	"context"
	"errors"
	"fmt"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Log reads what was written down.
type Log struct {
	Store interface {
		storage.AuditStore
		storage.AuditChainStore
		storage.AuditVerificationStore
	}
}

// Events returns a page of the events that the filter names. It returns
// access.ErrDenied.
func (l *Log) Events(ctx context.Context, caller access.Caller, f storage.AuditFilter, page storage.AuditPage) ([]storage.AuditEvent, error) {
	if err := caller.Require(storage.ScopeAdmin, f.OrganizationID); err != nil {
		return nil, err
	}
	events, err := l.Store.FindAuditEvents(ctx, f, page)
	if err != nil {
		return nil, fmt.Errorf("reading audit events: %w", err)
	}
	return events, nil
}

// Event returns one event. It returns access.ErrDenied or storage.ErrNotFound.
func (l *Log) Event(ctx context.Context, caller access.Caller, organization, id int64) (storage.AuditEvent, error) {
	if err := caller.Require(storage.ScopeAdmin, organization); err != nil {
		return storage.AuditEvent{}, err
	}
	event, err := l.Store.AuditEventByID(ctx, organization, id)
	if err != nil {
		return event, fmt.Errorf("reading audit event %d: %w", id, err)
	}
	return event, nil
}

// exportBatch is how many events are in memory at a time.
const exportBatch = 500

// Export hands all events that the filter names to batch, some at a time, oldest first,
// and holds nothing of the database meanwhile. It returns access.ErrDenied, or what
// batch does.
func (l *Log) Export(ctx context.Context, caller access.Caller, f storage.AuditFilter, batch func([]storage.AuditEvent) error) error {
	page := storage.AuditPage{OldestFirst: true, Limit: exportBatch}
	for {
		events, err := l.Events(ctx, caller, f, page)
		if err != nil {
			return err
		}
		if err := batch(events); err != nil || len(events) < exportBatch {
			return err
		}
		last := events[len(events)-1]
		page.After = &storage.AuditPosition{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// ChainState is where the chain of an organization stands.
type ChainState struct {
	storage.AuditChain
	Unsealed  int64 // events that wait to be sealed
	Statement string
	// Verified is what the server's own verifications have come to.
	Verified storage.AuditVerification
}

// Chain returns where the chain of the organization stands. It returns
// access.ErrDenied.
func (l *Log) Chain(ctx context.Context, caller access.Caller, organization int64) (ChainState, error) {
	if err := caller.Require(storage.ScopeAdmin, organization); err != nil {
		return ChainState{}, err
	}
	chain, errChain := l.Store.AuditChainOf(ctx, organization)
	if errors.Is(errChain, storage.ErrNotFound) {
		chain, errChain = storage.AuditChain{OrganizationID: organization}, nil
	}
	unsealed, errUnsealed := l.Store.CountUnsealedAuditEvents(ctx, organization)
	state := ChainState{AuditChain: chain, Unsealed: unsealed}
	checkpoint, err := l.Store.AuditCheckpointUpTo(ctx, organization, chain.Checkpoint)
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	state.Statement = checkpoint.Statement
	var errVerified error
	state.Verified, errVerified = l.Store.AuditVerificationOf(ctx, organization)
	if err := errors.Join(errChain, errUnsealed, err, errVerified); err != nil {
		return state, fmt.Errorf("reading the chain of organization %d: %w", organization, err)
	}
	return state, nil
}
