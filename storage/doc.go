// Package storage holds the nouns of the authorization server: organizations,
// users, projects, clients, installations, tokens, signing keys and audit
// events, the rules that hold for each of them whatever stores them, and the
// small interfaces through which the rest of the program reaches a database.
//
// It is not an implementation: [kiket.dev/auth/storage/gormstore] is the one
// that runs, and [kiket.dev/auth/storage/storagetest] says what any must do.
// The package knows neither HTTP nor fosite, gorm or JSON, and imports the
// standard library alone.
//
// # How a request moves through it
//
// A caller asks a store interface for a noun by its identifier, always naming
// the organization where the noun belongs to one, so that a foreign object and
// an absent one are the same [ErrNotFound]. The noun answers questions about
// itself ([Credential.Active], [Client.Allows]) and a conditional write changes
// it. What has to change together runs inside [Transactor.Transaction].
package storage
