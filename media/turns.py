"""Whose turn it is in the long queue: short work before long, each organization its share, and nobody for ever last.

A job's place is `seconds since 2025 when it was deferred + PER_SECOND_OF_WORK x what it will cost`, less a head start
for what nothing plays without; it is kept, negated, as its priority. When a worker asks, FOR_SHARE x what the job's
organization has used lately is added, and the smallest comes first. All of these are bounded but the time: a job is
overtaken by what comes within some hours of it, and never by what comes later.
"""

from datetime import UTC, datetime

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
PER_SECOND_OF_WORK = 4.0
FOR_SHARE = 4.0
HALF_LIFE_S = 3600.0
"""What an organization has used counts half after so long."""
HEAD_START_S = {"transcode_asset": 6 * 3600.0}
"""More than an hour's video costs it, so that it goes before each ladder of its age, of a busy organization too."""

WORK_PER_SECOND = {"transcode_asset": 0.35, "make_ladder": 1.0, "cut_clip": 0.5, "make_captions": 0.5}
"""Seconds of work for a second of video on two cores, roughly; for captions a guess. Of another kind of job, one."""
AT_LEAST_S = 2.0
UNKNOWN_MS = 120_000
COST = "cost_s"
"""The name of a job's argument."""

FIRST_FEW = 100
"""Of so many the locks are looked at before those of all are: in a long queue that is the dear part."""

# As procrastinate's own procrastinate_fetch_job_v2, with the same rule of locks, except for the order, and that the
# organization is charged in the same statement. The exponents are held, since `power` refuses to underflow.
FETCH = """
WITH clock AS (
  SELECT coalesce(%(now)s::timestamptz, now()) AS at
), few AS MATERIALIZED (
  SELECT jobs.id, jobs.lock, jobs.priority,
    %(for_share)s * coalesce(share.used_s * power(0.5::float8,
      least(greatest(extract(epoch FROM clock.at - share.at)::float8 / %(half_life_s)s, 0), 100)), 0)
      - jobs.priority AS place
  FROM procrastinate_jobs AS jobs
  CROSS JOIN clock
  LEFT JOIN org_share AS share ON share.org_id = (jobs.args ->> 'org_id')::uuid
  WHERE jobs.status = 'todo'
    AND jobs.queue_name = ANY(%(queues)s)
    AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= clock.at)
  ORDER BY place, jobs.id
  LIMIT %(most)s::bigint
), others AS MATERIALIZED (
  SELECT id, lock, status, priority FROM procrastinate_jobs
  WHERE status IN ('todo', 'doing') AND lock IN (SELECT few.lock FROM few)
), candidate AS (
  SELECT jobs.id
  FROM few JOIN procrastinate_jobs AS jobs ON jobs.id = few.id
  WHERE jobs.status = 'todo'
    AND NOT EXISTS (
      SELECT 1 FROM others
      WHERE few.lock IS NOT NULL
        AND others.lock = few.lock
        AND (others.status = 'doing'
          OR (others.status = 'todo'
            AND (others.priority > few.priority OR (others.priority = few.priority AND others.id < few.id)))))
  ORDER BY few.place, few.id
  LIMIT 1
  FOR UPDATE OF jobs SKIP LOCKED
), taken AS (
  UPDATE procrastinate_jobs SET status = 'doing', worker_id = %(worker_id)s
  FROM candidate WHERE procrastinate_jobs.id = candidate.id
  RETURNING procrastinate_jobs.*
), charged AS (
  INSERT INTO org_share AS share (org_id, used_s, at)
  SELECT (taken.args ->> 'org_id')::uuid, coalesce((taken.args ->> 'cost_s')::float8, %(cost_s)s), clock.at
  FROM taken CROSS JOIN clock WHERE taken.args ->> 'org_id' IS NOT NULL
  ON CONFLICT (org_id) DO UPDATE SET
    used_s = excluded.used_s + share.used_s * power(0.5::float8,
      least(greatest(extract(epoch FROM excluded.at - share.at)::float8 / %(half_life_s)s, 0), 100)),
    at = greatest(excluded.at, share.at)
)
SELECT id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts, worker_id
FROM taken
"""


def cost_s(task: str, duration_ms: int | None) -> float:
    """Return how many seconds of work a job is thought to be, from the length of its video."""
    duration_s = (UNKNOWN_MS if duration_ms is None else duration_ms) / 1000
    return round(AT_LEAST_S + WORK_PER_SECOND.get(task, 1.0) * duration_s, 1)


def priority_of(task: str, at: datetime, cost: float) -> int:
    """Return the priority of a job deferred at a time; the higher comes first."""
    place = (at - EPOCH).total_seconds() + PER_SECOND_OF_WORK * cost - HEAD_START_S.get(task, 0.0)
    return -round(place)
