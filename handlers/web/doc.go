// Package web is what every HTTP endpoint shares: routes as data, the decoding
// of forms, the middleware, and the one log line of a request. It knows nothing
// of OAuth and has no rules of its own.
//
// # How a request moves through it
//
// [Handler] gives it an id, finds out its address, bounds its time, and hands it
// to the router that [Mount] filled. What the endpoint learns on the way it
// leaves in the request's [Record]; when the answer is out, the record is
// written as one line.
package web
