-- +goose Up

ALTER TABLE audit_events ADD COLUMN sequence INTEGER; -- in its chain; NULL: not sealed yet
ALTER TABLE audit_events ADD COLUMN hash BLOB;

CREATE INDEX audit_events_unsealed ON audit_events (created_at, id) WHERE sequence IS NULL;
CREATE UNIQUE INDEX audit_events_sequence ON audit_events (COALESCE(organization_id, 0), sequence)
    WHERE sequence IS NOT NULL;
CREATE INDEX audit_events_time ON audit_events (organization_id, created_at, id);
CREATE INDEX audit_events_action ON audit_events (organization_id, action, created_at, id);
CREATE INDEX audit_events_actor ON audit_events (organization_id, actor_kind, actor_id, created_at, id);
CREATE INDEX audit_events_target ON audit_events (organization_id, target_kind, target_id, created_at, id);

-- Where each chain stands. The chain is that of an organization, 0: of the platform.
CREATE TABLE audit_chains (
    chain           INTEGER PRIMARY KEY,
    sequence        INTEGER NOT NULL, -- sealed last
    hash            BLOB NOT NULL,
    base_sequence   INTEGER NOT NULL, -- removed last, 0: nothing was
    base_hash       BLOB NOT NULL,
    checkpoint      INTEGER NOT NULL, -- sequence of the latest
    checkpointed_at DATETIME
);

CREATE TABLE audit_checkpoints (
    chain      INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    statement  TEXT NOT NULL, -- JWS
    PRIMARY KEY (chain, sequence)
) WITHOUT ROWID;

-- The public keys of checkpoints, which are needed for longer than the keys that sign
-- are kept.
CREATE TABLE audit_keys (
    key_id     TEXT PRIMARY KEY,
    sealed     BLOB NOT NULL, -- public JWK
    created_at DATETIME NOT NULL
);

INSERT INTO locks (name) VALUES ('audit_chains');
