-- Events that no broker has acknowledged yet, each as the JSON that is published, in the order of `sequence`.
CREATE TABLE outbox (
    id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    station TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (id)
);
