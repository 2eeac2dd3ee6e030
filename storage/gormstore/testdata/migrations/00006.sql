-- Rows of what version 6 added, with a value in every column.

UPDATE tokens SET last_used_server_id = 3 WHERE kind = 'workspace_api_token' AND id = 1;
UPDATE clients SET last_used_address = '198.51.100.1', last_used_user_agent = 'curl/8', last_used_server_id = 3 WHERE id = 1;
UPDATE client_secrets SET last_used_address = '198.51.100.1', last_used_user_agent = 'curl/8', last_used_server_id = 3 WHERE id = 1;

INSERT INTO credential_uses (organization_id, day, credential, scope, resource_server_id, count, uses) VALUES
    (1, '2026-07-01 00:00:00+00:00', 'workspace_api_token:1', 'issues:read', 3, 7, 7),
    (1, '2026-07-01 00:00:00+00:00', 'workspace_api_token:1', '', 0, 1, 1);

INSERT INTO credential_traits (credential, kind, value, organization_id, first_at, last_at) VALUES
    ('workspace_api_token:1', 'network', '198.51.100.0/24', 1, '2026-07-01 00:00:00.000001+00:00', '2026-07-01 01:00:00.000001+00:00'),
    ('workspace_api_token:1', 'scope', 'issues:read', 1, '2026-07-01 00:00:00+00:00', '2026-07-01 00:00:00+00:00');
