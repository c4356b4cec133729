-- The rules of audited functions stand in functions.sql.

-- Videos that have been at rest for so long that what the client sent need not be kept: ready; failed; or playing, with
-- a problem and nothing more to come. Of these two it counts from the last failure, since they may be tried again.
CREATE OR REPLACE FUNCTION sources_to_delete(days integer, most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH resting AS (
    SELECT a.org_id, a.id, a.state,
      CASE a.state WHEN 'ready' THEN a.ready_at ELSE coalesce(a.processing_at, a.created_at) END AS since
    FROM asset a
    WHERE a.purpose <> 'clip' AND a.source_deleted_at IS NULL AND NOT a.renditions_pending
      AND (a.state IN ('ready', 'failed') OR (a.state = 'playable' AND a.problem_code IS NOT NULL))
      AND NOT EXISTS (
        SELECT 1 FROM upload u WHERE u.org_id = a.org_id AND u.asset_id = a.id AND u.state <> 'completed')
  ), due AS (
    SELECT r.org_id, r.id, CASE r.state WHEN 'ready' THEN r.since ELSE coalesce((
        SELECT max(e.at) FROM event e
        WHERE e.org_id = r.org_id AND e.subject_id = r.id AND e.name IN ('asset.failed', 'asset.rendition_failed')
      ), r.since) END AS since
    FROM resting r WHERE r.since <= now() - make_interval(days => days)
  )
  SELECT d.org_id, d.id FROM due d
  WHERE d.since <= now() - make_interval(days => days)
  ORDER BY d.since LIMIT most
$$;

-- Assets that wait for a worker although no job of theirs is left. As before, and clips that play, of which something
-- is made again; those that are to be cut have clips_without_job.
CREATE OR REPLACE FUNCTION assets_without_job(most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, queue, pg_temp AS $$
  SELECT a.org_id, a.id FROM asset a
  WHERE ((a.state = 'processing' AND a.purpose <> 'clip') OR (a.state = 'playable' AND a.renditions_pending))
    AND coalesce(a.playable_at, a.processing_at, a.created_at) <= now() - interval '2 minutes'
    AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs j
      WHERE j.status IN ('todo', 'doing') AND j.args ->> 'asset_id' = a.id::text AND j.args ->> 'org_id' = a.org_id::text)
  LIMIT most
$$;

-- Videos whose first file shows what an MP4 of the ladder does, as long as nobody has been told so, or it is over.
CREATE FUNCTION firsts_superseded(most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT a.org_id, a.id FROM asset a
  JOIN rendition f ON f.org_id = a.org_id AND f.asset_id = a.id AND f.name = 'playable'
  JOIN rendition m ON m.org_id = a.org_id AND m.asset_id = a.id AND m.name = (a.facts -> 'planned' ->> 0) || 'p'
  WHERE a.state = 'ready' AND a.purpose <> 'clip' AND a.facts ->> 'how' = 'copy'
    AND coalesce((a.facts ->> 'first_until')::float8, 0) < extract(epoch FROM now())
  ORDER BY a.ready_at LIMIT most
$$;
