BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE answers (
	station TEXT NOT NULL, 
	day DATE NOT NULL, 
	answers JSON NOT NULL, 
	PRIMARY KEY (station)
);
CREATE TABLE running (
	station TEXT NOT NULL, 
	device TEXT NOT NULL, 
	since TEXT NOT NULL, 
	PRIMARY KEY (station, device)
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
CREATE TABLE trip (
	station TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	device TEXT NOT NULL, 
	words TEXT NOT NULL, 
	tripped_at TEXT NOT NULL, 
	PRIMARY KEY (station)
);
CREATE TABLE used (
	station TEXT NOT NULL, 
	budget TEXT NOT NULL, 
	used_seconds FLOAT NOT NULL, 
	last_on TEXT NOT NULL, 
	PRIMARY KEY (station, budget)
);
COMMIT;
