-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- Next steps whose time has come, which nobody was told of yet.
CREATE OR REPLACE FUNCTION next_steps_due(most integer) RETURNS TABLE (org_id uuid, next_step_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT n.org_id, n.id FROM next_step n
  WHERE n.due_told_at IS NULL AND n.published_at IS NOT NULL AND n.due_at <= now()
  ORDER BY n.due_at LIMIT most
$$;
