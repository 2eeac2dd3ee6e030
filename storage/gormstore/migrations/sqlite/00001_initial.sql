-- +goose Up

-- AUTOINCREMENT everywhere: an id that was given out is never given out again,
-- so that what still names a deleted row cannot come to mean another.
-- Points in time are DATETIME: text in UTC, which orders and compares as time does.

CREATE TABLE organizations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_at DATETIME NOT NULL
);

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    DATETIME NOT NULL
);

CREATE TABLE memberships (
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    user_id         INTEGER NOT NULL REFERENCES users (id),
    role            TEXT NOT NULL,
    created_at      DATETIME NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE projects (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    key             TEXT NOT NULL,
    name            TEXT NOT NULL,
    created_at      DATETIME NOT NULL,
    UNIQUE (organization_id, key),
    UNIQUE (organization_id, id)
);

-- Applications and resource servers. organization_id is NULL for the resource
-- servers of the platform.
CREATE TABLE clients (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind                  TEXT NOT NULL,
    organization_id       INTEGER REFERENCES organizations (id),
    client_id             TEXT NOT NULL UNIQUE,
    name                  TEXT NOT NULL,
    auth_methods          TEXT NOT NULL,
    scopes                TEXT NOT NULL,
    access_token_lifetime INTEGER NOT NULL, -- seconds
    identifier            TEXT NOT NULL,
    created_at            DATETIME NOT NULL,
    disabled_at           DATETIME,
    last_used_at          DATETIME
);
CREATE INDEX clients_organization ON clients (organization_id, id);
CREATE UNIQUE INDEX clients_resource_server_name ON clients (name) WHERE kind = 'resource_server';
CREATE INDEX clients_resource_server_identifier ON clients (identifier) WHERE kind = 'resource_server';

CREATE TABLE client_secrets (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id    INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    digest       TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    created_at   DATETIME NOT NULL,
    expires_at   DATETIME,
    last_used_at DATETIME
);
CREATE INDEX client_secrets_client ON client_secrets (client_id, id);

CREATE TABLE installations (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL,
    project_id      INTEGER NOT NULL,
    key             TEXT NOT NULL,
    name            TEXT NOT NULL,
    version         TEXT NOT NULL,
    permissions     TEXT NOT NULL,
    manifest        BLOB NOT NULL,
    created_at      DATETIME NOT NULL,
    uninstalled_at  DATETIME,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);
CREATE UNIQUE INDEX installations_installed ON installations (project_id, key) WHERE uninstalled_at IS NULL;

CREATE TABLE signing_keys (
    key_id         TEXT PRIMARY KEY,
    algorithm      TEXT NOT NULL,
    public_jwk     BLOB NOT NULL,
    sealed         BLOB NOT NULL,
    created_at     DATETIME NOT NULL,
    active_at      DATETIME NOT NULL,
    retired_at     DATETIME,
    token_lifetime INTEGER NOT NULL, -- nanoseconds
    revoked_at     DATETIME
);

-- The tokens of all kinds. client_id, client_secret_id and key_id are no foreign
-- keys, as on PostgreSQL: a token whose client or key is gone is inactive because
-- the look-up does not find them.
CREATE TABLE tokens (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind                 TEXT NOT NULL,
    organization_id      INTEGER NOT NULL REFERENCES organizations (id),
    reference            TEXT NOT NULL,
    prefix               TEXT NOT NULL DEFAULT '',
    name                 TEXT NOT NULL DEFAULT '',
    scopes               TEXT NOT NULL,
    full_access          BOOLEAN NOT NULL,
    audience             TEXT NOT NULL,
    created_at           DATETIME NOT NULL,
    expires_at           DATETIME,
    revoked_at           DATETIME,
    user_id              INTEGER REFERENCES users (id),
    client_id            INTEGER,
    client_secret_id     INTEGER,
    key_id               TEXT NOT NULL DEFAULT '',
    project_id           INTEGER,
    installation_id      INTEGER,
    last_used_at         DATETIME,
    last_used_address    TEXT NOT NULL DEFAULT '',
    last_used_user_agent TEXT NOT NULL DEFAULT '',
    UNIQUE (reference),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id),
    FOREIGN KEY (organization_id, installation_id) REFERENCES installations (organization_id, id),
    CHECK (kind <> 'access_token' OR expires_at IS NOT NULL)
);
CREATE INDEX tokens_organization ON tokens (organization_id, id) WHERE kind <> 'access_token';
CREATE INDEX tokens_user ON tokens (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX tokens_installation ON tokens (installation_id) WHERE installation_id IS NOT NULL;
CREATE INDEX tokens_access_expiry ON tokens (expires_at) WHERE kind = 'access_token';

CREATE TABLE audit_events (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER REFERENCES organizations (id),
    created_at      DATETIME NOT NULL,
    action          TEXT NOT NULL,
    actor_kind      TEXT NOT NULL,
    actor_id        INTEGER NOT NULL,
    actor_name      TEXT NOT NULL,
    target_kind     TEXT NOT NULL,
    target_id       INTEGER NOT NULL,
    target_name     TEXT NOT NULL,
    ip_address      TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    request_id      TEXT NOT NULL,
    details         TEXT NOT NULL -- JSON, never searched
);
CREATE INDEX audit_events_organization ON audit_events (organization_id, id);

-- Rows to be locked by updating them.
CREATE TABLE locks (
    name TEXT PRIMARY KEY
);
INSERT INTO locks (name) VALUES ('signing_keys'), ('bootstrap'), ('token_partitions');
