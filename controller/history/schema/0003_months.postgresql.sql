-- The two large tables in parts of a month each. The id of a session begins with its date and time (YYYYMMDDTHHMMSS), so
-- its month is a range of ids, by the order of their bytes. What has another id is in the part called `other`.

ALTER TABLE session ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE milk ALTER COLUMN session_id TYPE TEXT COLLATE "C";
ALTER TABLE step ALTER COLUMN session_id TYPE TEXT COLLATE "C";
ALTER TABLE upload ALTER COLUMN session_id TYPE TEXT COLLATE "C";

ALTER TABLE session_event RENAME TO session_event_before;
ALTER TABLE session_event_before RENAME CONSTRAINT session_event_pkey TO session_event_before_pkey;
ALTER TABLE curve RENAME TO curve_before;
ALTER TABLE curve_before RENAME CONSTRAINT curve_pkey TO curve_before_pkey;

-- The session first in the key: what is written at the same time is side by side, and no other index is needed.
CREATE TABLE session_event (
    id TEXT NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    began_seconds DOUBLE PRECISION NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    epoch BIGINT,
    PRIMARY KEY (session_id, id)
) PARTITION BY RANGE (session_id);
CREATE TABLE session_event_other PARTITION OF session_event DEFAULT;

CREATE TABLE curve (
    session_id TEXT COLLATE "C" NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    device TEXT NOT NULL,
    quantity TEXT NOT NULL,
    began_second INTEGER NOT NULL,
    side TEXT NOT NULL,
    samples BYTEA NOT NULL,
    epoch BIGINT,
    PRIMARY KEY (session_id, device, quantity, began_second)
) PARTITION BY RANGE (session_id);
CREATE TABLE curve_other PARTITION OF curve DEFAULT;

-- Creates the parts of a month, if they are not there. What came before them is in `other`, and moves.
CREATE FUNCTION add_month(month DATE) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    low TEXT := to_char(month, 'YYYYMM');
    high TEXT := to_char(month + INTERVAL '1 month', 'YYYYMM');
    whole TEXT;
    part TEXT;
BEGIN
    FOREACH whole IN ARRAY ARRAY['session_event', 'curve'] LOOP
        part := whole || '_' || low;
        CONTINUE WHEN to_regclass('letdown.' || part) IS NOT NULL;
        EXECUTE format('CREATE TABLE letdown.%I (LIKE letdown.%I)', part, whole);
        EXECUTE format(
            'WITH moved AS (DELETE FROM letdown.%I WHERE session_id >= %L AND session_id < %L RETURNING *) '
            'INSERT INTO letdown.%I SELECT * FROM moved', whole || '_other', low, high, part);
        EXECUTE format(
            'ALTER TABLE letdown.%I ATTACH PARTITION letdown.%I FOR VALUES FROM (%L) TO (%L)', whole, part, low, high);
    END LOOP;
END
$$;

-- Deletes the parts of a month with all that is in them.
CREATE FUNCTION drop_month(low TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TABLE letdown.%I, letdown.%I', 'session_event_' || low, 'curve_' || low);
END
$$;

SELECT add_month(month) FROM (
    SELECT DISTINCT to_date(substr(id, 1, 6), 'YYYYMM') AS month FROM session
    WHERE id ~ '^20[0-9]{2}(0[1-9]|1[0-2])[0-9]{2}T'
    UNION SELECT (date_trunc('month', now()) + each * INTERVAL '1 month')::DATE FROM generate_series(0, 2) AS each
) AS months;

INSERT INTO session_event SELECT id, session_id, began_seconds, type, data, epoch FROM session_event_before;
INSERT INTO curve SELECT session_id, device, quantity, began_second, side, samples, epoch FROM curve_before;
DROP TABLE session_event_before, curve_before;
