// Package api is the management API below /api/v1: JSON in, JSON out, for admins
// who automate and for the product's own tools. It decodes and encodes; what is
// allowed and what happens is decided by the verbs of package server.
//
// # How a request moves through it
//
// A route is an [endpoint]: method, path, permission, handler. [API.Routes] wraps
// each with the steps that none may forget: the credential is checked by the same
// pipeline that answers introspection, one request is taken from its budget, the
// permission is compared with what the credential may do, and a POST with an
// Idempotency-Key runs once, in one transaction with the keeping of its answer. The
// handler reads the request through its [call], calls one verb, and returns a
// [reply] or an error, which the one table in problem.go turns into an answer. A
// refused change is written to the audit log.
package api
