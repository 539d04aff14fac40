-- Who recorded a row, where several controllers may own a station one after the other: the epoch of the owner. NULL in a
-- home. Of a session, `epoch` is that of the owner under which it began, `ended_epoch` that of the one who ended it.
-- PostgreSQL enforces it: see 0004.

ALTER TABLE session ADD COLUMN epoch BIGINT;
ALTER TABLE session ADD COLUMN ended_epoch BIGINT;
ALTER TABLE milk ADD COLUMN epoch BIGINT;
ALTER TABLE step ADD COLUMN epoch BIGINT;
ALTER TABLE session_event ADD COLUMN epoch BIGINT;
ALTER TABLE curve ADD COLUMN epoch BIGINT;

-- The owners of a station so far. `since` is when the database got to know of it, by its own clock; `words`: why the
-- sessions ended that the owner before left under way.
CREATE TABLE station_epoch (
    station TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    words TEXT NOT NULL,
    since DOUBLE PRECISION,
    PRIMARY KEY (station, epoch)
);
