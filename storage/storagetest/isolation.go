package storagetest

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// domestic is an organization with one of everything.
type domestic struct {
	o       storage.Organization
	admin   storage.User
	p       storage.Project
	i       storage.Installation
	c       storage.Client
	server  storage.Client
	token   storage.Token
	access  storage.Token
	key     storage.Token
	secret  storage.NamedSecret
	alert   storage.Alert
	rule    storage.AlertRule
	channel storage.AlertChannel
	message storage.OutboxMessage
}

func newDomestic(w *world) domestic {
	d := domestic{o: w.organization()}
	d.admin, d.p, d.i, d.c = w.member(d.o.ID, storage.RoleAdmin), w.project(d.o.ID), w.installation(d.o.ID), w.application(d.o.ID)
	d.server = w.resourceServer(d.o.ID, d.o.Slug, "https://own.test/api")
	d.token, d.access, d.key = w.workspaceToken(d.o.ID, d.admin.ID), w.accessToken(d.c, w.signingKey()), w.extensionKey(d.i)
	d.secret = storage.NamedSecret{OrganizationID: d.o.ID, InstallationID: d.i.ID, Name: "NAME", Sealed: []byte("x"), UpdatedAt: noon}
	must(w.s.PutNamedSecret(w.ctx, d.secret))(w)
	d.alert, d.channel = w.raise(d.o.ID, "a"), w.channel(d.o.ID)
	d.message = w.message(d.channel, noon)
	w.ok(w.s.AddUses(w.ctx, []storage.UseCount{{OrganizationID: d.o.ID, Credential: d.token.UsedCredentials()[0], Day: noon, Count: 1, Uses: 1}}))
	d.rule = storage.AlertRule{OrganizationID: d.o.ID, Rule: "a", Threshold: pointer(int64(7)), UpdatedAt: noon}
	w.ok(w.s.PutAlertRule(w.ctx, d.rule))
	return d
}

// singles are the methods that name one object and its organization, called for an
// object of d under another organization's id.
func (d domestic) singles(w *world, id int64) map[string]func() error {
	secret, name := newSecret("x"), "x"
	return map[string]func() error{
		"UserByID":         func() error { _, err := w.s.UserByID(w.ctx, id, d.admin.ID); return err },
		"MembershipOf":     func() error { _, err := w.s.MembershipOf(w.ctx, id, d.admin.ID); return err },
		"MemberOf":         func() error { _, err := w.s.MemberOf(w.ctx, id, d.admin.ID); return err },
		"SetRole":          func() error { return w.s.SetRole(w.ctx, id, d.admin.ID, storage.RoleMember) },
		"SetMemberName":    func() error { return w.s.SetMemberName(w.ctx, id, d.admin.ID, "x") },
		"DeleteMembership": func() error { return w.s.DeleteMembership(w.ctx, id, d.admin.ID) },
		"ProjectByID":      func() error { _, err := w.s.ProjectByID(w.ctx, id, d.p.ID); return err },

		"InstallationByID": func() error { _, err := w.s.InstallationByID(w.ctx, id, d.i.ID); return err },
		"Uninstall":        func() error { _, err := w.s.Uninstall(w.ctx, id, d.i.ID, noon); return err },
		"UpdateInstallation": func() error {
			return w.s.UpdateInstallation(w.ctx, storage.Installation{ID: d.i.ID, OrganizationID: id})
		},
		"PutNamedSecret": func() error {
			n := d.secret
			n.OrganizationID, n.Sealed = id, []byte("theirs")
			_, err := w.s.PutNamedSecret(w.ctx, n)
			return err
		},
		"NamedSecretByName": func() error { _, err := w.s.NamedSecretByName(w.ctx, id, d.i.ID, d.secret.Name); return err },
		"DeleteNamedSecret": func() error { return w.s.DeleteNamedSecret(w.ctx, id, d.i.ID, d.secret.Name) },

		"ApplicationByID":         func() error { _, err := w.s.ApplicationByID(w.ctx, id, d.c.ID); return err },
		"UpdateClient":            func() error { return w.s.UpdateClient(w.ctx, id, d.c.ID, storage.ClientUpdate{Name: &name}) },
		"UpdateClient, disabling": func() error { return w.disable(w.ctx, id, d.c.ID, noon) },
		"UpdateClient, nothing":   func() error { return w.s.UpdateClient(w.ctx, id, d.c.ID, storage.ClientUpdate{}) },
		"RevokeClientTokens":      func() error { return w.s.RevokeClientTokens(w.ctx, id, d.c.ID) },
		"DeleteClient":            func() error { return w.s.DeleteClient(w.ctx, id, d.c.ID) },
		"AddClientSecret":         func() error { return w.s.AddClientSecret(w.ctx, id, d.c.ID, &secret) },
		"ExpireClientSecrets":     func() error { return w.s.ExpireClientSecrets(w.ctx, id, d.c.ID, 0, noon) },
		"CloseClientSecret": func() error {
			_, err := w.s.CloseClientSecret(w.ctx, id, d.c.ID, d.c.Secrets[0].ID, noon, true)
			return err
		},

		"UpdateClient, a resource server":        func() error { return w.disable(w.ctx, id, d.server.ID, noon) },
		"DeleteClient, a resource server":        func() error { return w.s.DeleteClient(w.ctx, id, d.server.ID) },
		"AddClientSecret, a resource server":     func() error { return w.s.AddClientSecret(w.ctx, id, d.server.ID, &secret) },
		"ExpireClientSecrets, a resource server": func() error { return w.s.ExpireClientSecrets(w.ctx, id, d.server.ID, 0, noon) },
		"CloseClientSecret, a resource server": func() error {
			_, err := w.s.CloseClientSecret(w.ctx, id, d.server.ID, d.server.Secrets[0].ID, noon, true)
			return err
		},

		"OpaqueTokenByID": func() error {
			_, err := w.s.OpaqueTokenByID(w.ctx, id, storage.WorkspaceAPIToken, d.token.ID)
			return err
		},
		"RenameToken":        func() error { return w.s.RenameToken(w.ctx, id, storage.WorkspaceAPIToken, d.token.ID, "x") },
		"AlertByID":          func() error { _, err := w.s.AlertByID(w.ctx, id, d.alert.ID); return err },
		"MarkAlertTold":      func() error { return w.s.MarkAlertTold(w.ctx, id, d.alert.ID, 9, noon) },
		"AcknowledgeAlert":   func() error { _, err := w.s.AcknowledgeAlert(w.ctx, id, d.alert.ID, storage.Party{}, noon); return err },
		"ReopenAlert":        func() error { _, err := w.s.ReopenAlert(w.ctx, id, d.alert.ID); return err },
		"AlertChannelByID":   func() error { _, err := w.s.AlertChannelByID(w.ctx, id, d.channel.ID); return err },
		"SetChannelBudget":   func() error { return w.s.SetChannelBudget(w.ctx, id, d.channel.ID, storage.ChannelBudget{Sent: 9}) },
		"DeleteAlertChannel": func() error { return w.s.DeleteAlertChannel(w.ctx, id, d.channel.ID) },
		"QueueMessage": func() error {
			m := d.message
			m.OrganizationID = id
			return w.s.QueueMessage(w.ctx, &m)
		},
		"ReassignTokens": func() error { _, err := w.s.ReassignTokens(w.ctx, id, d.admin.ID, d.admin.ID); return err },
	}
}

// plurals are the methods that fall on all that an organization has, called for an
// organization that has none of it, with filters that name d's. They return how much
// was found or done.
func (d domestic) plurals(w *world, id int64) map[string]func() (int, error) {
	page := storage.Page{Limit: 100}
	byOwner := storage.TokenFilter{OrganizationID: id, UserID: d.admin.ID}
	byInstallation := storage.TokenFilter{OrganizationID: id, InstallationID: d.i.ID}
	byID := storage.TokenFilter{OrganizationID: id, ID: d.token.ID}
	count := func(n int, err error) (int, error) { return n, err }
	tokens := func(f storage.TokenFilter) func() (int, error) {
		return func() (int, error) { found, err := w.s.OpaqueTokens(w.ctx, f, page); return count(len(found), err) }
	}
	revoke := func(f storage.TokenFilter) func() (int, error) {
		return func() (int, error) { found, err := w.s.RevokeTokens(w.ctx, f, noon); return count(len(found), err) }
	}
	expire := func(f storage.TokenFilter) func() (int, error) {
		return func() (int, error) { return 0, w.s.ExpireTokens(w.ctx, f, noon) }
	}
	return map[string]func() (int, error){
		"Members":       func() (int, error) { found, err := w.s.Members(w.ctx, id, page); return len(found), err },
		"CountAdmins":   func() (int, error) { found, err := w.s.CountAdmins(w.ctx, id); return int(found), err },
		"Projects":      func() (int, error) { found, err := w.s.Projects(w.ctx, id, page); return len(found), err },
		"Installations": func() (int, error) { found, err := w.s.Installations(w.ctx, id, page); return len(found), err },
		"InstallationsByKey": func() (int, error) {
			found, err := w.s.InstallationsByKey(w.ctx, id, d.i.Key)
			return len(found), err
		},
		"NamedSecretNames": func() (int, error) {
			found, err := w.s.NamedSecretNames(w.ctx, id, d.i.ID)
			return len(found), err
		},
		"ResealNamedSecret": func() (int, error) {
			n := d.secret
			n.OrganizationID, n.Sealed = id, []byte("elsewhere")
			done, err := w.s.ResealNamedSecret(w.ctx, n, d.secret.Sealed)
			if done {
				return 1, err
			}
			return 0, err
		},
		"DeleteNamedSecrets": func() (int, error) { return 0, w.s.DeleteNamedSecrets(w.ctx, id, d.i.ID) },
		"Applications":       func() (int, error) { found, err := w.s.Applications(w.ctx, id, page); return len(found), err },
		"ApplicationSecrets": func() (int, error) {
			found, err := w.s.ApplicationSecrets(w.ctx, storage.ClientSecretFilter{OrganizationID: id}, page)
			return len(found), err
		},
		"ApplicationSecrets, one": func() (int, error) {
			found, err := w.s.ApplicationSecrets(w.ctx, storage.ClientSecretFilter{OrganizationID: id, ID: d.c.Secrets[0].ID}, page)
			return len(found), err
		},
		"UsesOf": func() (int, error) {
			found, err := w.s.UsesOf(w.ctx, id, d.token.UsedCredentials()[0], noon, noon)
			return len(found), err
		},
		"UsedScopes":  func() (int, error) { found, err := w.s.UsedScopes(w.ctx, id, noon); return len(found), err },
		"AuditEvents": func() (int, error) { found, err := w.s.AuditEvents(w.ctx, id, 0, 100); return len(found), err },
		"Alerts": func() (int, error) {
			found, err := w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: id}, page)
			return len(found), err
		},
		"AlertChannels": func() (int, error) { found, err := w.s.AlertChannels(w.ctx, id, page); return len(found), err },
		"LockAlertChannels": func() (int, error) {
			var found []storage.AlertChannel
			err := w.s.Transaction(w.ctx, func(ctx context.Context) (err error) {
				found, err = w.s.LockAlertChannels(ctx, id)
				return err
			})
			return len(found), err
		},
		"AlertRules": func() (int, error) { found, err := w.s.AlertRules(w.ctx, id); return len(found), err },
		"Backlogs":   func() (int, error) { found, err := w.s.Backlogs(w.ctx, id); return len(found), err },
		"ResealAlertChannel": func() (int, error) {
			c := d.channel
			c.OrganizationID, c.Sealed = id, []byte("elsewhere")
			done, err := w.s.ResealAlertChannel(w.ctx, c, d.channel.Sealed)
			if done {
				return 1, err
			}
			return 0, err
		},
		"MessageDelivered": func() (int, error) {
			m := d.message
			m.OrganizationID = id
			return 0, w.s.MessageDelivered(w.ctx, m, noon)
		},
		"MessageFailed": func() (int, error) {
			m := d.message
			m.OrganizationID = id
			return 0, w.s.MessageFailed(w.ctx, m, failed(noon, time.Time{}, "x"))
		},
		"OpaqueTokens":                  tokens(storage.TokenFilter{OrganizationID: id}),
		"OpaqueTokens, by owner":        tokens(byOwner),
		"OpaqueTokens, by id":           tokens(byID),
		"OpaqueTokens, by installation": tokens(byInstallation),
		"RevokeTokens":                  revoke(storage.TokenFilter{OrganizationID: id}),
		"RevokeTokens, by owner":        revoke(byOwner),
		"RevokeTokens, by id":           revoke(byID),
		"RevokeTokens, by installation": revoke(byInstallation),
		"ExpireTokens":                  expire(storage.TokenFilter{OrganizationID: id}),
		"ExpireTokens, by owner":        expire(byOwner),
		"ExpireTokens, by id":           expire(byID),
		"ExpireTokens, by installation": expire(byInstallation),
	}
}

// unscoped are the methods that belong to no organization, or make what the caller
// says, or are tried for isolation in another test.
var unscoped = strings.Fields(`
	Transaction Lock Ping Close
	CreateOrganization OrganizationByID OrganizationBySlug Organizations UpdateOrganization LockOrganization CountOrganizations
	CreateUser UserByEmail LockUser SetPassword CreateMembership MembershipsOf
	ReplacePasswordReset TryPasswordReset SpendPasswordReset EndPasswordReset
	ClaimPasswordResets RecordPasswordReset PasswordResetSent SweepPasswordResets
	CreateProject CreateInstallation CreateClient ClientByClientID ResourceServers ResourceServerByIdentifier ResourceServerByName
	SpendAssertion SweepAssertions
	CreateToken CredentialByReference RevokeToken RecordUses AddUses CountedSince NoteTraits ResourceServersByID SweepUsage SweepTokens SweepSessions PrepareTokens
	CreateSigningKey SigningKeys UpdateSigningKey RevokeSigningKey DeleteSigningKey
	AppendAuditEvent NamedSecretsAfter
	FindAuditEvents AuditEventByID UnsealedAuditEvents CountUnsealedAuditEvents SealAuditEvents SealedAuditEvents LastAuditSeal
	RemoveAuditEvents AuditChainOf AuditChains PutAuditChain CreateAuditCheckpoint AuditCheckpoints AuditCheckpointUpTo
	PutAuditKey AuditKeys
	AuditVerifications AuditVerificationOf ClaimAuditVerification HoldAuditVerification FinishAuditVerification AllAlertRules PutAlertRule
	RaiseAlert UntoldAlerts SweepAlerts CreateAlertChannel CountMail SweepMail ChannelsLeftOut AlertChannelsAfter ClaimMessages SweepMessages
	OrganizationsToNotify NoteExpiry SweepExpiryNotices
	CreateIdempotentAnswer TakeOverIdempotentAnswer CompleteIdempotentAnswer IdempotentAnswerOf SweepIdempotentAnswers SpendBudget SweepBudgets`)

// testIsolation tries every method that takes an organization from another one.
func testIsolation(t *testing.T, w *world) {
	d, foreign := newDomestic(w), w.organization()
	for _, id := range []int64{foreign.ID, 0, -1, 4711} {
		for name, try := range d.singles(w, id) {
			w.wantErr(name, try(), storage.ErrNotFound)
		}
		for name, try := range d.plurals(w, id) {
			n, err := try()
			w.ok(err)
			if n != 0 {
				t.Errorf("%s: %d of another organization", name, n)
			}
		}
	}
	d.check(t, w)
	d.checkPlatform(w)
	d.checkComplete(t, w)

	key := storage.Token{
		Kind: storage.ExtensionKey, OrganizationID: foreign.ID, Reference: digest(w.number()),
		CreatedAt: noon, ProjectID: d.i.ProjectID, InstallationID: d.i.ID,
	}
	w.wantErr("a key for a foreign installation", w.s.CreateToken(w.ctx, &key), storage.ErrNotFound)
}

// check holds that everything is as it was made.
func (d domestic) check(t *testing.T, w *world) {
	t.Helper()
	equal(w, "the client, untouched", must(w.s.ClientByClientID(w.ctx, d.c.ClientID))(w), d.c)
	equal(w, "the resource server, untouched", must(w.s.ClientByClientID(w.ctx, d.server.ClientID))(w), d.server)
	equal(w, "the installation, untouched", must(w.s.InstallationByID(w.ctx, d.o.ID, d.i.ID))(w), d.i)
	equal(w, "the named secret, untouched", must(w.s.NamedSecretByName(w.ctx, d.o.ID, d.i.ID, d.secret.Name))(w), d.secret)
	equal(w, "the alert, untouched", must(w.s.AlertByID(w.ctx, d.o.ID, d.alert.ID))(w), d.alert)
	equal(w, "the channel, untouched", must(w.s.AlertChannelByID(w.ctx, d.o.ID, d.channel.ID))(w), d.channel)
	equal(w, "the rule, untouched", must(w.s.AlertRules(w.ctx, d.o.ID))(w), []storage.AlertRule{d.rule})
	equal(w, "the message, untouched", must(w.s.Backlogs(w.ctx, d.o.ID))(w), map[int64]storage.Backlog{d.channel.ID: {Waiting: 1}})
	equal(w, "the member, untouched", must(w.s.MemberOf(w.ctx, d.o.ID, d.admin.ID))(w), storage.Member{
		UserID: d.admin.ID, Name: d.admin.Name, Email: d.admin.Email, Role: storage.RoleAdmin, JoinedAt: noon,
	})
	equal(w, "the user, untouched", must(w.s.UserByEmail(w.ctx, d.admin.Email))(w), d.admin)
	for _, token := range []storage.Token{d.token, d.access, d.key} {
		got := w.credential(token)
		equal(w, string(token.Kind)+", untouched", got.Token, token)
		if !got.Active(noon) {
			t.Errorf("%s no longer works", token.Kind)
		}
	}
}

// checkPlatform tries to change what belongs to no organization from one.
func (d domestic) checkPlatform(w *world) {
	platform, secret := w.resourceServer(0, "platform", "https://kiket.test/api"), newSecret("x")
	for name, try := range map[string]func() error{
		"DeleteClient":        func() error { return w.s.DeleteClient(w.ctx, d.o.ID, platform.ID) },
		"UpdateClient":        func() error { return w.disable(w.ctx, d.o.ID, platform.ID, noon) },
		"ApplicationByID":     func() error { _, err := w.s.ApplicationByID(w.ctx, d.o.ID, platform.ID); return err },
		"RevokeClientTokens":  func() error { return w.s.RevokeClientTokens(w.ctx, d.o.ID, platform.ID) },
		"AddClientSecret":     func() error { return w.s.AddClientSecret(w.ctx, d.o.ID, platform.ID, &secret) },
		"ExpireClientSecrets": func() error { return w.s.ExpireClientSecrets(w.ctx, d.o.ID, platform.ID, 0, noon) },
		"CloseClientSecret": func() error {
			_, err := w.s.CloseClientSecret(w.ctx, d.o.ID, platform.ID, platform.Secrets[0].ID, noon, true)
			return err
		},
	} {
		w.wantErr("platform's, "+name, try(), storage.ErrNotFound)
	}
	equal(w, "the platform's, untouched", must(w.s.ClientByClientID(w.ctx, platform.ClientID))(w), platform)
}

// checkComplete holds that no method was forgotten.
func (d domestic) checkComplete(t *testing.T, w *world) {
	t.Helper()
	known := slices.Clone(unscoped)
	note := func(name string) {
		name, _, _ = strings.Cut(name, ",")
		known = append(known, name)
	}
	for name := range d.singles(w, 0) {
		note(name)
	}
	for name := range d.plurals(w, 0) {
		note(name)
	}
	for method := range reflect.TypeFor[storage.Store]().Methods() {
		if !slices.Contains(known, method.Name) {
			t.Errorf("%s is tried from no other organization", method.Name)
		}
	}
}

// testRollback does in a transaction all that changes something, and holds that
// nothing of it is left when it is rolled back.
func testRollback(t *testing.T, w *world) {
	d, other := newDomestic(w), w.member(w.organization().ID, storage.RoleMember)
	b := storage.Budget{Credential: "session:1", Window: noon}
	equal(w, "spent before", must(w.s.SpendBudget(w.ctx, b, 1))(w), int64(1))
	a := newAnswer("session:1", 1)
	err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
		inside := *w
		inside.ctx = ctx
		for name, try := range d.singles(&inside, d.o.ID) {
			switch name {
			case "DeleteMembership", "DeleteClient", "DeleteClient, a resource server", "DeleteNamedSecret", "Uninstall", "RevokeClientTokens", "DeleteAlertChannel":
				continue // at the end, when nothing needs them any more
			}
			if err := try(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.ok(w.s.RevokeClientTokens(ctx, d.o.ID, d.c.ID))
		must(w.s.RevokeTokens(ctx, storage.TokenFilter{OrganizationID: d.o.ID}, noon))(w)
		w.ok(w.s.ExpireTokens(ctx, storage.TokenFilter{OrganizationID: d.o.ID}, noon))
		w.ok(w.s.SetPassword(ctx, d.admin.ID, storage.NewSecret("x")))
		w.ok(w.rename(ctx, d.o.ID, "x"))
		w.ok(w.s.CreateMembership(ctx, storage.Membership{OrganizationID: d.o.ID, UserID: other.ID, Role: storage.RoleAdmin, CreatedAt: noon}))
		must(w.s.SpendBudget(ctx, b, 5))(w)
		w.ok(w.s.CreateIdempotentAnswer(ctx, a))
		w.ok(w.s.CompleteIdempotentAnswer(ctx, a))
		w.ok(w.s.DeleteNamedSecrets(ctx, d.o.ID, d.i.ID))
		w.ok(w.s.PutAlertRule(ctx, storage.AlertRule{OrganizationID: d.o.ID, Rule: "a", UpdatedAt: hour}))
		must(w.s.Uninstall(ctx, d.o.ID, d.i.ID, noon))(w)
		w.ok(w.s.DeleteAlertChannel(ctx, d.o.ID, d.channel.ID))
		w.ok(w.s.DeleteMembership(ctx, d.o.ID, d.admin.ID))
		w.ok(w.s.DeleteClient(ctx, d.o.ID, d.c.ID))
		w.ok(w.s.DeleteClient(ctx, d.o.ID, d.server.ID))
		if got := must(w.s.CredentialByReference(ctx, storage.TokenReferenceOf(d.token)))(w); got.Active(noon) {
			t.Error("the transaction does not see what it did")
		}
		return errRollback
	})
	w.wantErr("rolled back", err, errRollback)
	d.check(t, w)
	equal(w, "the organization", must(w.s.OrganizationByID(w.ctx, d.o.ID))(w), d.o)
	equal(w, "the members", len(must(w.s.Members(w.ctx, d.o.ID, storage.Page{Limit: 5}))(w)), 1)
	equal(w, "spent after", must(w.s.SpendBudget(w.ctx, b, 1))(w), int64(2))
	_, err = w.s.IdempotentAnswerOf(w.ctx, a.Caller, a.KeyDigest)
	w.wantErr("the answer", err, storage.ErrNotFound)
}

// testCrossing holds that callers who change many rows at once, in whatever order
// they come upon them, do not wait for each other in a circle.
func testCrossing(t *testing.T, w *world) {
	d := newDomestic(w)
	var uses []storage.TokenUse
	for range 20 {
		token := w.workspaceToken(d.o.ID, d.admin.ID)
		uses = append(uses, storage.TokenUse{Kind: token.Kind, ID: token.ID})
	}
	counts := make([]storage.UseCount, 0, len(uses))
	traits := make([]storage.Trait, 0, len(uses))
	for _, use := range uses {
		c := storage.CredentialID{Kind: storage.CredentialKind(use.Kind), ID: use.ID}
		counts = append(counts, storage.UseCount{OrganizationID: d.o.ID, Credential: c, Day: noon, Count: 1, Uses: 1})
		traits = append(traits, storage.Trait{OrganizationID: d.o.ID, Credential: c, Kind: storage.ScopeTrait, Value: "issues"})
	}
	for _, secret := range d.c.Secrets {
		uses = append(uses, storage.TokenUse{Kind: storage.AccessToken, ID: d.c.ID, ClientSecretID: secret.ID})
	}
	all := storage.TokenFilter{OrganizationID: d.o.ID}
	crossers := []func(at time.Time) error{
		func(at time.Time) error {
			now := slices.Clone(uses)
			for n := range now {
				now[n].At = at
			}
			return w.s.RecordUses(w.ctx, now)
		},
		func(at time.Time) error {
			return w.s.Transaction(w.ctx, func(ctx context.Context) error {
				mixed := slices.Clone(counts)
				rand.Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
				if err := w.s.AddUses(ctx, mixed); err != nil {
					return err
				}
				_, err := w.s.NoteTraits(ctx, traits, at.Add(time.Duration(rand.IntN(1e6))*time.Hour))
				return err
			})
		},
		func(at time.Time) error { return w.s.ExpireTokens(w.ctx, all, hour.Add(-at.Sub(noon))) },
		func(time.Time) error { _, err := w.s.RevokeTokens(w.ctx, all, noon); return err },
		func(time.Time) error { _, err := w.s.ReassignTokens(w.ctx, d.o.ID, d.admin.ID, d.admin.ID); return err },
		func(at time.Time) error {
			return w.s.ExpireClientSecrets(w.ctx, d.o.ID, d.c.ID, 0, hour.Add(-at.Sub(noon)))
		},
		func(time.Time) error { return w.s.RevokeClientTokens(w.ctx, d.o.ID, d.c.ID) },
	}
	together(2*len(crossers), func(n int) {
		for round := range 15 {
			if err := crossers[n/2](noon.Add(time.Duration(round) * time.Second)); err != nil {
				t.Errorf("crosser %d, round %d: %v", n/2, round, err)
			}
		}
	})
}
