-- +goose NO TRANSACTION
-- +goose Up

-- Each statement is a transaction of its own, and can be run again.

-- To be changed, a table must be free of everybody for a moment, and requests queue
-- behind who waits for that. Three seconds of it they bear: their own limit is five.
-- Whatever has the table for longer, such as a backup, goes first, and this is run
-- again later; an autovacuum gives way after deadlock_timeout, which is a second.
-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE clients
        ADD COLUMN IF NOT EXISTS jwks bytea,
        ADD COLUMN IF NOT EXISTS jwks_uri text NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS token_url_audience boolean NOT NULL DEFAULT FALSE;
END
$$;
-- +goose StatementEnd

-- The assertions that clients have authenticated with. There is no foreign key, since
-- checking one locks the client's row. Ids of clients are never given out twice: what
-- a deleted one leaves behind is nobody's, and goes when it has expired.
CREATE TABLE IF NOT EXISTS client_assertions (
    client_id  bigint NOT NULL,
    jti_digest text COLLATE "C" NOT NULL, -- lower-case hex SHA-256
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti_digest)
);
CREATE INDEX IF NOT EXISTS client_assertions_expiry ON client_assertions (expires_at);
