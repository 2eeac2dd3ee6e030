-- Rows of what version 4 added, with a value in every column.

INSERT INTO audit_events (organization_id, created_at, action, actor_kind, actor_id, actor_name, target_kind, target_id, target_name, ip_address, user_agent, request_id, details, sequence, hash) VALUES
    (2, '2026-05-01 00:00:00.000001+00:00', 'project.created', 'user', 1, 'Avery', 'project', 1, 'Default', '198.51.100.1', 'curl/8', 'request-2', '{"key":"DEFAULT"}', 1, 'thirty-two bytes, more or less..');

INSERT INTO audit_chains (chain, sequence, hash, base_sequence, base_hash, checkpoint, checkpointed_at) VALUES
    (2, 1, 'thirty-two bytes, more or less..', 0, 'another thirty-two bytes, or so.', 1, '2026-05-01 00:01:00.000001+00:00'),
    (3, 9, 'thirty-two bytes, more or less..', 8, 'another thirty-two bytes, or so.', 9, NULL);

INSERT INTO audit_checkpoints (chain, sequence, created_at, statement) VALUES
    (2, 1, '2026-05-01 00:01:00.000001+00:00', 'e30.e30.e30');

INSERT INTO audit_keys (key_id, sealed, created_at) VALUES
    ('kid-1', 'sealed', '2026-05-01 00:00:00.000001+00:00');
