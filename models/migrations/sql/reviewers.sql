-- More of the audited functions that run as the owner; the rules stand in functions.sql.

-- Takes that wait for their review, of which somebody is to be told: a quarter of their time is left, or they were
-- promised for long ago. And those that wait without a promise, since the release before took them in.
CREATE FUNCTION reviews_to_tell(most integer) RETURNS TABLE (org_id uuid, take_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.org_id, t.id FROM take t
  JOIN org o ON o.id = t.org_id
  JOIN assignment a ON a.org_id = t.org_id AND a.id = t.assignment_id
  JOIN person p ON p.org_id = t.org_id AND p.id = t.person_id
  WHERE t.state = 'submitted' AND a.current_take_id = t.id AND a.state <> 'excused' AND p.state <> 'left'
    AND (
      (t.promised_at IS NULL AND o.feedback_promise_h > 0)
      OR (t.promise_near_at IS NULL AND t.promised_at <= now() + make_interval(hours => o.feedback_promise_h) / 4)
      OR (t.escalated_at IS NULL AND o.escalate_after_h > 0
        AND t.promised_at <= now() - make_interval(hours => o.escalate_after_h))
    )
  ORDER BY coalesce(t.promised_at, t.submitted_at) LIMIT most
$$;
