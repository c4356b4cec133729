-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- What follows a place in the order of commits, over all organizations: for what tells of events, which reads each in
-- its own organization's transaction then. Nothing leaves but ids and names. Who calls it says up to where commits are
-- sure (pg_snapshot_xmin of the same statement), and since when at least the rows were written, which leaves out old
-- partitions.
CREATE FUNCTION events_after(after_xid xid8, after_id uuid, below xid8, since timestamptz, most integer)
RETURNS TABLE (of_org uuid, event_id uuid, at timestamptz, xid text, name text,
  person_id uuid, team_id uuid, audience_id uuid, circle text, others boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT e.org_id, e.id, e.at, e.xid::text, e.name, e.person_id, e.team_id, e.audience_id, e.circle,
    EXISTS (SELECT 1 FROM event_recipient r WHERE r.org_id = e.org_id AND r.event_id = e.id)
  FROM event e
  WHERE (e.xid, e.id) > (after_xid, after_id) AND e.xid < below AND e.at >= since
  ORDER BY e.xid, e.id LIMIT most
$$;

-- After a restore into another server, whose transactions count from the beginning, events may seem to come from a
-- time ahead, and would be read by nobody until then. They take their place now.
CREATE FUNCTION mend_event_order() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH moved AS (
    UPDATE event SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()) RETURNING 1
  ), others AS (
    UPDATE event_recipient SET xid = pg_current_xact_id()
    WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()) RETURNING 1
  )
  SELECT (SELECT count(*) FROM moved) + (SELECT 0 * count(*) FROM others)
$$;

-- The months that ended longer ago than events are kept are dropped, oldest first; says which. One that somebody reads
-- just then is left for the next time: nobody who writes an event waits behind it for longer than two seconds.
CREATE FUNCTION drop_event_partitions(days integer) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  old record;
BEGIN
  IF days < 1 THEN
    RAISE EXCEPTION 'events are kept for a day at least';
  END IF;
  PERFORM set_config('lock_timeout', '2s', true);
  FOR old IN
    SELECT c.relname, to_date(right(c.relname, 6), 'YYYYMM') AS month
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.event'::regclass AND c.relname ~ '^event_[0-9]{6}$'
      AND (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC'
        <= now() - make_interval(days => days)
    ORDER BY c.relname
  LOOP
    BEGIN
      EXECUTE format('DROP TABLE public.%I', old.relname);
    EXCEPTION WHEN lock_not_available THEN
      RETURN;
    END;
    DELETE FROM event_recipient WHERE event_at < (old.month + interval '1 month') AT TIME ZONE 'UTC';
    RETURN NEXT old.relname;
  END LOOP;
END
$$;

-- The release before writes critiques without saying whose take and which team's it is; says how many it filled.
CREATE FUNCTION fill_critiques(most integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH empty AS (
    SELECT c.org_id, c.id, t.person_id, t.team_id FROM critique c
    JOIN take t ON t.org_id = c.org_id AND t.id = c.take_id
    WHERE c.person_id IS NULL LIMIT most FOR NO KEY UPDATE OF c SKIP LOCKED
  ), filled AS (
    UPDATE critique c SET person_id = s.person_id, team_id = s.team_id FROM empty s
    WHERE c.org_id = s.org_id AND c.id = s.id RETURNING 1
  )
  SELECT count(*)::integer FROM filled
$$;
