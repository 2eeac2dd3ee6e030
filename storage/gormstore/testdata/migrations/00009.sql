-- Rows of what version 9 added, with a value in every column.

INSERT INTO password_resets (account, code_digest, created_at, expires_at, tries, ended_at, sealed, attempts, next_attempt_at, recorded_at) VALUES
    ('9c5b4a8f1a0e3c2d4b6a7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4', '1c5b4a8f1a0e3c2d4b6a7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4', '2026-07-01 00:00:00.000001+00:00', '2026-07-01 00:30:00.000001+00:00', 5, '2026-07-01 00:05:00.000001+00:00', '', 1, NULL, '2026-07-01 00:00:01.000001+00:00'),
    ('8c5b4a8f1a0e3c2d4b6a7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4', '2c5b4a8f1a0e3c2d4b6a7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4', '2026-07-01 00:00:00+00:00', '2026-07-01 00:30:00+00:00', 0, NULL, 'sealed', 2, '2026-07-01 00:02:00.000001+00:00', NULL);
