package console

// notices are what a page says after the change that led to it. The address names one;
// no other text can be put on a page by a link.
var notices = map[string]string{
	"session-ended": "Your session has ended. Sign in again.",
	"signed-out":    "You are signed out.",
	"token-renamed": "The token has its new name.",
	"token-revoked": "The token is revoked. It stopped working at once.",
}
