// Package storagetest says what a backend of package storage must do: one suite
// that [Run] runs against any of them. It is the other half of the interfaces'
// comments; what a caller may rely on is stated there and proved here.
//
// It tests no engine in particular. What only one has, such as partitions and
// migrations, is tested where it lives.
package storagetest

import (
	"testing"

	"kiket.dev/auth/storage"
)

// Run runs the suite. open returns a store that is migrated and otherwise empty,
// a new one at each call, and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, group := range []struct {
		name string
		run  func(t *testing.T, w *world)
	}{
		{"Organizations", testOrganizations},
		{"Users", testUsers},
		{"Memberships", testMemberships},
		{"Projects", testProjects},
		{"Clients", testClients},
		{"ClientSecrets", testClientSecrets},
		{"ClientKeys", testClientKeys},
		{"ResourceServers", testResourceServers},
		{"ResourceServerSecrets", testResourceServerSecrets},
		{"Assertions", testAssertions},
		{"AssertionTransactions", testAssertionTransactions},
		{"SweepAssertions", testSweepAssertions},
		{"AssertionsAtOnce", testAssertionsAtOnce},
		{"OrganizationChanges", testOrganizationChanges},
		{"Members", testMembers},
		{"PasswordResets", testPasswordResets},
		{"PasswordResetMail", testPasswordResetMail},
		{"PasswordResetsAtOnce", testPasswordResetsAtOnce},
		{"RowLocks", testRowLocks},
		{"Applications", testApplications},
		{"SecretsEnd", testSecretsEnd},
		{"ApplicationSecrets", testApplicationSecrets},
		{"Rotations", testRotations},
		{"InstallationChanges", testInstallationChanges},
		{"NamedSecrets", testNamedSecrets},
		{"SweepSessions", testSweepSessions},
		{"NamedSecretsAtOnce", testNamedSecretsAtOnce},
		{"IdempotentAnswers", testIdempotentAnswers},
		{"SameKeyAtOnce", testSameKeyAtOnce},
		{"Budgets", testBudgets},
		{"BudgetsAtOnce", testBudgetsAtOnce},
		{"Alerts", testAlerts},
		{"AlertsToBeTold", testAlertsToBeTold},
		{"AlertsAtOnce", testAlertsAtOnce},
		{"AlertChannels", testAlertChannels},
		{"AlertRules", testAlertRules},
		{"Outbox", testOutbox},
		{"OutboxAtOnce", testOutboxAtOnce},
		{"OutboxRollback", testOutboxRollback},
		{"OutboxFair", testOutboxFair},
		{"OutboxHeld", testOutboxHeld},
		{"OutboxMembers", testOutboxMembers},
		{"ExpiryNotices", testExpiryNotices},
		{"ExpiryNoticesAtOnce", testExpiryNoticesAtOnce},
		{"OpaqueTokens", testOpaqueTokens},
		{"RevokeTokens", testRevokeTokens},
		{"ExpireTokens", testExpireTokens},
		{"ReassignTokens", testReassignTokens},
		{"RenameToken", testRenameToken},
		{"Idle", testIdle},
		{"Pages", testPages},
		{"Installations", testInstallations},
		{"SigningKeys", testSigningKeys},
		{"AuditEvents", testAuditEvents},
		{"FindAuditEvents", testFindAuditEvents},
		{"AuditEventsBySomebody", testAuditEventsBySomebody},
		{"AuditSeals", testAuditSeals},
		{"AuditChains", testAuditChains},
		{"SealingAtOnce", testSealingAtOnce},
		{"AuditVerifications", testAuditVerifications},
		{"AuditVerificationsAtOnce", testAuditVerificationsAtOnce},
		{"Tokens", testTokens},
		{"TokenReferences", testTokenReferences},
		{"Credentials", testCredentials},
		{"Uses", testUses},
		{"UseCounts", testUseCounts},
		{"UseCountsAtOnce", testUseCountsAtOnce},
		{"UsedScopes", testUsedScopes},
		{"Traits", testTraits},
		{"TraitsAtOnce", testTraitsAtOnce},
		{"SweepUsage", testSweepUsage},
		{"Sweep", testSweep},
		{"Isolation", testIsolation},
		{"Case", testCase},
		{"Texts", testTexts},
		{"Times", testTimes},
		{"Transactions", testTransactions},
		{"FailedTransactions", testFailedTransactions},
		{"OneWins", testOneWins},
		{"Locks", testLocks},
		{"ReadThenWrite", testReadThenWrite},
		{"Rollback", testRollback},
		{"Crossing", testCrossing},
		{"AllTokensAtOnce", testAllTokensAtOnce},
		{"Cancelled", testCancelled},
		{"RevokedMeansRevoked", testRevokedMeansRevoked},
		{"ManyAtOnce", testManyAtOnce},
	} {
		t.Run(group.name, func(t *testing.T) {
			group.run(t, newWorld(t, open(t)))
		})
	}
}
