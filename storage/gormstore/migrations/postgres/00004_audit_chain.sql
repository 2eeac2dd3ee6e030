-- +goose NO TRANSACTION
-- +goose Up

-- Each statement is a transaction of its own, and can be run again.

-- See 00003 for why three seconds.
-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE audit_events
        ADD COLUMN IF NOT EXISTS sequence bigint, -- in its chain; NULL: not sealed yet
        ADD COLUMN IF NOT EXISTS hash bytea;
END
$$;
-- +goose StatementEnd

-- Events are written while these are made. One that was left half-made by a failure
-- is made anew.
DROP INDEX CONCURRENTLY IF EXISTS audit_events_unsealed;
CREATE INDEX CONCURRENTLY audit_events_unsealed ON audit_events (created_at, id) WHERE sequence IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_events_sequence;
CREATE UNIQUE INDEX CONCURRENTLY audit_events_sequence ON audit_events (COALESCE(organization_id, 0), sequence)
    WHERE sequence IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS audit_events_time;
CREATE INDEX CONCURRENTLY audit_events_time ON audit_events (organization_id, created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_action;
CREATE INDEX CONCURRENTLY audit_events_action ON audit_events (organization_id, action, created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_actor;
CREATE INDEX CONCURRENTLY audit_events_actor ON audit_events (organization_id, actor_kind, actor_id, created_at, id);
DROP INDEX CONCURRENTLY IF EXISTS audit_events_target;
CREATE INDEX CONCURRENTLY audit_events_target ON audit_events (organization_id, target_kind, target_id, created_at, id);

-- Where each chain stands. The chain is that of an organization, 0: of the platform.
CREATE TABLE IF NOT EXISTS audit_chains (
    chain           bigint PRIMARY KEY,
    sequence        bigint NOT NULL, -- sealed last
    hash            bytea NOT NULL,
    base_sequence   bigint NOT NULL, -- removed last, 0: nothing was
    base_hash       bytea NOT NULL,
    checkpoint      bigint NOT NULL, -- sequence of the latest
    checkpointed_at timestamptz
);

CREATE TABLE IF NOT EXISTS audit_checkpoints (
    chain      bigint NOT NULL,
    sequence   bigint NOT NULL,
    created_at timestamptz NOT NULL,
    statement  text NOT NULL, -- JWS
    PRIMARY KEY (chain, sequence)
);

-- The public keys of checkpoints, which are needed for longer than the keys that sign
-- are kept.
CREATE TABLE IF NOT EXISTS audit_keys (
    key_id     text COLLATE "C" PRIMARY KEY,
    sealed     bytea NOT NULL, -- public JWK
    created_at timestamptz NOT NULL
);

INSERT INTO locks (name) VALUES ('audit_chains') ON CONFLICT DO NOTHING;
