package console

import (
	"fmt"
	"slices"
	"strings"

	"kiket.dev/auth/storage"
)

// auditArea are the actions that begin with one noun.
type auditArea struct {
	Noun, Name string
	// Done are what can happen, and Refused what can be tried in vain, in the order in
	// which they are offered.
	Done, Refused []telling
}

// telling is how an action is told: the actor comes before the text, and the target in
// the place of {}.
type telling struct{ Verb, Text string }

// auditAreas are all actions of an organization's log, and those of the platform's.
var auditAreas = []auditArea{
	{
		"workspace_api_token", "API tokens",
		[]telling{
			{"created", "issued the API token {}"},
			{"updated", "renamed the API token {}"},
			{"revoked", "revoked the API token {}"},
		},
		[]telling{
			{"create", "issue the API token {}"},
			{"update", "rename the API token {}"},
			{"revoke", "revoke the API token {}"},
		},
	},
	{
		"oauth_application", "Integrations",
		[]telling{
			{"created", "registered the integration {}"},
			{"updated", "changed the integration {}"},
			{"deleted", "deleted the integration {}"},
			{"secret_rotated", "made a new secret for the integration {}"},
			{"secret_closed", "closed a secret of the integration {}"},
			{"tokens_revoked", "revoked all access tokens of the integration {}"},
		},
		[]telling{
			{"create", "register the integration {}"},
			{"update", "change the integration {}"},
			{"delete", "delete the integration {}"},
			{"secret_rotate", "make a new secret for the integration {}"},
			{"secret_close", "close a secret of the integration {}"},
			{"tokens_revoke", "revoke all access tokens of the integration {}"},
		},
	},
	{
		"extension", "Extensions",
		[]telling{
			{"installed", "installed the extension {}"},
			{"updated", "updated the extension {}"},
			{"uninstalled", "uninstalled the extension {}"},
			{"key_rotated", "made a new key for the extension {}"},
			{"key_closed", "closed a key of the extension {}"},
			{"secret_written", "wrote a secret of the extension {}"},
			{"secret_read", "read a secret of the extension {}"},
			{"secret_deleted", "deleted a secret of the extension {}"},
		},
		[]telling{
			{"install", "install the extension {}"},
			{"update", "update the extension {}"},
			{"uninstall", "uninstall the extension {}"},
			{"key_rotate", "make a new key for the extension {}"},
			{"key_close", "close a key of the extension {}"},
			{"secret_write", "write a secret of the extension {}"},
			{"secret_delete", "delete a secret of the extension {}"},
		},
	},
	{
		"extension_key", "Extension keys",
		[]telling{{"created", "issued a key of the extension {}"}, {"revoked", "revoked a key of the extension {}"}},
		nil,
	},
	{
		"session", "Signing in and out",
		[]telling{{"created", "signed in"}, {"revoked", "ended the session of {}"}},
		[]telling{{"create", "sign in as {}"}, {"revoke", "end the session of {}"}},
	},
	{
		"user", "Members",
		[]telling{
			{"created", "added the member {}"},
			{"updated", "changed the member {}"},
			{"removed", "removed the member {}"},
			{"password_changed", "changed the password of {}"},
			{"password_reset_requested", "asked for a code to set the password of {} anew"},
			{"password_reset", "set the password of {} anew, with a code"},
		},
		[]telling{
			{"create", "add the member {}"},
			{"update", "change the member {}"},
			{"remove", "remove the member {}"},
			{"change_password", "change the password of {}"},
		},
	},
	{"credential", "Several credentials at once", nil, []telling{{"revoke", "revoke several credentials at once"}}},
	{
		"authentication", "Failed authentication",
		[]telling{{"failed", "failed to authenticate as {}"}},
		nil,
	},
	{
		"alert", "Alerts",
		[]telling{
			{"raised", "raised the alert “{}”"},
			{"acknowledged", "acknowledged the alert “{}”"},
			{"reopened", "opened the alert “{}” again"},
		},
		[]telling{{"acknowledge", "acknowledge the alert {}"}},
	},
	{
		"alert_channel", "Alert channels",
		[]telling{
			{"created", "added the alert channel {}"},
			{"tested", "tested the alert channel {}"},
			{"deleted", "deleted the alert channel {}"},
		},
		[]telling{
			{"create", "add the alert channel {}"},
			{"test", "test the alert channel {}"},
			{"delete", "delete the alert channel {}"},
		},
	},
	{
		"alert_rule", "Alert rules",
		[]telling{{"updated", "changed the alert rule {}"}},
		[]telling{{"update", "change the alert rule {}"}},
	},
	{
		"expiry_digest", "Mail about what expires",
		[]telling{{"queued", "told people of {} by mail what expires soon"}},
		nil,
	},
	{"project", "Projects", []telling{{"created", "made the project {}"}}, []telling{{"create", "make the project {}"}}},
	{
		"organization", "Organization",
		[]telling{{"created", "set up the organization {}"}, {"updated", "changed the settings of {}"}},
		[]telling{{"update", "change the settings"}},
	},
	{
		"resource_server", "Resource servers",
		[]telling{
			{"created", "registered the resource server {}"},
			{"updated", "changed the resource server {}"},
			{"deleted", "deleted the resource server {}"},
			{"secret_rotated", "made a new secret for the resource server {}"},
			{"secret_closed", "closed a secret of the resource server {}"},
		},
		nil,
	},
	{
		"signing_key", "Signing keys",
		[]telling{
			{"created", "made the signing key {}"},
			{"revoked", "revoked the signing key {}"},
			{"deleted", "deleted the signing key {}"},
			{"resealed", "sealed the signing key {} again"},
		},
		nil,
	},
	{"audit_log", "The audit log", []telling{{"pruned", "removed what the audit log need not keep any longer"}}, nil},
	{"configuration", "Configuration", []telling{{"changed", "started with other settings"}}, nil},
}

// tellingOf returns how an action is told, and whether that is known; what is not is put
// together of the action's own words.
func tellingOf(action string) (string, bool) {
	noun, verb, _ := strings.Cut(action, ".")
	tried, denied := strings.CutSuffix(verb, "_denied")
	at := slices.IndexFunc(auditAreas, func(a auditArea) bool { return a.Noun == noun })
	if at >= 0 {
		known := auditAreas[at].Done
		if denied {
			known = auditAreas[at].Refused
		}
		for _, t := range known {
			switch {
			case t.Verb == verb:
				return t.Text, true
			case denied && t.Verb == tried:
				return refused(t.Text), true
			}
		}
	}
	words := strings.ReplaceAll(noun, "_", " ") + " {}"
	if denied {
		return refused(strings.ReplaceAll(tried, "_", " ") + " the " + words), false
	}
	return strings.ReplaceAll(verb, "_", " ") + " the " + words, false
}

func refused(text string) string { return "tried to " + text + " and was refused" }

// nameless is a text about nothing in particular: the API token {} is an API token then.
func nameless(text string) string {
	before, after, found := strings.Cut(text, "{}")
	if !found {
		return text
	}
	before, after = strings.TrimRight(before, " “"), strings.TrimLeft(after, "”")
	before = strings.TrimSuffix(strings.TrimSuffix(before, " as"), " of")
	at := strings.LastIndex(before, "the ")
	if at < 0 {
		return before + after
	}
	noun := before[at+len("the "):]
	article := "a "
	if strings.Contains("aeiouAEIOU", noun[:1]) {
		article = "an "
	}
	return before[:at] + article + noun + after
}

// auditSentence is an event as a person reads it: actor, text, and the target within.
type auditSentence struct{ Actor, Before, Target, After string }

// sentenceOf tells an event.
func sentenceOf(e storage.AuditEvent) auditSentence {
	text, _ := tellingOf(e.Action)
	text = special(e, text)
	target := e.Target.Name
	if target == "" && e.Target.ID != 0 {
		target = fmt.Sprintf("number %d", e.Target.ID)
	}
	s := auditSentence{Actor: actorName(e.Actor)}
	if target == "" {
		text = nameless(text)
	}
	var found bool
	if s.Before, s.After, found = strings.Cut(text, "{}"); found {
		s.Target = target
	}
	s.After += consequence(e)
	return s
}

// special are events of one action that are told in several ways.
func special(e storage.AuditEvent, text string) string {
	switch e.Action {
	case "session.created":
		if e.Actor.Kind != "user" && e.Target.Name != "" { // nobody signed in
			return "began a session of {}"
		}
	case "session.revoked":
		if e.Actor.Kind == e.Target.Kind && e.Actor.ID == e.Target.ID {
			return "signed out"
		}
	case "user.updated":
		if role := changeOf(e.Details["role"]); role.After == string(storage.RoleAdmin) {
			return "made {} an admin"
		} else if role.Before == string(storage.RoleAdmin) {
			return "made {} a member who is no admin"
		}
	case "oauth_application.updated":
		switch changeOf(e.Details["disabled"]).After {
		case "true":
			return "disabled the integration {}"
		case "false":
			return "enabled the integration {} again"
		}
	case "session.create_denied", "authentication.failed":
		if e.Target.ID == 0 && e.Target.Name == "" {
			text = strings.ReplaceAll(text, "as {}", "as somebody who is not known")
		}
		return "failed to " + strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "tried to "), "failed to "), " and was refused")
	}
	return text
}

// consequence is what the details add to the sentence.
func consequence(e storage.AuditEvent) string {
	_, verb, _ := strings.Cut(e.Action, ".")
	text := ""
	switch full, _ := e.Details["full_access"].(bool); {
	case verb != "created" || e.Target.Kind == string(storage.Session):
	case full:
		text = ", with full access"
	case len(texts(e.Details["scopes"])) > 0:
		text = ", for " + strings.Join(texts(e.Details["scopes"]), ", ")
	}
	if name, ok := e.Details["secret_name"].(string); ok {
		text = ": " + name
	}
	if n := whole(e.Details["credentials_revoked"]); n > 0 {
		text = ", which revoked " + plural(n, "credential")
	}
	if n := whole(e.Details["count"]); n > 1 && e.Actor.Kind == "anonymous" {
		text = ", " + plural(n, "time")
	}
	if why, ok := e.Details["reason"].(string); ok && strings.HasSuffix(verb, "_denied") && e.Actor.Kind != "anonymous" {
		text = ": " + why
	}
	return text
}

// actorName is who did it, at the beginning of a sentence.
func actorName(p storage.Party) string {
	prefix := map[string]string{
		string(storage.WorkspaceAPIToken): "The API token ", string(storage.ExtensionKey): "The extension ",
		string(storage.AccessToken): "The integration ", string(storage.Application): "The integration ", "oauth_application": "The integration ",
	}[p.Kind]
	switch {
	case p.Kind == "anonymous":
		return "Somebody"
	case p.Kind == "server":
		return "The server"
	case p.Kind == "operator":
		return "Who runs the server"
	case p.Name != "":
		return prefix + p.Name
	}
	return fmt.Sprintf("%s %d", kindName(p.Kind), p.ID)
}

// texts are the strings of a list in an event's details.
func texts(list any) []string {
	var found []string
	switch l := list.(type) {
	case []any:
		for _, one := range l {
			if text, ok := one.(string); ok {
				found = append(found, text)
			}
		}
	case storage.Scopes:
		found = l
	}
	return found
}

// whole is a number of an event's details.
func whole(number any) int64 {
	switch n := number.(type) {
	case float64:
		return int64(n)
	case int64:
		return n
	case int:
		return int64(n)
	}
	return 0
}
