-- +goose Up

-- What the user is called in the organization; empty: users.name.
ALTER TABLE memberships ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- Access tokens with this id or a lower one ended.
ALTER TABLE clients ADD COLUMN tokens_revoked_through INTEGER NOT NULL DEFAULT 0;

ALTER TABLE client_secrets ADD COLUMN closed_at DATETIME;
ALTER TABLE client_secrets ADD COLUMN tokens_revoked BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE tokens ADD COLUMN idle_timeout INTEGER NOT NULL DEFAULT 0; -- nanoseconds

CREATE INDEX installations_key ON installations (organization_id, key, id) WHERE uninstalled_at IS NULL;

CREATE TABLE named_secrets (
    organization_id INTEGER NOT NULL,
    installation_id INTEGER NOT NULL,
    name            TEXT NOT NULL,
    sealed          BLOB NOT NULL,
    updated_at      DATETIME NOT NULL,
    PRIMARY KEY (organization_id, installation_id, name),
    FOREIGN KEY (organization_id, installation_id) REFERENCES installations (organization_id, id)
) WITHOUT ROWID;

CREATE TABLE idempotent_answers (
    caller      TEXT NOT NULL,
    key_digest  TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    created_at  DATETIME NOT NULL,
    PRIMARY KEY (caller, key_digest)
);
CREATE INDEX idempotent_answers_created ON idempotent_answers (created_at);

-- What each credential has spent in a window of time.
CREATE TABLE budgets (
    credential TEXT NOT NULL,
    began_at   DATETIME NOT NULL,
    spent      INTEGER NOT NULL,
    PRIMARY KEY (credential, began_at)
) WITHOUT ROWID;
CREATE INDEX budgets_began ON budgets (began_at);
