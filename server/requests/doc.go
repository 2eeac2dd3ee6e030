// Package requests is what the management API remembers of the requests that it
// was sent: how many a credential made ([Budgets]), and what was answered to those
// that may be sent again ([Answers]).
//
// Both are shared by all replicas through the store. The package knows no HTTP:
// an answer is a sequence of bytes.
package requests
