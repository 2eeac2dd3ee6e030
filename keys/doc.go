// Package keys holds the keys with which tokens are signed, and encrypts what is
// secret at rest.
package keys
