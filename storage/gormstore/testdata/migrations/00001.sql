-- Rows of every table, as the program wrote them at version 1, in words that both
-- engines understand. Ids are left to the engine, which counts from 1, so that
-- its counters are where they would be. The last of some are deleted: their ids
-- must not be given out again.

INSERT INTO organizations (slug, name, created_at) VALUES
    ('acme', 'Acme – "quoted", ''twice''', '2026-01-01 00:00:00+00:00'),
    ('globex', 'Globex', '2026-01-01 00:00:00.000001+00:00'),
    ('gone', 'Gone', '2026-01-01 00:00:01.5+00:00');
DELETE FROM organizations WHERE slug = 'gone';

INSERT INTO users (email, name, password_hash, created_at) VALUES
    ('avery@acme.test', 'Avery', '$argon2id$v=19$m=65536,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g', '2026-01-02 03:04:05.123456+00:00'),
    ('blake@acme.test', 'Blake', '', '2026-01-02 03:04:06+00:00'),
    ('gone@acme.test', 'Gone', '', '2026-01-02 03:04:07+00:00');
DELETE FROM users WHERE email = 'gone@acme.test';

INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES
    (1, 1, 'admin', '2026-01-02 03:04:05.123456+00:00'),
    (1, 2, 'member', '2026-01-02 03:04:06+00:00'),
    (2, 1, 'member', '2026-01-02 03:04:07+00:00');

INSERT INTO projects (organization_id, key, name, created_at) VALUES
    (1, 'DEFAULT', 'Default', '2026-01-03 00:00:00+00:00'),
    (2, 'DEFAULT', 'Default', '2026-01-03 00:00:01+00:00'),
    (1, 'GONE', 'Gone', '2026-01-03 00:00:02+00:00');
DELETE FROM projects WHERE key = 'GONE';

INSERT INTO clients (kind, organization_id, client_id, name, auth_methods, scopes, access_token_lifetime, identifier, created_at, disabled_at, last_used_at) VALUES
    ('application', 1, 'app_1', 'Importer', 'client_secret_basic client_secret_post', 'issues projects:read', 600, '', '2026-01-04 00:00:00+00:00', NULL, '2026-02-01 10:20:30.405060+00:00'),
    ('application', 2, 'app_2', 'Importer', 'client_secret_post', 'issues:read', 0, '', '2026-01-04 00:00:01+00:00', '2026-02-01 00:00:00+00:00', NULL),
    ('resource_server', NULL, 'rs_1', 'platform', 'client_secret_basic', '', 0, 'https://kiket.test/api', '2026-01-04 00:00:02+00:00', NULL, NULL),
    ('resource_server', 2, 'rs_2', 'globex', 'client_secret_basic', '', 0, 'https://globex.test/', '2026-01-04 00:00:03+00:00', NULL, NULL),
    ('application', 1, 'app_gone', 'Gone', '', '', 0, '', '2026-01-04 00:00:04+00:00', NULL, NULL);

INSERT INTO client_secrets (client_id, digest, prefix, created_at, expires_at, last_used_at) VALUES
    (1, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'kcs_7d5c9c1a', '2026-01-04 00:00:00+00:00', '2026-01-05 00:00:00+00:00', '2026-01-04 12:00:00+00:00'),
    (1, 'cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34', 'kcs_0e8c4f58', '2026-01-04 00:00:01+00:00', NULL, NULL),
    (3, '36bbe50ed96841d10443bcb670d6554f0a34b761be67ec9c4a8ad2c0c44ca42c', 'kcs_b6a1d2e3', '2026-01-04 00:00:02+00:00', NULL, NULL),
    (5, '88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589', 'kcs_f4051627', '2026-01-04 00:00:04+00:00', NULL, NULL);
DELETE FROM clients WHERE client_id = 'app_gone';

INSERT INTO installations (organization_id, project_id, key, name, version, permissions, manifest, created_at, uninstalled_at) VALUES
    (1, 1, 'dev.kiket.sync', 'Sync', '1.2.3', 'issues:read comments', '{"model_version": "1.0", "extension": {"id": "dev.kiket.sync"}}', '2026-01-05 00:00:00+00:00', '2026-01-05 12:00:00+00:00'),
    (1, 1, 'dev.kiket.sync', 'Sync', '2.0.0', 'issues comments', '{}', '2026-01-05 13:00:00+00:00', NULL);

INSERT INTO signing_keys (key_id, algorithm, public_jwk, sealed, created_at, active_at, retired_at, token_lifetime, revoked_at) VALUES
    ('kid-1', 'ES256', '{"kty":"EC"}', 'sealed', '2026-01-01 00:00:00+00:00', '2026-01-01 00:05:00+00:00', '2026-02-01 00:00:00+00:00', 3600000000001, '2026-02-02 00:00:00+00:00'),
    ('kid-2', 'EdDSA', '{"kty":"OKP"}', 'sealed', '2026-02-01 00:00:00+00:00', '2026-02-01 00:05:00+00:00', NULL, 3600000000000, NULL);

INSERT INTO tokens (kind, organization_id, reference, prefix, name, scopes, full_access, audience, created_at, expires_at, revoked_at, user_id, client_id, client_secret_id, key_id, project_id, installation_id, last_used_at, last_used_address, last_used_user_agent) VALUES
    ('workspace_api_token', 1, '3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d', 'wksp_7d5c9c1a', 'CLI – laptop', '', TRUE, 'https://kiket.test/api', '2026-01-06 00:00:00.123456+00:00', NULL, NULL, 1, NULL, NULL, '', NULL, NULL, '2026-02-01 00:00:00+00:00', '198.51.100.1', 'kiket-cli/1.0'),
    ('workspace_api_token', 1, '2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6', 'wksp_0e8c4f58', 'CI', 'issues:read', FALSE, 'https://kiket.test/api', '2026-01-06 00:00:01+00:00', '2027-01-06 00:00:01+00:00', '2026-01-07 00:00:00+00:00', 1, NULL, NULL, '', NULL, NULL, NULL, '', ''),
    ('extension_key', 1, '18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4', 'kext_7d5c9c1a', 'Sync', 'issues comments', FALSE, 'https://kiket.test/api', '2026-01-06 00:00:02+00:00', NULL, NULL, NULL, NULL, NULL, '', 1, 2, NULL, '', ''),
    ('session', 1, '3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea', 'ksess_7d5c9c1a', 'Avery', '', TRUE, 'https://kiket.test/api', '2026-01-06 00:00:03+00:00', '2026-03-01 00:00:00+00:00', NULL, 1, NULL, NULL, '', NULL, NULL, NULL, '', ''),
    ('access_token', 1, 'jti-1', '', '', 'issues:read', FALSE, 'https://kiket.test/api', '2026-02-01 05:30:00+00:00', '2026-02-01 06:30:00+00:00', NULL, NULL, 1, 2, 'kid-2', NULL, NULL, NULL, '', ''),
    ('access_token', 1, 'jti-2', '', '', 'issues', FALSE, 'https://kiket.test/api', '2026-02-01 12:00:00+00:00', '2026-02-01 13:00:00+00:00', '2026-02-01 12:30:00+00:00', NULL, 1, NULL, 'kid-2', NULL, NULL, NULL, '', ''),
    ('session', 1, '252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111', 'ksess_0e8c4f58', 'Gone', '', TRUE, '', '2026-01-06 00:00:04+00:00', '2026-03-01 00:00:00+00:00', NULL, 1, NULL, NULL, '', NULL, NULL, NULL, '', '');
DELETE FROM tokens WHERE name = 'Gone';

INSERT INTO audit_events (organization_id, created_at, action, actor_kind, actor_id, actor_name, target_kind, target_id, target_name, ip_address, user_agent, request_id, details) VALUES
    (NULL, '2026-01-01 00:00:00+00:00', 'resource_server.created', 'operator', 0, 'command line', 'resource_server', 3, 'platform', '', '', '', '{"identifier":"https://kiket.test/api"}'),
    (1, '2026-01-06 00:00:00.123456+00:00', 'workspace_api_token.created', 'user', 1, 'Avery', 'workspace_api_token', 1, 'CLI – laptop', '198.51.100.1', 'curl/8', 'request-1', '{}');
