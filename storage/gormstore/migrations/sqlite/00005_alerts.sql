-- +goose Up

CREATE TABLE alert_channels (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id   INTEGER NOT NULL REFERENCES organizations (id),
    kind              TEXT NOT NULL,
    name              TEXT NOT NULL,
    address           TEXT NOT NULL,
    sealed            BLOB,
    created_at        DATETIME NOT NULL,
    last_delivered_at DATETIME,
    failing_since     DATETIME,
    last_failure      TEXT NOT NULL,
    -- The messages of one window of time.
    budget_window     DATETIME,
    budget_sent       INTEGER NOT NULL,
    budget_left_out   INTEGER NOT NULL,
    UNIQUE (organization_id, id)
);
CREATE INDEX alert_channels_left_out ON alert_channels (budget_window) WHERE budget_left_out > 0;

CREATE TABLE alerts (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id      INTEGER NOT NULL REFERENCES organizations (id),
    rule                 TEXT NOT NULL,
    subject_kind         TEXT NOT NULL,
    subject_id           INTEGER NOT NULL,
    subject_name         TEXT NOT NULL,
    dedupe_key           TEXT NOT NULL,
    summary              TEXT NOT NULL,
    details              TEXT NOT NULL, -- JSON
    count                INTEGER NOT NULL,
    first_at             DATETIME NOT NULL,
    last_at              DATETIME NOT NULL,
    acknowledged_at      DATETIME,
    acknowledged_by_kind TEXT NOT NULL,
    acknowledged_by_id   INTEGER NOT NULL,
    acknowledged_by_name TEXT NOT NULL,
    told                 INTEGER NOT NULL,
    quiet_until          DATETIME
);
CREATE INDEX alerts_organization ON alerts (organization_id, id);
CREATE UNIQUE INDEX alerts_open ON alerts (organization_id, dedupe_key) WHERE acknowledged_at IS NULL;
CREATE INDEX alerts_untold ON alerts (quiet_until) WHERE acknowledged_at IS NULL AND count > told;
CREATE INDEX alerts_last ON alerts (last_at);

CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL,
    channel_id      INTEGER NOT NULL,
    payload         BLOB NOT NULL,
    created_at      DATETIME NOT NULL,
    attempts        INTEGER NOT NULL,
    next_attempt_at DATETIME NOT NULL,
    delivered_at    DATETIME,
    failed_at       DATETIME,
    last_error      TEXT NOT NULL,
    FOREIGN KEY (organization_id, channel_id) REFERENCES alert_channels (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_channel ON outbox (organization_id, channel_id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_sent ON outbox (next_attempt_at) WHERE delivered_at IS NOT NULL OR failed_at IS NOT NULL;
