-- +goose Up

-- That somebody asked for another password for an address, known or not.
CREATE TABLE password_resets (
    account         text COLLATE "C" PRIMARY KEY, -- lower-case hex SHA-256 of the address
    code_digest     text COLLATE "C" NOT NULL,    -- lower-case hex SHA-256
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    tries           bigint NOT NULL,
    ended_at        timestamptz,
    sealed          bytea NOT NULL, -- the mail, with the code; empty: it is not sent any more
    attempts        bigint NOT NULL,
    next_attempt_at timestamptz,
    recorded_at     timestamptz
);
CREATE INDEX password_resets_due ON password_resets (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX password_resets_expiry ON password_resets (expires_at);
