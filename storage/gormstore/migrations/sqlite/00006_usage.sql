-- +goose Up

ALTER TABLE tokens ADD COLUMN last_used_server_id INTEGER;

ALTER TABLE clients ADD COLUMN last_used_address TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN last_used_user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN last_used_server_id INTEGER;

ALTER TABLE client_secrets ADD COLUMN last_used_address TEXT NOT NULL DEFAULT '';
ALTER TABLE client_secrets ADD COLUMN last_used_user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE client_secrets ADD COLUMN last_used_server_id INTEGER;

-- How often each credential was used. Ids are never given out twice: what one that is
-- gone leaves behind is nobody's, and goes in time.
CREATE TABLE credential_uses (
    organization_id    INTEGER NOT NULL,
    day                DATETIME NOT NULL,
    credential         TEXT NOT NULL, -- kind:id
    scope              TEXT NOT NULL, -- empty: of uses that named none
    resource_server_id INTEGER NOT NULL, -- 0: this server itself
    count              INTEGER NOT NULL, -- uses that named the scope
    uses               INTEGER NOT NULL, -- those of them that no other row has
    PRIMARY KEY (organization_id, day, credential, scope, resource_server_id)
) WITHOUT ROWID;
CREATE INDEX credential_uses_day ON credential_uses (day);

-- What the uses of each credential had.
CREATE TABLE credential_traits (
    credential      TEXT NOT NULL, -- kind:id
    kind            TEXT NOT NULL,
    value           TEXT NOT NULL,
    organization_id INTEGER NOT NULL,
    first_at        DATETIME NOT NULL,
    last_at         DATETIME NOT NULL,
    PRIMARY KEY (credential, kind, value)
) WITHOUT ROWID;
CREATE INDEX credential_traits_last ON credential_traits (last_at);
