-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- Timed takes whose clock has run out, and which nobody has noted yet.
CREATE FUNCTION takes_to_lapse(most integer) RETURNS TABLE (org_id uuid, take_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.org_id, t.id FROM take t
  WHERE t.state = 'draft' AND t.closes_at IS NOT NULL AND t.lapsed_at IS NULL AND t.closes_at <= now()
  ORDER BY t.closes_at LIMIT most
$$;
