-- Rows of what version 3 added, with a value in every column.

INSERT INTO clients (kind, organization_id, client_id, name, auth_methods, scopes, access_token_lifetime, identifier, created_at, jwks, jwks_uri, token_url_audience) VALUES
    ('application', 1, 'app_4', 'Signer', 'private_key_jwt', 'issues', 0, '', '2026-04-01 00:00:00+00:00', '{"keys":[{"kty":"EC","kid":"a"}]}', '', FALSE),
    ('resource_server', NULL, 'rs_3', 'signer', 'private_key_jwt', '', 0, 'https://kiket.test/signer', '2026-04-01 00:00:01+00:00', NULL, 'https://kiket.test/jwks.json', TRUE);

-- The second is of a client that is gone.
INSERT INTO client_assertions (client_id, jti_digest, expires_at) VALUES
    ((SELECT id FROM clients WHERE client_id = 'app_4'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', '2026-04-01 00:05:00.123456+00:00'),
    (5, 'cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34', '2026-04-01 00:05:00+00:00');
