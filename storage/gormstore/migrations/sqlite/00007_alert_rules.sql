-- +goose Up

-- What organizations have set; NULL is the default.
CREATE TABLE alert_rules (
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    rule            TEXT NOT NULL,
    enabled         BOOLEAN,
    threshold       INTEGER,
    window_seconds  INTEGER,
    updated_at      DATETIME NOT NULL,
    PRIMARY KEY (organization_id, rule)
);

CREATE TABLE audit_verifications (
    chain         INTEGER PRIMARY KEY, -- the organization, 0: the platform
    sequence      INTEGER NOT NULL,
    hash          BLOB,
    verified_at   DATETIME,
    full_at       DATETIME,
    findings      TEXT NOT NULL, -- JSON
    more_findings INTEGER NOT NULL,
    claimed_until DATETIME
);
