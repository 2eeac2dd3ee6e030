-- Rows of what version 2 added, with a value in every column.

INSERT INTO users (email, name, password_hash, created_at) VALUES
    ('casey@acme.test', 'Casey', '', '2026-03-02 03:04:05+00:00');
INSERT INTO memberships (organization_id, user_id, role, created_at, name) VALUES
    (1, (SELECT id FROM users WHERE email = 'casey@acme.test'), 'admin', '2026-03-02 03:04:05+00:00', 'Casey of Acme');

INSERT INTO clients (kind, organization_id, client_id, name, auth_methods, scopes, access_token_lifetime, identifier, created_at, tokens_revoked_through) VALUES
    ('application', 1, 'app_3', 'Exporter', 'client_secret_basic', 'issues', 600, '', '2026-03-04 00:00:00+00:00', 7);
INSERT INTO client_secrets (client_id, digest, prefix, created_at, closed_at, tokens_revoked) VALUES
    ((SELECT id FROM clients WHERE client_id = 'app_3'), 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d000000000000000000000000', 'kcs_11223344', '2026-03-04 00:00:00+00:00', '2026-03-05 00:00:00+00:00', TRUE);

INSERT INTO tokens (kind, organization_id, reference, prefix, name, scopes, full_access, audience, created_at, expires_at, user_id, key_id, last_used_address, last_used_user_agent, idle_timeout) VALUES
    ('session', 1, '7c222fb2927d828af22f592134e8932480637c0d000000000000000000000000', 'ksess_11223344', 'Casey', '', TRUE, 'https://kiket.test/api', '2026-03-06 00:00:00+00:00', '2026-03-13 00:00:00+00:00', 1, '', '', '', 43200000000000);

INSERT INTO named_secrets (organization_id, installation_id, name, sealed, updated_at) VALUES
    (1, 2, 'WEBHOOK_TOKEN', 'sealed', '2026-03-07 00:00:00+00:00');
INSERT INTO idempotent_answers (caller, key_digest, fingerprint, sealed, created_at) VALUES
    ('session:4', 'digest', 'fingerprint', 'sealed', '2026-03-07 00:00:00+00:00');
INSERT INTO budgets (credential, began_at, spent) VALUES
    ('session:4', '2026-03-07 00:00:00+00:00', 60);
