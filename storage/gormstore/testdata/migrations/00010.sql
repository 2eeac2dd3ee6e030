-- Rows of what version 10 added, with a value in every column.

INSERT INTO alert_mail (organization_id, address, began_at, sent) VALUES
    (1, 'ops@acme.test', '2026-07-01 00:00:00.000001+00:00', 20),
    (1, '', '2026-07-01 00:00:00+00:00', 21);

UPDATE alert_channels SET held_until = '2026-07-01 01:00:00.000001+00:00', added_by_kind = 'session', added_by_id = 3, added_by_name = 'Avery' WHERE organization_id = 1;
