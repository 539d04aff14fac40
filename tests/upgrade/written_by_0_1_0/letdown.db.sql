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
INSERT INTO "answers" VALUES('home','2026-03-01','{"lump": true, "fever": false}','["numb"]',3600.0,'first boot',5000.0,'2026-03-01T02:30:00.000000+00:00');
CREATE TABLE chosen (
	station TEXT NOT NULL, 
	routine TEXT, 
	side TEXT, 
	comfort_vacuum_mmhg FLOAT, 
	PRIMARY KEY (station)
);
INSERT INTO "chosen" VALUES('home','gentle','left',120.0);
CREATE TABLE outbox (
	id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	station TEXT NOT NULL, 
	event TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "outbox" VALUES('00000000000000000000000000000002',1,'home','{"id":"00000000000000000000000000000002","time":"2026-03-01T01:30:00Z","station":"home","session_id":"20260301T010000-aaaaaa","type":"session_finished","data":{"outcome":"completed","reason":"all steps are done","routine":"classic","let_down_seconds":71.5,"peak_vacuum_mmhg":148.0,"warmest_celsius":40.2,"volume_ml":{"left":62.5,"right":48.0,"both":null}}}');
INSERT INTO "outbox" VALUES('00000000000000000000000000000003',2,'home','{"id":"00000000000000000000000000000003","time":"2026-03-01T01:32:00Z","station":"home","session_id":"20260301T010000-aaaaaa","type":"volume_logged","data":{"left_ml":65.0,"right_ml":null}}');
INSERT INTO "outbox" VALUES('00000000000000000000000000000004',3,'home','{"id":"00000000000000000000000000000004","time":"2026-03-01T01:33:00Z","station":"home","session_id":"20260301T010000-aaaaaa","type":"settled","data":{"device":"left-pump"}}');
INSERT INTO "outbox" VALUES('00000000000000000000000000000005',4,'home','{"id":"00000000000000000000000000000005","time":"2026-03-01T02:20:00Z","station":"home","session_id":"20260301T022000-bbbbbb","type":"session_started","data":{"routine":"gentle","side":"left"}}');
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
INSERT INTO "running" VALUES('home','left-pump','2026-03-01T02:30:00.000000+00:00','open-pump','left','F0:1E:7D:00:00:01',NULL,'{"control": ["0000fff0-0000-1000-8000-00805f9b34fb", "0000fff1-0000-1000-8000-00805f9b34fb"]}');
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
INSERT INTO "session" VALUES('20260301T010000-aaaaaa','home','classic','both','2026-03-01T01:00:00.000000+00:00','2026-03-01T01:30:00.000000+00:00','completed','all steps are done',71.5,62.5,48.0,NULL,65.0,NULL,148.0,40.2);
INSERT INTO "session" VALUES('20260301T022000-bbbbbb','home','gentle','left','2026-03-01T02:20:00.000000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE trip (
	station TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	device TEXT NOT NULL, 
	words TEXT NOT NULL, 
	tripped_at TEXT NOT NULL, 
	PRIMARY KEY (station)
);
INSERT INTO "trip" VALUES('home','vacuum','left-pump','310 mmHg','2026-03-01T02:30:00.000000+00:00');
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
INSERT INTO "use" VALUES('home',0,'["suction"]',600.0,0.0,'first boot',5000.0,'2026-03-01T02:30:00.000000+00:00');
INSERT INTO "use" VALUES('home',1,'["heat", "hot"]',1500.0,900.0,'first boot',5000.0,'2026-03-01T02:30:00.000000+00:00');
COMMIT;
