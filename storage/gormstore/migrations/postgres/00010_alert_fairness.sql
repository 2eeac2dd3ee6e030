-- +goose NO TRANSACTION
-- +goose Up

-- Each statement is a transaction of its own, and can be run again.

-- See 00003 for why three seconds.
-- +goose StatementBegin
DO $$
BEGIN
    SET LOCAL lock_timeout = '3s';
    ALTER TABLE alert_channels
        ADD COLUMN IF NOT EXISTS held_until timestamptz, -- nothing is sent before
        -- Who made the channel; empty: that was not kept yet.
        ADD COLUMN IF NOT EXISTS added_by_kind text COLLATE "C" NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS added_by_id bigint NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS added_by_name text NOT NULL DEFAULT '';
END
$$;
-- +goose StatementEnd

-- How much mail an organization sends to an address, whichever channels it makes for it;
-- an empty address: to all.
CREATE TABLE IF NOT EXISTS alert_mail (
    organization_id bigint NOT NULL REFERENCES organizations (id),
    address         text COLLATE "C" NOT NULL,
    began_at        timestamptz NOT NULL,
    sent            bigint NOT NULL,
    PRIMARY KEY (organization_id, address)
);
CREATE INDEX IF NOT EXISTS alert_mail_began ON alert_mail (began_at);
