// Package credentials shows everything that opens the door of an organization in one
// list, and ends many of it at once: workspace API tokens, extension keys, sessions,
// and the client secrets of applications. Access tokens, which live for an hour, are
// not in it.
//
// The list is put together from two tables. Each is read in the order of its ids, and
// the newer of the two heads goes first, so that the place in the list is the place in
// each of the two ([Position]), and what is added or removed meanwhile moves nothing.
package credentials
