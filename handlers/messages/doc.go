// Package messages carries alerts out of the server: by e-mail, to Slack, and to
// webhooks of others.
//
// A [Sender] is the alerts.Messenger that runs. What a message says is gathered in one
// place, see content.go; each kind of channel gives it its form. Texts that people and
// strangers have chosen, such as names and user agents, are escaped for each.
package messages
