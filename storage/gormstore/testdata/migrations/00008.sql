-- Rows of what version 8 added, with a value in every column.

UPDATE organizations SET workspace_token_max_lifetime = 7776000, expiry_digest_at = '2026-06-01 00:00:00.000001+00:00' WHERE id = 1;

INSERT INTO outbox (organization_id, user_id, payload, created_at, attempts, next_attempt_at, delivered_at, failed_at, last_error) VALUES
    (1, 2, '{}', '2026-06-01 00:00:00.000001+00:00', 0, '2026-06-01 00:00:00.000001+00:00', NULL, NULL, '');

INSERT INTO expiry_notices (organization_id, credential_kind, credential_id, stage, noted_at) VALUES
    (1, 'workspace_api_token', 1, 14, '2026-06-01 00:00:00.000001+00:00'),
    (1, 'client_secret', 1, 3, '2026-06-01 00:00:00.000001+00:00');
