-- Rows of what version 7 added, with a value in every column.

INSERT INTO alert_rules (organization_id, rule, enabled, threshold, window_seconds, updated_at) VALUES
    (1, 'authentication_failures', TRUE, 5, 60, '2026-07-01 00:00:00.000001+00:00'),
    (1, 'expired_credential_used', FALSE, NULL, NULL, '2026-07-01 00:00:00+00:00');

INSERT INTO audit_verifications (chain, sequence, hash, verified_at, full_at, findings, more_findings, claimed_until) VALUES
    (0, 0, NULL, NULL, NULL, '', 0, '2026-07-01 00:01:00.000001+00:00'),
    (2, 1, 'thirty-two bytes, more or less..', '2026-07-01 00:00:00.000001+00:00', '2026-07-01 00:00:00.000001+00:00', '[{"kind":"removed","sequence":1,"event_id":0,"detail":"the event at 1 is not there"}]', 3, NULL);
