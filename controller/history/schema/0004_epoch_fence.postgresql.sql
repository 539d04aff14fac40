-- A former owner of a station may deliver late what it recorded while it was the owner, and nothing else: the rule is in
-- controller/history/epochs.py. What is refused raises LD001.

ALTER TABLE station_epoch ALTER COLUMN since SET DEFAULT extract(EPOCH FROM clock_timestamp());

CREATE FUNCTION station_lock(station TEXT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended(station, 1818588260)
$$;

-- A new owner of a station waits for what the previous one is writing just now.
CREATE FUNCTION lock_station() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(letdown.station_lock(NEW.station));
    RETURN NEW;
END
$$;
CREATE TRIGGER lock_station BEFORE INSERT ON station_epoch FOR EACH ROW EXECUTE FUNCTION lock_station();

-- Returns who took a station over next after an epoch; NULL: none did.
CREATE FUNCTION successor_of(owner BIGINT, of_station TEXT) RETURNS station_epoch LANGUAGE plpgsql AS $$
DECLARE
    found letdown.station_epoch;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(letdown.station_lock(of_station));
    SELECT * INTO found FROM letdown.station_epoch
        WHERE station = of_station AND epoch > owner ORDER BY epoch LIMIT 1;
    RETURN found;
END
$$;

CREATE FUNCTION refuse() RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'another controller owns the station by now' USING ERRCODE = 'LD001';
END
$$;

-- Returns a session as its successor ends it.
CREATE FUNCTION ended_by(ended session, successor station_epoch) RETURNS session LANGUAGE plpgsql AS $$
BEGIN
    ended.outcome := 'failed';
    ended.reason := 'cut_off';
    ended.reason_words := successor.words;
    ended.ended_epoch := successor.epoch;
    RETURN ended;
END
$$;

CREATE FUNCTION fence_new_session() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    writer BIGINT := coalesce(NEW.epoch, 0);
    successor letdown.station_epoch;
BEGIN
    -- Saved again: `fence_session` decides. Of no owner and over: entered or imported by a person.
    IF (NEW.epoch IS NULL AND NEW.outcome IS NOT NULL) OR EXISTS (SELECT FROM letdown.session WHERE id = NEW.id) THEN
        RETURN NEW;
    END IF;
    successor := letdown.successor_of(writer, NEW.station);
    IF successor.epoch IS NULL THEN
        IF writer > 0 AND NOT EXISTS (
            SELECT FROM letdown.station_epoch WHERE station = NEW.station AND epoch = writer) THEN
            INSERT INTO letdown.station_epoch (station, epoch, words) VALUES (NEW.station, writer, '');
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.began_at > successor.since AND NEW.began_at <= extract(EPOCH FROM clock_timestamp()) THEN
        PERFORM letdown.refuse();
    END IF;
    RETURN CASE WHEN NEW.outcome IS NULL THEN letdown.ended_by(NEW, successor) ELSE NEW END;
END
$$;
CREATE TRIGGER fence_new_session BEFORE INSERT ON session FOR EACH ROW EXECUTE FUNCTION fence_new_session();

CREATE FUNCTION fence_session() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    writer BIGINT := coalesce(NEW.epoch, 0);
    owner BIGINT := coalesce(OLD.epoch, 0);
    ended_epoch BIGINT := coalesce(NEW.ended_epoch, 0);
    successor letdown.station_epoch;
BEGIN
    IF NEW.revision IS DISTINCT FROM OLD.revision THEN  -- a person edits it
        RETURN NEW;
    END IF;
    IF writer < owner OR (
        NEW.outcome IS NOT NULL AND NEW.outcome IS DISTINCT FROM OLD.outcome AND ended_epoch < owner) THEN
        PERFORM letdown.refuse();
    END IF;
    IF ended_epoch > writer AND NEW.ended_epoch IS DISTINCT FROM OLD.ended_epoch THEN  -- a successor ends it
        RETURN NEW;
    END IF;
    successor := letdown.successor_of(writer, NEW.station);
    IF successor.epoch IS NULL THEN
        RETURN NEW;
    END IF;
    IF OLD.outcome IS NULL THEN
        RETURN CASE WHEN NEW.outcome IS NULL THEN letdown.ended_by(NEW, successor) ELSE NEW END;
    END IF;
    IF NEW.outcome IS NOT NULL AND (coalesce(OLD.ended_epoch, 0) <= writer OR (
        NEW.ended_at <= successor.since AND NOT EXISTS (
            SELECT FROM letdown.session_event
            WHERE session_id = NEW.id AND type = 'session_finished' AND epoch > writer))) THEN
        RETURN NEW;
    END IF;
    -- Recorded afterwards: only what never changes counts.
    IF greatest(NEW.began_at + coalesce(NEW.seconds, 0), NEW.ended_at) > successor.since THEN
        OLD.epoch := NEW.epoch;
        OLD.routine := NEW.routine;
        OLD.side := NEW.side;
        OLD.began_at := NEW.began_at;
        RETURN OLD;
    END IF;
    NEW.outcome := OLD.outcome;
    NEW.reason := OLD.reason;
    NEW.reason_words := OLD.reason_words;
    NEW.ended_at := OLD.ended_at;
    NEW.ended_epoch := OLD.ended_epoch;
    RETURN NEW;
END
$$;
CREATE TRIGGER fence_session BEFORE UPDATE ON session FOR EACH ROW EXECUTE FUNCTION fence_session();

-- What belongs to a session is written by its owner, or by a later one.
CREATE FUNCTION fence_part() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(NEW.epoch, 0) < (SELECT epoch FROM letdown.session WHERE id = NEW.session_id) THEN
        PERFORM letdown.refuse();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER fence_part BEFORE INSERT ON milk FOR EACH ROW WHEN (NEW.source <> 'entered')
    EXECUTE FUNCTION fence_part();
CREATE TRIGGER fence_part BEFORE INSERT ON step FOR EACH ROW EXECUTE FUNCTION fence_part();
CREATE TRIGGER fence_part BEFORE INSERT ON session_event FOR EACH ROW EXECUTE FUNCTION fence_part();
CREATE TRIGGER fence_part BEFORE INSERT ON curve FOR EACH ROW EXECUTE FUNCTION fence_part();
