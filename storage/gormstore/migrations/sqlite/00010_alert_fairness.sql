-- +goose Up

ALTER TABLE alert_channels ADD COLUMN held_until DATETIME; -- nothing is sent before
-- Who made the channel; empty: that was not kept yet.
ALTER TABLE alert_channels ADD COLUMN added_by_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE alert_channels ADD COLUMN added_by_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_channels ADD COLUMN added_by_name TEXT NOT NULL DEFAULT '';

-- How much mail an organization sends to an address, whichever channels it makes for it;
-- an empty address: to all.
CREATE TABLE alert_mail (
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    address         TEXT NOT NULL,
    began_at        DATETIME NOT NULL,
    sent            INTEGER NOT NULL,
    PRIMARY KEY (organization_id, address)
) WITHOUT ROWID;
CREATE INDEX alert_mail_began ON alert_mail (began_at);
