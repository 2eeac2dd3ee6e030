-- +goose NO TRANSACTION
-- +goose Up

-- Each statement is a transaction of its own: requests lock these tables in more
-- than one order, and who holds one while waiting for another could wait in a
-- circle. What was done before a failure is not done again.

-- Making a partition locks the tables from below, this does from above.
-- +goose StatementBegin
DO $$
BEGIN
    UPDATE locks SET name = name WHERE name = 'token_partitions';
    ALTER TABLE tokens ADD COLUMN IF NOT EXISTS idle_timeout bigint NOT NULL DEFAULT 0; -- nanoseconds
END
$$;
-- +goose StatementEnd

-- What the user is called in the organization; empty: users.name.
ALTER TABLE memberships ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '';

-- Access tokens with this id or a lower one ended.
ALTER TABLE clients ADD COLUMN IF NOT EXISTS tokens_revoked_through bigint NOT NULL DEFAULT 0;

ALTER TABLE client_secrets
    ADD COLUMN IF NOT EXISTS closed_at timestamptz,
    ADD COLUMN IF NOT EXISTS tokens_revoked boolean NOT NULL DEFAULT FALSE;

CREATE INDEX IF NOT EXISTS installations_key ON installations (organization_id, key, id) WHERE uninstalled_at IS NULL;

CREATE TABLE IF NOT EXISTS named_secrets (
    organization_id bigint NOT NULL,
    installation_id bigint NOT NULL,
    name            text COLLATE "C" NOT NULL,
    sealed          bytea NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, installation_id, name),
    FOREIGN KEY (organization_id, installation_id) REFERENCES installations (organization_id, id)
);

CREATE TABLE IF NOT EXISTS idempotent_answers (
    caller      text COLLATE "C" NOT NULL,
    key_digest  text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (caller, key_digest)
);
CREATE INDEX IF NOT EXISTS idempotent_answers_created ON idempotent_answers (created_at);

-- What each credential has spent in a window of time.
CREATE TABLE IF NOT EXISTS budgets (
    credential text COLLATE "C" NOT NULL,
    began_at   timestamptz NOT NULL,
    spent      bigint NOT NULL,
    PRIMARY KEY (credential, began_at)
);
CREATE INDEX IF NOT EXISTS budgets_began ON budgets (began_at);
