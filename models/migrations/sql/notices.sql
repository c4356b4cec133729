-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- How far a reader of the feed of all organizations has come. Cursors hold no data of anybody's.
CREATE FUNCTION feed_place_of(wanted text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT f.place FROM feed_place f WHERE f.reader = wanted
$$;

CREATE FUNCTION keep_feed_place(wanted text, reached text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO feed_place AS f (reader, place) VALUES (wanted, reached)
  ON CONFLICT (reader) DO UPDATE SET place = excluded.place
$$;

-- Who has e-mail waiting whose time has come, and who has something to be pushed; longest waiting first.
CREATE FUNCTION letters_due(most integer) RETURNS TABLE (org_id uuid, person_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT n.org_id, n.person_id FROM notice n WHERE n.mail_at <= now()
  GROUP BY n.org_id, n.person_id ORDER BY min(n.mail_at) LIMIT most
$$;

CREATE FUNCTION pushes_due(most integer) RETURNS TABLE (org_id uuid, person_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT n.org_id, n.person_id FROM notice n WHERE n.push_at <= now()
  GROUP BY n.org_id, n.person_id ORDER BY min(n.push_at) LIMIT most
$$;

-- Assignments to do whose person is to be reminded, and was not yet of this due time: as long before it as their
-- organization says, and once it has passed. Of what was due days ago nobody is told any more.
CREATE FUNCTION reminders_due(most integer) RETURNS TABLE (org_id uuid, assignment_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id, a.id FROM org o CROSS JOIN LATERAL (
    SELECT x.id, x.due_at FROM assignment x
    WHERE x.org_id = o.id AND x.state IN ('open', 'in_progress', 'retake')
      AND x.overdue_told_for IS DISTINCT FROM x.due_at
      AND x.due_at > now() - interval '2 days' AND x.due_at <= now() + make_interval(hours => o.remind_before_h)
      AND (x.due_at <= now() OR x.soon_told_for IS DISTINCT FROM x.due_at)
    ORDER BY x.due_at LIMIT most
  ) a
  ORDER BY a.due_at LIMIT most
$$;

-- Notices that were read long ago go, few at a time; says how many went.
CREATE FUNCTION forget_notices(days integer, most integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH old AS (
    SELECT n.org_id, n.id FROM notice n
    WHERE n.read_at < now() - make_interval(days => days) AND n.mail_at IS NULL AND n.push_at IS NULL
    LIMIT most
  ), gone AS (
    DELETE FROM notice n USING old o WHERE n.org_id = o.org_id AND n.id = o.id RETURNING 1
  )
  SELECT count(*)::integer FROM gone
$$;
