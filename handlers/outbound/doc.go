// Package outbound is the client for addresses that users give us, such as the
// jwks_uri of an application or the webhook of an alert channel.
//
// Whoever gives an address would like to know what we can reach and they cannot, or
// to have us knock on somebody's door. Therefore every address is checked twice: its
// text when it is given ([Client.CheckURL]), and what its host resolves to at the
// moment of connecting, so that a name that changes its mind does not help. What is
// no public address of the internet is refused, unless the operator allows it. Time,
// length, redirects, and how many requests run at once have limits.
package outbound
