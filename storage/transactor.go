package storage

import "context"

// Transactor runs several operations as one.
type Transactor interface {
	// Transaction calls f with a context that carries a transaction, commits
	// if f returns nil and rolls back otherwise. Every store method that is
	// given that context takes part. Nested calls join the outer transaction.
	// It returns the error of f, or ErrUnavailable if the commit failed.
	Transaction(ctx context.Context, f func(ctx context.Context) error) error

	// Lock makes concurrent transactions that lock the same name wait for each
	// other until the transaction in ctx ends. Outside a transaction it is an
	// error.
	Lock(ctx context.Context, name LockName) error
}

// LockName names one of the locks that exist.
type LockName string

// LockSigningKeys serialises changes to the set of signing keys.
const LockSigningKeys LockName = "signing_keys"

// LockBootstrap serialises the creation of organizations from the outside.
const LockBootstrap LockName = "bootstrap"

// LockAuditChains serialises the sealing and the removal of audit events.
const LockAuditChains LockName = "audit_chains"

// Store is everything that a backend offers.
type Store interface {
	Transactor
	OrganizationStore
	UserStore
	PasswordResetStore
	ProjectStore
	ClientStore
	AssertionStore
	InstallationStore
	NamedSecretStore
	TokenStore
	UsageStore
	SigningKeyStore
	AuditStore
	AuditChainStore
	AuditVerificationStore
	RequestStore
	AlertStore
	AlertRuleStore
	AlertChannelStore
	OutboxStore
	ExpiryNoticeStore

	// Ping returns nil when the database answers and ErrUnavailable otherwise.
	Ping(ctx context.Context) error
	// Close releases the connections. No method may be called afterwards.
	Close() error
}
