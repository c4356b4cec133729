-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- Which organizations there are, a page at a time: for what looks at the whole store. Nothing but the ids leaves.
CREATE FUNCTION orgs_after(last uuid, most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id FROM org o WHERE last IS NULL OR o.id > last ORDER BY o.id LIMIT most
$$;

-- Clips that wait for a worker although no job of theirs is left. A function of its own: the release before would make
-- jobs of another kind of what assets_without_job names.
CREATE FUNCTION clips_without_job(most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, queue, pg_temp AS $$
  SELECT a.org_id, a.id FROM asset a
  JOIN bright_spot b ON b.org_id = a.org_id AND b.id = a.bright_spot_id AND b.clip_asset_id = a.id
  WHERE a.state = 'processing' AND a.purpose = 'clip'
    AND coalesce(a.processing_at, a.created_at) <= now() - interval '2 minutes'
    AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs j
      WHERE j.status IN ('todo', 'doing') AND j.args ->> 'asset_id' = a.id::text AND j.args ->> 'org_id' = a.org_id::text)
  LIMIT most
$$;

-- Erasures that are not through, although no job of theirs is left.
CREATE FUNCTION erasures_without_job(most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, queue, pg_temp AS $$
  SELECT e.org_id, e.asset_id FROM erasure e
  JOIN asset a ON a.org_id = e.org_id AND a.id = e.asset_id AND a.state = 'deleted'
  WHERE e.completed_at IS NULL AND e.requested_at <= now() - interval '2 minutes'
    AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs j
      WHERE j.status IN ('todo', 'doing') AND j.task_name = 'delete_asset'
        AND j.args ->> 'asset_id' = e.asset_id::text AND j.args ->> 'org_id' = e.org_id::text)
  LIMIT most
$$;

-- Videos that have been ready for so long that what the client sent need not be kept.
CREATE FUNCTION sources_to_delete(days integer, most integer) RETURNS TABLE (org_id uuid, asset_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT a.org_id, a.id FROM asset a
  WHERE a.state = 'ready' AND a.purpose <> 'clip' AND NOT a.renditions_pending AND a.source_deleted_at IS NULL
    AND a.ready_at <= now() - make_interval(days => days)
  ORDER BY a.ready_at LIMIT most
$$;
