-- +goose Up

-- That somebody asked for another password for an address, known or not.
CREATE TABLE password_resets (
    account         TEXT PRIMARY KEY, -- lower-case hex SHA-256 of the address
    code_digest     TEXT NOT NULL,    -- lower-case hex SHA-256
    created_at      DATETIME NOT NULL,
    expires_at      DATETIME NOT NULL,
    tries           INTEGER NOT NULL,
    ended_at        DATETIME,
    sealed          BLOB NOT NULL, -- the mail, with the code; empty: it is not sent any more
    attempts        INTEGER NOT NULL,
    next_attempt_at DATETIME,
    recorded_at     DATETIME
);
CREATE INDEX password_resets_due ON password_resets (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX password_resets_expiry ON password_resets (expires_at);
