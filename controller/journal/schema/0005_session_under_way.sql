-- Of sessions, only the one under way at each station is needed here: what is kept of sessions is in the history. Those
-- of an earlier version stay in `earlier_session` until the history has taken them over.
CREATE TABLE under_way (
    station TEXT NOT NULL,
    id TEXT NOT NULL,
    routine TEXT NOT NULL,
    side TEXT NOT NULL,
    began_at TEXT NOT NULL,
    PRIMARY KEY (station)
);
INSERT OR REPLACE INTO under_way
SELECT station, id, routine, side, began_at FROM session WHERE outcome IS NULL ORDER BY began_at;
UPDATE session SET outcome = 'failed', reason = 'cut_off' WHERE outcome IS NULL;
ALTER TABLE session RENAME TO earlier_session;
