-- A table for each thing that must survive a crash. `station` is the name of a station or of a body. The first four
-- files create what Alembic created in earlier versions, under the same names: such files are still in use.

CREATE TABLE running (
    station TEXT NOT NULL,
    device TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (station, device)
);

CREATE TABLE answers (
    station TEXT NOT NULL,
    day DATE NOT NULL,
    answers JSON NOT NULL,
    PRIMARY KEY (station)
);

CREATE TABLE used (
    station TEXT NOT NULL,
    budget TEXT NOT NULL,
    used_seconds FLOAT NOT NULL,
    last_on TEXT NOT NULL,
    PRIMARY KEY (station, budget)
);

-- The latched trip.
CREATE TABLE trip (
    station TEXT NOT NULL,
    kind TEXT NOT NULL,
    device TEXT NOT NULL,
    words TEXT NOT NULL,
    tripped_at TEXT NOT NULL,
    PRIMARY KEY (station)
);

CREATE TABLE session (
    id TEXT NOT NULL,
    station TEXT NOT NULL,
    routine TEXT NOT NULL,
    side TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT,
    reason TEXT,
    let_down_seconds FLOAT,
    left_ml FLOAT,
    right_ml FLOAT,
    both_ml FLOAT,
    logged_left_ml FLOAT,
    logged_right_ml FLOAT,
    peak_vacuum_mmhg FLOAT,
    warmest_celsius FLOAT,
    PRIMARY KEY (id)
);
