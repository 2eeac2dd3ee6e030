-- A partition as the program made it at version 1, and tokens that lie in it:
-- one that came before it and one after.

LOCK TABLE tokens_access_default IN ACCESS EXCLUSIVE MODE;
CREATE TABLE tokens_access_20260201_06 (LIKE tokens_access INCLUDING ALL);
WITH moved AS (DELETE FROM tokens_access_default
    WHERE expires_at >= '2026-02-01 06:00:00Z' AND expires_at < '2026-02-01 12:00:00Z' RETURNING *)
    INSERT INTO tokens_access_20260201_06 SELECT * FROM moved;
ALTER TABLE tokens_access ATTACH PARTITION tokens_access_20260201_06 FOR VALUES FROM ('2026-02-01 06:00:00Z') TO ('2026-02-01 12:00:00Z');

INSERT INTO tokens (kind, organization_id, reference, scopes, full_access, audience, created_at, expires_at, client_id, key_id) VALUES
    ('access_token', 1, 'jti-3', 'issues', FALSE, 'https://kiket.test/api', '2026-02-01 10:00:00Z', '2026-02-01 11:00:00Z', 1, 'kid-2');
