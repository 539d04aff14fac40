BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
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
CREATE TABLE chosen (
	station TEXT NOT NULL, 
	routine TEXT, 
	side TEXT, 
	comfort_vacuum_mmhg FLOAT, 
	PRIMARY KEY (station)
);
CREATE TABLE outbox (
	id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	station TEXT NOT NULL, 
	event TEXT NOT NULL, 
	PRIMARY KEY (id)
);
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
COMMIT;
