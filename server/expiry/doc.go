// Package expiry tells people of credentials that expire soon, while there is time to
// replace them: workspace API tokens, extension keys and the client secrets of
// applications. Sessions and access tokens come and go by themselves.
//
// Twice something is told, when 14 and when 3 days are left: each time in a digest, one
// mail to each person. Who owns a workspace API token hears of it, and the admins of what
// nobody owns. What was told is noted in the transaction that queues the mails, under the
// lock of the organization, so that of several replicas one tells, and a mail that is
// queued survives the process (see package alerts for how it is sent).
package expiry
