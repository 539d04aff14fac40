-- Start defaults and comfort cap; NULL where nothing was set.
CREATE TABLE chosen (
    station TEXT NOT NULL,
    routine TEXT,
    side TEXT,
    comfort_vacuum_mmhg FLOAT,
    PRIMARY KEY (station)
);
