-- +goose Up

ALTER TABLE clients ADD COLUMN jwks BLOB;
ALTER TABLE clients ADD COLUMN jwks_uri TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN token_url_audience BOOLEAN NOT NULL DEFAULT FALSE;

-- The assertions that clients have authenticated with. Ids of clients are never given
-- out twice: what a deleted one leaves behind is nobody's, and goes when it has expired.
CREATE TABLE client_assertions (
    client_id  INTEGER NOT NULL,
    jti_digest TEXT NOT NULL, -- lower-case hex SHA-256
    expires_at DATETIME NOT NULL,
    PRIMARY KEY (client_id, jti_digest)
) WITHOUT ROWID;
CREATE INDEX client_assertions_expiry ON client_assertions (expires_at);
