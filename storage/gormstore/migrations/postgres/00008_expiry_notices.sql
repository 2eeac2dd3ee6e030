-- +goose NO TRANSACTION
-- +goose Up

-- Each statement is a transaction of its own, and can be run again.

-- See 00003 for why three seconds.
-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE organizations
        ADD COLUMN IF NOT EXISTS workspace_token_max_lifetime bigint, -- seconds; NULL: none
        ADD COLUMN IF NOT EXISTS expiry_digest_at timestamptz; -- the latest digest of what expires
END
$$;
-- +goose StatementEnd

-- A message is to a channel, or by mail to a member.
-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE outbox ADD COLUMN IF NOT EXISTS user_id bigint, ALTER COLUMN channel_id DROP NOT NULL;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'outbox_member' AND conrelid = 'outbox'::regclass) THEN
        ALTER TABLE outbox
            ADD CONSTRAINT outbox_one_receiver CHECK ((channel_id IS NULL) <> (user_id IS NULL)),
            ADD CONSTRAINT outbox_member FOREIGN KEY (organization_id, user_id)
                REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE;
    END IF;
END
$$;
-- +goose StatementEnd
DROP INDEX CONCURRENTLY IF EXISTS outbox_user;
CREATE INDEX CONCURRENTLY outbox_user ON outbox (organization_id, user_id) WHERE user_id IS NOT NULL;

-- Of what somebody was told that it expires, and how many days before at the most.
CREATE TABLE IF NOT EXISTS expiry_notices (
    organization_id bigint NOT NULL REFERENCES organizations (id),
    credential_kind text COLLATE "C" NOT NULL,
    credential_id   bigint NOT NULL,
    stage           bigint NOT NULL, -- days
    noted_at        timestamptz NOT NULL,
    PRIMARY KEY (organization_id, credential_kind, credential_id, stage)
);
CREATE INDEX IF NOT EXISTS expiry_notices_noted ON expiry_notices (noted_at);

DROP INDEX CONCURRENTLY IF EXISTS tokens_opaque_expiring;
CREATE INDEX CONCURRENTLY tokens_opaque_expiring ON tokens_opaque (expires_at)
    WHERE kind IN ('workspace_api_token', 'extension_key') AND revoked_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS client_secrets_expiring;
CREATE INDEX CONCURRENTLY client_secrets_expiring ON client_secrets (expires_at) WHERE closed_at IS NULL;
