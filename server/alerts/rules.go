package alerts

import (
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

// Rule names what is trouble.
type Rule string

// The rules.
const (
	// RevokedUsed is the use of a credential that was revoked, or that what it stands on
	// has gone.
	RevokedUsed Rule = "revoked_credential_used"
	// ExpiredUsed is the use of a credential some time after it expired.
	ExpiredUsed Rule = "expired_credential_used"
	// ApplicationFailures is a burst of failed authentication of one application.
	ApplicationFailures Rule = "authentication_failures"
	// NetworkFailures is a burst of failed authentication from one network, of more
	// than one application.
	NetworkFailures Rule = "authentication_failures_network"
	// DormantUsed is the use of a credential that was not used for long.
	DormantUsed Rule = "dormant_credential_used"
	// TokenPerCall is an application that fetches far more tokens than it needs.
	TokenPerCall Rule = "token_for_every_call"
	// NewNetwork is the first use of a credential from another network.
	NewNetwork Rule = "credential_used_from_new_network"
	// NewScope is the first use of a credential with another scope of its grant.
	NewScope Rule = "credential_used_with_new_scope"
)

// Thresholds of the rules.
const (
	// expiryGrace is how long after the expiry of an access token, or the end of a
	// session, its use is none to speak of: programs learn of it that way.
	expiryGrace = 10 * time.Minute

	// So many failures within burstWindow are a burst.
	mostApplicationFailures = 20
	mostNetworkFailures     = 50
	burstWindow             = 5 * time.Minute

	dormantAfter = 60 * 24 * time.Hour

	// So many tokens within fetchWindow that could all have been one are too many, for
	// tokens that live at least that long.
	mostFetches = 120
	fetchWindow = 10 * time.Minute
)

// ended says why a credential does not work at the given time, for the rules that care;
// "" if they do not.
func ended(c storage.Credential, now time.Time) (Rule, string) {
	t := c.Token
	expired := !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
	switch t.Kind {
	case storage.Session: // browsers ask on, with the session of who signed out
		if !t.RevokedAt.IsZero() && now.Sub(t.RevokedAt) >= expiryGrace && !expired {
			return RevokedUsed, "revoked"
		}
		return "", ""
	case storage.AccessToken:
		if expired && now.Sub(t.ExpiresAt) < expiryGrace {
			return "", ""
		}
	case storage.WorkspaceAPIToken, storage.ExtensionKey:
	}
	if !t.RevokedAt.IsZero() {
		return RevokedUsed, "revoked"
	}
	if expired {
		return ExpiredUsed, "expired"
	}
	return RevokedUsed, standing(c)
}

// standing says what a credential stood on and that is no more.
func standing(c storage.Credential) string {
	switch c.Token.Kind {
	case storage.WorkspaceAPIToken, storage.Session:
		return "owner removed"
	case storage.ExtensionKey:
		return "extension uninstalled"
	case storage.AccessToken:
	}
	switch {
	case c.Client.ID == 0:
		return "application deleted"
	case !c.Client.Enabled():
		return "application disabled"
	case c.KeyRevoked:
		return "signing key revoked"
	case c.SecretRevoked:
		return "client secret revoked"
	}
	return "revoked" // with all of the application
}

// SubjectOf is what an alert about a credential is about: of access tokens the
// application, since they come and go.
func SubjectOf(c storage.Credential) storage.Party {
	t := c.Token
	p := storage.Party{Kind: string(t.Kind), ID: t.ID, Name: t.Name}
	switch t.Kind {
	case storage.AccessToken:
		return storage.Client{ID: t.ClientID, Name: c.Client.Name}.Party()
	case storage.Session:
		p.Name = c.Owner.Name
	case storage.ExtensionKey:
		if p.Name == "" {
			p.Name = c.Installation.Name
		}
	case storage.WorkspaceAPIToken:
	}
	return p
}

// called is how people speak of a subject.
func called(p storage.Party) string {
	words := map[string]string{"oauth_application": "application", "workspace_api_token": "workspace API token"}
	kind, ok := words[p.Kind]
	if !ok {
		kind = strings.ReplaceAll(p.Kind, "_", " ")
	}
	if p.Name == "" {
		return fmt.Sprintf("%s %d", kind, p.ID)
	}
	return fmt.Sprintf("%s %q", kind, p.Name)
}

// usedAfterEnd tells of the use of a credential that has ended.
func usedAfterEnd(c storage.Credential, reason string) string {
	thing := "The " + called(SubjectOf(c))
	if c.Token.Kind == storage.AccessToken {
		thing = "An access token of the " + called(SubjectOf(c))
	}
	if reason == "revoked" || reason == "expired" {
		return fmt.Sprintf("%s was used although it is %s", thing, reason)
	}
	return fmt.Sprintf("%s was used although it has ended (%s)", thing, reason)
}
