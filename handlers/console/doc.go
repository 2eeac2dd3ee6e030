// Package console is the pages on which people manage an organization's credentials.
//
// Pages are rendered on the server, from templates and static files that are embedded.
// They call the verbs that the management API calls, with the session of whoever looks
// at them, and have no rules of their own. They work without JavaScript, which only
// adds to them: copying a secret, times in the reader's own zone.
//
// # How a request moves through it
//
// A page is data (page): method, path, who may see it, and what is called. Its handler
// refuses what another site sent, finds the session in the cookie and makes an
// access.Caller of it, asks for the password again before a secret is made if it was
// entered some time ago, calls the page's function, which reads the visit, calls a verb
// and returns a view, and renders that in the layout that all pages have. A form that
// cannot be accepted comes back as it was filled in, with what is wrong beside the
// fields. A change is followed by a redirect, save for one that makes a secret: that is
// in the answer to the form and nowhere else.
package console
