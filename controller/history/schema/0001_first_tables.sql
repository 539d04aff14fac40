-- What is kept for the person. One SQL for SQLite and PostgreSQL: times are seconds since 1970 in UTC, durations are
-- seconds, truth is 0 or 1. Erasing a session erases all of it.

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    station TEXT NOT NULL,
    routine TEXT NOT NULL,
    side TEXT NOT NULL,
    began_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION,
    seconds DOUBLE PRECISION,
    outcome TEXT,
    reason TEXT,
    reason_words TEXT,
    let_down_seconds DOUBLE PRECISION,
    let_down_by TEXT,
    peak_vacuum_mmhg DOUBLE PRECISION,
    highest_target_mmhg DOUBLE PRECISION,
    rate_cpm DOUBLE PRECISION,
    warmest_celsius DOUBLE PRECISION,
    suction_seconds DOUBLE PRECISION,
    heat_seconds DOUBLE PRECISION,
    massage_seconds DOUBLE PRECISION,
    cautions TEXT NOT NULL DEFAULT '[]',
    note TEXT,
    revision INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX session_by_station ON session (station, began_at);
CREATE INDEX session_by_time ON session (began_at);

-- Milk by its source: measured by a pump, weighed by a scale, entered by hand. None replaces another.
CREATE TABLE milk (
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    side TEXT NOT NULL,
    source TEXT NOT NULL,
    ml DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (session_id, side, source)
);

CREATE TABLE step (
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    began_seconds DOUBLE PRECISION NOT NULL,
    seconds DOUBLE PRECISION,
    outcome TEXT,
    by_hand INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (session_id, number)
);

CREATE TABLE session_event (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    began_seconds DOUBLE PRECISION NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX session_event_by_session ON session_event (session_id, began_seconds);

-- One value a second, packed (controller/history/curve_samples.py). While a session is under way, a row for each minute
-- of a curve; once it is over, for each ten minutes.
CREATE TABLE curve (
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    device TEXT NOT NULL,
    quantity TEXT NOT NULL,
    began_second INTEGER NOT NULL,
    side TEXT NOT NULL,
    samples BYTEA NOT NULL,
    PRIMARY KEY (session_id, device, quantity, began_second)
);

-- Bottles and bags of milk: what was done with each, never changed afterwards.
-- `number` counts those of one container, so that two people cannot move it at once without noticing.
CREATE TABLE stash_movement (
    id TEXT PRIMARY KEY,
    station TEXT NOT NULL,
    container TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    place TEXT,
    ml DOUBLE PRECISION NOT NULL,
    moved_at DOUBLE PRECISION NOT NULL,
    expressed_at DOUBLE PRECISION,
    note TEXT,
    UNIQUE (station, container, number)
);

-- What is to be sent to another program, and what became of it. It outlives an erased session until the other program
-- has erased it, too. `content` is what the other program has, `attempted` what was sent last; `problem` is a message.
CREATE TABLE upload (
    target TEXT NOT NULL,
    session_id TEXT NOT NULL,
    station TEXT NOT NULL,
    state TEXT NOT NULL,
    content TEXT,
    attempted TEXT,
    remote_id TEXT,
    problem TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    PRIMARY KEY (target, session_id)
);

-- Another program: since when sessions are sent to it, and until when it is left alone after a failure.
CREATE TABLE upload_target (
    target TEXT PRIMARY KEY,
    since DOUBLE PRECISION NOT NULL,
    problem TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at DOUBLE PRECISION NOT NULL DEFAULT 0
);

-- Whether comfort is learned, and from when on.
CREATE TABLE comfort (
    station TEXT PRIMARY KEY,
    learning INTEGER NOT NULL,
    since DOUBLE PRECISION NOT NULL
);

-- Where suction begins: what was learned or accepted. Kept when the sessions that it was learned from are erased, so that
-- it does not rise again.
CREATE TABLE comfort_learned (
    station TEXT NOT NULL,
    side TEXT NOT NULL,
    phase TEXT NOT NULL,
    mmhg DOUBLE PRECISION NOT NULL,
    because TEXT NOT NULL,
    since DOUBLE PRECISION NOT NULL,
    too_much_mmhg DOUBLE PRECISION,
    PRIMARY KEY (station, side, phase)
);

-- When something that a reminder is about was done last, such as cleaning the parts.
CREATE TABLE done (
    station TEXT NOT NULL,
    what TEXT NOT NULL,
    done_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (station, what)
);

-- Up to which number the database has taken what a queue of a controller holds for it (`history_queue.py`), so that
-- nothing is written twice.
CREATE TABLE taken (
    queue TEXT PRIMARY KEY,
    number INTEGER NOT NULL
);

-- When a person was last reminded of it, so that a restart does not remind again.
CREATE TABLE reminded (
    station TEXT NOT NULL,
    what TEXT NOT NULL,
    reminded_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (station, what)
);
