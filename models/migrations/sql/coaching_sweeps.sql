-- The rules of audited functions stand in functions.sql.

-- Forgets who was let in once: sessions, with all their refresh tokens, and links of accounts, that ended so many days
-- ago; says how many went. Of a session that lives every token stays, or one that comes back would not be noticed.
-- What another transaction holds is past over: no two wait for each other.
CREATE FUNCTION forget_access(days integer, most integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH ended AS (
    SELECT s.org_id, s.id FROM session s
    WHERE least(s.revoked_at, s.expires_at) < now() - make_interval(days => days)
    LIMIT most FOR UPDATE SKIP LOCKED
  ), used AS (
    SELECT t.org_id, t.id FROM account_token t
    WHERE least(t.used_at, t.expires_at) < now() - make_interval(days => days)
    LIMIT most FOR UPDATE SKIP LOCKED
  ), sessions AS (
    DELETE FROM session s USING ended e WHERE s.org_id = e.org_id AND s.id = e.id RETURNING 1
  ), links AS (
    DELETE FROM account_token t USING used u WHERE t.org_id = u.org_id AND t.id = u.id RETURNING 1
  )
  SELECT ((SELECT count(*) FROM sessions) + (SELECT count(*) FROM links))::integer
$$;
