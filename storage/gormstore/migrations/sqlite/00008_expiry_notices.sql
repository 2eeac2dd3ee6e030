-- +goose Up

ALTER TABLE organizations ADD COLUMN workspace_token_max_lifetime INTEGER; -- seconds; NULL: none
ALTER TABLE organizations ADD COLUMN expiry_digest_at DATETIME; -- the latest digest of what expires

-- A message is to a channel, or by mail to a member. The table is made anew, since a
-- column cannot become one that may be NULL.
CREATE TABLE new_outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL,
    channel_id      INTEGER,
    payload         BLOB NOT NULL,
    created_at      DATETIME NOT NULL,
    attempts        INTEGER NOT NULL,
    next_attempt_at DATETIME NOT NULL,
    delivered_at    DATETIME,
    failed_at       DATETIME,
    last_error      TEXT NOT NULL,
    user_id         INTEGER,
    CHECK ((channel_id IS NULL) <> (user_id IS NULL)),
    FOREIGN KEY (organization_id, channel_id) REFERENCES alert_channels (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, user_id) REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE
);
INSERT INTO new_outbox (id, organization_id, channel_id, payload, created_at, attempts, next_attempt_at, delivered_at, failed_at, last_error)
    SELECT id, organization_id, channel_id, payload, created_at, attempts, next_attempt_at, delivered_at, failed_at, last_error FROM outbox;
-- Ids are not given out twice.
DELETE FROM sqlite_sequence WHERE name = 'new_outbox';
INSERT INTO sqlite_sequence (name, seq) SELECT 'new_outbox', seq FROM sqlite_sequence WHERE name = 'outbox';
DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_channel ON outbox (organization_id, channel_id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_sent ON outbox (next_attempt_at) WHERE delivered_at IS NOT NULL OR failed_at IS NOT NULL;
CREATE INDEX outbox_user ON outbox (organization_id, user_id) WHERE user_id IS NOT NULL;

-- Of what somebody was told that it expires, and how many days before at the most.
CREATE TABLE expiry_notices (
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    credential_kind TEXT NOT NULL,
    credential_id   INTEGER NOT NULL,
    stage           INTEGER NOT NULL, -- days
    noted_at        DATETIME NOT NULL,
    PRIMARY KEY (organization_id, credential_kind, credential_id, stage)
) WITHOUT ROWID;
CREATE INDEX expiry_notices_noted ON expiry_notices (noted_at);

CREATE INDEX tokens_expiring ON tokens (expires_at)
    WHERE kind IN ('workspace_api_token', 'extension_key') AND revoked_at IS NULL;
CREATE INDEX client_secrets_expiring ON client_secrets (expires_at) WHERE closed_at IS NULL;
