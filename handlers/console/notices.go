package console

// notices are what a page says after the change that led to it. The address names one;
// no other text can be put on a page by a link.
var notices = map[string]string{
	"code-sent":             "If the address is a member’s, a code is on its way to it. It can take a minute.",
	"password-reset":        "Your password is changed. Sign in with the new one.",
	"signed-out-everywhere": "You are signed out everywhere.",
	"session-revoked":       "That session has ended.",
	"password-changed":      "Your password is changed, and your other sessions have ended.",
	"member-updated":        "The member is changed.",
	"organization-updated":  "The organization is changed.",
	"member-removed":        "The member is removed and signed out everywhere.",
	"session-ended":         "Your session has ended. Sign in again.",
	"signed-out":            "You are signed out.",
	"token-renamed":         "The token has its new name.",
	"token-revoked":         "The token is revoked. It stopped working at once.",

	"application-registered":     "The integration is registered. It signs with its own keys and has no secret.",
	"application-updated":        "The integration is changed.",
	"application-authentication": "How it authenticates is changed, from now on.",
	"application-disabled":       "The integration is disabled. Its tokens stopped working at once.",
	"application-enabled":        "The integration is enabled again.",
	"application-tokens-revoked": "All access tokens that it was given so far are revoked.",
	"application-deleted":        "The integration is deleted. Its tokens stopped working at once.",
	"secret-closed":              "The secret is closed. Nobody can fetch tokens with it any more.",
	"secret-closed-with-tokens":  "The secret is closed, and the access tokens that were fetched with it have ended.",

	"alert-acknowledged":  "The alert is acknowledged. If the same happens again, another is raised.",
	"alert-reopened":      "The alert is open again.",
	"channel-added":       "The channel is added. Send it a test to see that alerts arrive.",
	"channel-tested":      "The test arrived.",
	"channel-deleted":     "The channel is deleted. No more alerts are sent there.",
	"rule-updated":        "The rule is changed, for what happens from a few seconds from now on.",
	"credentials-revoked": "What you selected is revoked. It stopped working at once.",

	"project-created":       "The project is created. Now choose what to install in it.",
	"extension-updated":     "The other version is installed. Its keys may do what it asks for, at once.",
	"extension-uninstalled": "The extension is uninstalled. Its keys stopped working at once.",
	"key-closed":            "The key is closed. It stopped working at once.",
	"named-secret-added":    "The secret is kept, sealed. The extension can read it.",
	"named-secret-replaced": "The secret has its new value.",
	"named-secret-deleted":  "The secret is deleted.",
}
