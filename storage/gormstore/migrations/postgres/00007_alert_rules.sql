-- +goose Up

-- What organizations have set; NULL is the default.
CREATE TABLE alert_rules (
    organization_id bigint NOT NULL REFERENCES organizations (id),
    rule            text COLLATE "C" NOT NULL,
    enabled         boolean,
    threshold       bigint,
    window_seconds  bigint,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, rule)
);

CREATE TABLE audit_verifications (
    chain         bigint PRIMARY KEY, -- the organization, 0: the platform
    sequence      bigint NOT NULL,
    hash          bytea,
    verified_at   timestamptz,
    full_at       timestamptz,
    findings      text NOT NULL, -- JSON
    more_findings bigint NOT NULL,
    claimed_until timestamptz
);
