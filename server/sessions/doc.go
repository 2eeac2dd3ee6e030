// Package sessions is how people sign in and out, and change their passwords, also those
// that they have forgotten.
//
// # How a request moves through it
//
// [Service.SignIn] first takes an attempt from the [Guard], which knows how often
// somebody failed from that address, at that account and at both, and only then hashes
// the password. Whatever is wrong, and whether or not there is such a person, the work
// and the answer are the same: [ErrInvalidCredentials]. Who is right gets a session in
// the organization that they asked for, or in the one that they joined first.
//
// [Service.ForgotPassword] knows nobody: it stores a code for the address that was given,
// sealed, and whoever sends the mail ([Service.Run]) finds out whether there is somebody
// to read it. [Service.ResetPassword] takes the code.
//
// The other verbs are for whoever holds a session, about their own: other credentials
// of the same person cannot end or see them.
package sessions
