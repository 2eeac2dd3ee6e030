// Package members is who belongs to an organization, and as what.
//
// A person has one account, with an e-mail address and a password, and any number of
// memberships, each with a role and the name that the organization calls them. The
// verbs change memberships; of the account they know no more than that it exists.
//
// # How a request moves through it
//
// A verb of [Service] asks whether the caller may, locks the organization, so that of
// two who would remove or demote each other one does, changes the membership, ends what
// the person must not keep, and writes the audit event, all in one transaction.
package members
