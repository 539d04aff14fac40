-- Devices with what is needed to find them, use as periods, all answers; times that no wall clock can lengthen.

-- Devices that were started and have not confirmed a stop, and what is needed to find them. No secrets. Of those from
-- before, nothing but the name is known.
ALTER TABLE running RENAME TO running_0003;
CREATE TABLE running (
    station TEXT NOT NULL,
    device TEXT NOT NULL,
    since TEXT NOT NULL,
    profile TEXT NOT NULL,
    side TEXT NOT NULL,
    address TEXT,
    advertised_name TEXT,
    uuids JSON NOT NULL,
    PRIMARY KEY (station, device)
);
INSERT INTO running SELECT station, device, since, '', 'both', NULL, NULL, '{}' FROM running_0003;
DROP TABLE running_0003;

-- The latest answers to the check (question: yes or no), symptoms of an earlier day, and how much of the day was left.
-- Those from before are of an unknown boot: '' and 0. When they were given is unknown: they hold for their date.
ALTER TABLE answers RENAME TO answers_0003;
CREATE TABLE answers (
    station TEXT NOT NULL,
    day DATE,
    answers JSON NOT NULL,
    standing JSON NOT NULL,
    day_left_seconds FLOAT NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_seconds FLOAT NOT NULL,
    wall TEXT NOT NULL,
    PRIMARY KEY (station)
);
INSERT INTO answers
SELECT station, day, answers, '[]', 0, '', 0, '1970-01-01T00:00:00.000000+00:00' FROM answers_0003;
DROP TABLE answers_0003;

-- Periods in which an energy was on, in seconds before the row was written; the end is below 0 if it lay ahead. One
-- timestamp for both: whatever the clocks do, a period never gets shorter.
CREATE TABLE use (
    body TEXT NOT NULL,
    number INTEGER NOT NULL,
    budgets JSON NOT NULL,
    began_seconds_ago FLOAT NOT NULL,
    ended_seconds_ago FLOAT NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_seconds FLOAT NOT NULL,
    wall TEXT NOT NULL,
    PRIMARY KEY (body, number)
);
-- One period that ended when the energy was last on. Time that is hot is also time of heat.
INSERT INTO use
SELECT station, rowid, CASE budget WHEN 'hot' THEN '["heat", "hot"]' ELSE '["' || budget || '"]' END,
       used_seconds, 0, '', 0, last_on
FROM used WHERE budget IN ('suction', 'heat', 'hot', 'vibration');
DROP TABLE used;
