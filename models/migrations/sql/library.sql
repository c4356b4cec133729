-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- Series whose next challenge is due.
CREATE FUNCTION series_due(most integer) RETURNS TABLE (org_id uuid, series_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.org_id, s.id FROM series s WHERE s.state = 'active' AND s.next_at <= now() ORDER BY s.next_at LIMIT most
$$;
