-- The audited list of functions that run as the owner. Each fixes its search path; none takes an organization as
-- a parameter, except where it only names rows to look at again inside that organization's own transaction.

-- Sign-in knows a slug only; nothing but the id leaves.
CREATE FUNCTION org_id_of_slug(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT id FROM org WHERE slug = wanted
$$;

-- Counts one more attempt in the window that runs, and says how many that makes and when the window ends.
CREATE FUNCTION throttle_hit(wanted text, window_s integer, OUT attempts integer, OUT ends_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO throttle AS t (key, window_start, count) VALUES (wanted, now(), 1)
  ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN t.window_start < now() - make_interval(secs => window_s) THEN 1 ELSE t.count + 1 END,
    window_start = CASE WHEN t.window_start < now() - make_interval(secs => window_s) THEN now() ELSE t.window_start END
  RETURNING count, window_start + make_interval(secs => window_s)
$$;

-- Counts many at once, as they were gathered; in one order, so that no two processes wait for each other.
CREATE FUNCTION throttle_add(wanted text[], more integer[], window_s integer)
RETURNS TABLE (name text, attempts integer, left_s double precision)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO throttle AS t (key, window_start, count)
  SELECT w, now(), m FROM unnest(wanted, more) AS a(w, m) ORDER BY w
  ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN t.window_start < now() - make_interval(secs => window_s) THEN excluded.count
      ELSE t.count + excluded.count END,
    window_start = CASE WHEN t.window_start < now() - make_interval(secs => window_s) THEN now() ELSE t.window_start END
  RETURNING key, count,
    extract(epoch FROM window_start + make_interval(secs => window_s) - now())::double precision
$$;

CREATE FUNCTION throttle_forget(wanted text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM throttle WHERE key = wanted;
  -- Old windows go a few at a time, past what another transaction holds: no two wait for each other.
  DELETE FROM throttle WHERE key IN (
    SELECT key FROM throttle WHERE window_start < now() - interval '2 days' LIMIT 100 FOR UPDATE SKIP LOCKED)
$$;

-- An attempt that was no guess does not count: an office behind one address signs in all morning.
CREATE FUNCTION throttle_give_back(wanted text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE throttle SET count = count - 1 WHERE key = wanted AND count > 0
$$;

-- Sweeps: which organizations have something to look at.
CREATE FUNCTION uploads_to_sweep(most integer) RETURNS TABLE (org_id uuid, upload_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.org_id, u.id FROM upload u
  WHERE u.state = 'open'
    AND (u.expires_at <= now() OR coalesce(u.checked_at, u.created_at) <= now() - interval '60 seconds')
  ORDER BY u.expires_at LIMIT most
$$;

CREATE FUNCTION assignments_to_open(most integer) RETURNS TABLE (org_id uuid, assignment_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT a.org_id, a.id FROM assignment a
  WHERE a.state = 'scheduled' AND a.opens_at <= now() LIMIT most
$$;

CREATE FUNCTION consents_run_out(most integer) RETURNS TABLE (org_id uuid, bright_spot_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT DISTINCT c.org_id, c.bright_spot_id FROM consent c
  JOIN bright_spot b ON b.org_id = c.org_id AND b.id = c.bright_spot_id AND b.cut = c.cut
  WHERE c.granted AND c.until <= now() AND b.state IN ('awaiting_consent', 'ready', 'published') LIMIT most
$$;

-- Assets that wait for a worker although no job of theirs is left: their job is made again.
CREATE FUNCTION assets_without_job(most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, queue, pg_temp AS $$
  SELECT a.org_id, a.id FROM asset a
  WHERE (a.state = 'processing' OR (a.state = 'playable' AND a.renditions_pending))
    AND a.purpose <> 'clip'
    AND coalesce(a.playable_at, a.processing_at, a.created_at) <= now() - interval '2 minutes'
    AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs j
      WHERE j.status IN ('todo', 'doing') AND j.args ->> 'asset_id' = a.id::text AND j.args ->> 'org_id' = a.org_id::text)
  LIMIT most
$$;

-- Typographic punctuation is made plain, as in the column it is compared with (models/bright_spot.py).
-- Full text is not leakproof, so under row-level security its index is not used: this filters on the tenant itself.
CREATE FUNCTION search_bright_spots(wanted text) RETURNS TABLE (id uuid, rank real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT b.id, ts_rank(b.search, q) FROM bright_spot b, websearch_to_tsquery('simple', translate(wanted, '‘’‚‛“”„‟«»‹›…–—―•·‐‑   ', '''''''''""""""''''      --   ')) q
  WHERE b.org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid) AND b.search @@ q
$$;

-- Events go to one partition a month; this makes those of the months ahead.
CREATE FUNCTION make_event_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
  FOR ahead IN 0..3 LOOP
    IF to_regclass(format('public.event_%s', to_char(month, 'YYYYMM'))) IS NULL THEN
      EXECUTE format(
        'CREATE TABLE public.event_%s PARTITION OF public.event FOR VALUES FROM (%L) TO (%L)',
        to_char(month, 'YYYYMM'), month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    END IF;
    month := (month + interval '1 month')::date;
  END LOOP;
END
$$;
