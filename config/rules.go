package config

import "net"

// checkTogether fills in what follows from other settings and reports what
// contradicts them. A rule is left out if one of its settings is wrong already.
func (l *loader) checkTogether(c *Config) {
	if c.DefaultAudience == "" && !l.failed["issuer"] && !l.failed["default_audience"] {
		c.DefaultAudience = c.Issuer + "/api"
	}
	_, sqlite := c.SQLiteFile()
	l.rule(!sqlite && len(c.MasterKeys) == 0, "master_key",
		"is required with PostgreSQL; make one with: openssl rand -base64 32", "database_url")
	l.rule(!c.SMTPURL.Empty() && c.MailFrom == "", "mail_from",
		"is required, since smtp_url is set", "smtp_url")
	l.rule(c.SMTPURL.Empty() && c.MailFrom != "", "smtp_url",
		"is required, since mail_from is set", "mail_from")
	l.rule(sameListener(c.Listen, c.MetricsListen), "metrics_listen",
		"is the address of the public listener", "listen")
	l.rule(c.SigningKeyRotation != 0 && c.SigningKeyRotation <= c.JWKSMaxAge, "signing_key_rotation",
		"must be longer than jwks_max_age, for which a key is published before it signs", "jwks_max_age")
}

// rule reports the setting called name if the rule is broken and neither it nor
// the other setting was reported before.
func (l *loader) rule(broken bool, name, message, other string) {
	if !broken || l.failed[name] || l.failed[other] {
		return
	}
	g, ok := l.given[name]
	if !ok {
		g.name = Setting{Name: name}.Variable()
	}
	l.mistake(g.name, g.source, "%s", message)
}

// sameListener reports whether both would be bound to one port; port 0 is never
// the same one.
func sameListener(a, b string) bool {
	_, port, err := net.SplitHostPort(a)
	return err == nil && port != "0" && a == b
}
