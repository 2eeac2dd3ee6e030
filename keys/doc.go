// Package keys holds the keys with which tokens are signed, and encrypts what is
// secret at rest.
//
// It is not an issuer: it knows no claim, neither fosite nor HTTP, and does not
// say whether a token is alive. A token that verifies was signed here; whether it
// has expired or been revoked its row in the store says, and its key's.
//
// # The life of a key
//
//	create ──► pending ──ActiveAt──► signing ──RetiredAt──► retired ──► deleted
//	              │                     │                      │
//	              └─────────────────────┴──────► revoked ◄─────┘
//
// A key is published ([Ring.PublicKeys]) from its creation, so that when it signs
// every verifier has had time to see it, and until the last token that it signed
// has expired. The key that signs is decided at every signature from the clock, so
// that all replicas change over at the same moment without having to be told. Only
// the first key of an installation, and the one that takes the place of a revoked
// key, sign at once.
//
// Keys are rows of the store and the store is how replicas agree. What changes
// them ([Ring.Rotate], [Ring.Revoke], [Ring.Maintain]) does so in a transaction
// that holds [storage.LockSigningKeys] and looks again at what is there, so that
// several replicas do a thing once.
//
// # How a request moves through it
//
// [Ring.Sign] and [Ring.Verify] work on an immutable snapshot of the keys behind
// an atomic pointer: no lock, no query. [Ring.Run] replaces the snapshot every two
// seconds. A token of a key that is not in it makes Verify read the store, since
// another replica may be ahead.
//
//	Sign    ► snapshot ► the key whose turn it is ► its signer for that typ ► token
//	Verify  ► form, header ► snapshot (unknown kid: the store) ► signature ► claims
//	publish ► the store, shared by whoever asks meanwhile ► snapshot ► JWK Set
//
// # Secrets at rest
//
// [Sealer] encrypts private keys, and whatever else must not be read by who has
// the database alone, under the master keys of the configuration. To replace a
// master key, give the new one after the old one to every process, then before it,
// then alone: at their start processes seal the signing keys under the first.
package keys
