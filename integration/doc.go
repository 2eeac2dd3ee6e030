// Package integration proves from the outside what the server promises: its
// tests run the built binary and talk to it over a socket, on SQLite and on
// PostgreSQL. Files are named by the RFC, or by the promise, that they hold.
//
// [eachEngine] runs a test against both databases; [start] gives it a server of
// its own, with an organization, and ways to make what there is no command for
// yet, through the same verbs that the commands use.
package integration
