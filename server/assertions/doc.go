// Package assertions verifies the JWTs with which clients prove who they are
// instead of sending a secret: private_key_jwt (RFC 7523 section 2.2 and its
// successor draft-ietf-oauth-rfc7523bis, RFC 8725).
//
// It knows neither clients nor HTTP. Who the client is, whether it may use this
// method, and that an assertion is used once ([Verified] says which and for how
// long to remember it) is for the caller.
//
// # How a request moves through it
//
//	ClaimedClient ► the caller looks the client up
//	Verify        ► form, header ► claims ► the keys that may have signed ► signature
//
// A client registers its keys themselves, which [ParseKeys] checks, or the address
// where they are, which [RemoteKeys] fetches and keeps for a while. Either is a
// [Source]. A client that does not exist has none, and refusing it costs the
// signature check that refusing a real one costs.
package assertions
