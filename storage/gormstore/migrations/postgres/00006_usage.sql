-- +goose NO TRANSACTION
-- +goose Up

-- Each statement is a transaction of its own, and can be run again.

-- See 00002 for the lock, and 00003 for why three seconds.
-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    UPDATE locks SET name = name WHERE name = 'token_partitions';
    ALTER TABLE tokens ADD COLUMN IF NOT EXISTS last_used_server_id bigint;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE clients
        ADD COLUMN IF NOT EXISTS last_used_address text NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS last_used_user_agent text NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS last_used_server_id bigint;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE client_secrets
        ADD COLUMN IF NOT EXISTS last_used_address text NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS last_used_user_agent text NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS last_used_server_id bigint;
END
$$;
-- +goose StatementEnd

-- How often each credential was used. There are no foreign keys, since checking one locks
-- the row it points to. Ids are never given out twice. Counting changes no column that is
-- indexed, and rows have room to be changed where they lie.
CREATE TABLE IF NOT EXISTS credential_uses (
    organization_id    bigint NOT NULL,
    day                timestamptz NOT NULL,
    credential         text COLLATE "C" NOT NULL, -- kind:id
    scope              text COLLATE "C" NOT NULL, -- empty: of uses that named none
    resource_server_id bigint NOT NULL, -- 0: this server itself
    count              bigint NOT NULL, -- uses that named the scope
    uses               bigint NOT NULL, -- those of them that no other row has
    PRIMARY KEY (organization_id, day, credential, scope, resource_server_id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS credential_uses_day ON credential_uses (day);

-- What the uses of each credential had.
CREATE TABLE IF NOT EXISTS credential_traits (
    credential      text COLLATE "C" NOT NULL, -- kind:id
    kind            text COLLATE "C" NOT NULL,
    value           text COLLATE "C" NOT NULL,
    organization_id bigint NOT NULL,
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    PRIMARY KEY (credential, kind, value)
);
CREATE INDEX IF NOT EXISTS credential_traits_last ON credential_traits (last_at);
