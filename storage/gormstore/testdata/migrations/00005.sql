-- Rows of what version 5 added, with a value in every column.

INSERT INTO alert_channels (organization_id, kind, name, address, sealed, created_at, last_delivered_at, failing_since, last_failure, budget_window, budget_sent, budget_left_out) VALUES
    (1, 'email', '', 'ops@acme.test', NULL, '2026-06-01 00:00:00+00:00', NULL, NULL, '', NULL, 0, 0),
    (1, 'webhook', 'Pager', 'hooks.acme.test/…9f3a', 'sealed', '2026-06-01 00:00:00.000001+00:00', '2026-06-01 01:00:00.000001+00:00', '2026-06-01 02:00:00.000001+00:00', 'answered with 500', '2026-06-01 02:00:00.000001+00:00', 20, 3);

INSERT INTO alerts (organization_id, rule, subject_kind, subject_id, subject_name, dedupe_key, summary, details, count, first_at, last_at, acknowledged_at, acknowledged_by_kind, acknowledged_by_id, acknowledged_by_name, told, quiet_until) VALUES
    (1, 'revoked_credential_used', 'workspace_api_token', 1, 'CI', 'revoked_credential_used workspace_api_token:1', 'The revoked workspace API token CI was used', '{"ip_address":"198.51.100.1"}', 12, '2026-06-01 00:00:00.000001+00:00', '2026-06-01 00:01:00.000001+00:00', '2026-06-01 00:02:00.000001+00:00', 'session', 2, 'Avery', 10, '2026-06-01 01:00:00.000001+00:00'),
    (1, 'revoked_credential_used', 'workspace_api_token', 1, 'CI', 'revoked_credential_used workspace_api_token:1', 'The revoked workspace API token CI was used', '', 1, '2026-06-02 00:00:00+00:00', '2026-06-02 00:00:00+00:00', NULL, '', 0, '', 0, NULL);

INSERT INTO outbox (organization_id, channel_id, payload, created_at, attempts, next_attempt_at, delivered_at, failed_at, last_error) VALUES
    (1, 1, '{}', '2026-06-01 00:00:00.000001+00:00', 1, '2026-06-01 00:00:30.000001+00:00', '2026-06-01 00:00:01.000001+00:00', NULL, ''),
    (1, 2, '{}', '2026-06-01 02:00:00+00:00', 40, '2026-06-02 02:00:00+00:00', NULL, '2026-06-02 02:00:00.000001+00:00', 'answered with 500');
