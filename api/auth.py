"""Who is calling: access tokens, and the actor they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import time
from typing import Any, NamedTuple, cast
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from litestar.connection import ASGIConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import UnauthenticatedError
from models.reads import given, given_ids, prepared

ACCESS_LIFE = timedelta(minutes=15)
ISSUER = "showme"
REFUSED = "The access token is not valid, or no longer."
MOST_CHECKED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """What an access token says, before the database has confirmed it."""

    org_id: UUID
    person_id: UUID
    session_id: UUID


class StandIn(NamedTuple):
    """A team whose work somebody sees in place of one who manages it, and is away."""

    team_id: UUID
    person_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and through which teams. `managed` holds the managed teams and all below them.

    `reviewed` adds those of others whom the person stands in for: their work is seen and judged, and no more.
    `teams` are those the person is in now, whatever the role; `teams_above` adds all their parents.
    """

    org_id: UUID
    person_id: UUID
    session_id: UUID
    org_role: str
    name: str
    time_zone: str
    managed: frozenset[UUID] = frozenset()
    teams: frozenset[UUID] = frozenset()
    teams_above: frozenset[UUID] = frozenset()
    reviewed: frozenset[UUID] = frozenset()
    stands_in: tuple[StandIn, ...] = ()

    @property
    def is_admin(self) -> bool:
        return self.org_role == "admin"

    @property
    def is_enablement(self) -> bool:
        return self.org_role == "enablement"

    def manages(self, team_id: UUID | None) -> bool:
        return team_id is not None and team_id in self.managed

    def reviews(self, team_id: UUID | None) -> bool:
        return team_id is not None and team_id in self.reviewed


class Tokens:
    """Makes and reads access tokens, signed with the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = OctKey.import_key(secret)
        # A phone sends the same token for a quarter of an hour: what its signature says does not change.
        self._checked = lru_cache(MOST_CHECKED)(self._check)

    def issue(self, caller: Caller) -> str:
        claims = {
            "iss": ISSUER,
            "org": caller.org_id.hex,
            "sub": caller.person_id.hex,
            "sid": caller.session_id.hex,
            "exp": int((datetime.now(UTC) + ACCESS_LIFE).timestamp()),
        }
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    def read(self, token: str) -> Caller:
        """Return the caller.

        Raises:
            UnauthenticatedError: the token is not ours, or too old.
        """
        caller, expires_at = self._checked(token)
        if expires_at <= time():
            raise UnauthenticatedError(REFUSED)
        return caller

    def expires_at(self, token: str) -> float:
        """Return when a token that was read expires, in seconds of the epoch."""
        return float(self._checked(token)[1])

    def _check(self, token: str) -> tuple[Caller, int]:
        """Return the caller, and when the token expires."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, exp={"essential": True}).validate(claims)
            return Caller(UUID(claims["org"]), UUID(claims["sub"]), UUID(claims["sid"])), int(claims["exp"])
        except (JoseError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise UnauthenticatedError(REFUSED) from error


def read_caller(connection: ASGIConnection[Any, Any, Any, Any], tokens: Tokens) -> Caller:
    """Return who the Authorization header names, or raise UnauthenticatedError."""
    return tokens.read(bearer_of(connection))


def bearer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the token of the Authorization header, or raise UnauthenticatedError."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("Send an access token: Authorization: Bearer <token>.")
    return token.strip()


_PERSON = """
WITH RECURSIVE mine AS (
  SELECT team_id, role FROM membership
  WHERE org_id = :org AND person_id = :person AND from_at <= now() AND (until_at IS NULL OR until_at > now())
), managed AS (
  SELECT team_id FROM mine WHERE role = 'manager'
  UNION SELECT t.id FROM team t JOIN managed m ON t.parent_id = m.team_id WHERE t.org_id = :org
), above AS (
  SELECT team_id FROM mine
  UNION SELECT t.parent_id FROM team t JOIN above a ON t.id = a.team_id
  WHERE t.org_id = :org AND t.parent_id IS NOT NULL
), lent AS (
  SELECT m.team_id, d.person_id, away.name
  FROM delegation d
  JOIN person away ON away.org_id = :org AND away.id = d.person_id AND away.state = 'active'
  JOIN membership m ON m.org_id = :org AND m.person_id = d.person_id AND m.role = 'manager'
    AND m.from_at <= now() AND (m.until_at IS NULL OR m.until_at > now())
  WHERE d.org_id = :org AND d.delegate_id = :person AND d.ended_at IS NULL
    AND d.from_at <= now() AND d.until_at > now()
  UNION SELECT t.id, l.person_id, l.name FROM team t JOIN lent l ON t.parent_id = l.team_id WHERE t.org_id = :org
)
SELECT p.org_role, p.name, coalesce(p.time_zone, o.time_zone) AS time_zone,
  ARRAY(SELECT team_id FROM managed) AS managed,
  ARRAY(SELECT DISTINCT team_id FROM mine) AS teams,
  ARRAY(SELECT team_id FROM above) AS above,
  ARRAY(SELECT team_id FROM lent ORDER BY team_id, person_id) AS lent,
  ARRAY(SELECT person_id FROM lent ORDER BY team_id, person_id) AS lent_by,
  ARRAY(SELECT name FROM lent ORDER BY team_id, person_id) AS lent_by_name
FROM person p
JOIN org o ON o.id = p.org_id
"""
_SIGNED_IN = """
JOIN session s ON s.org_id = p.org_id AND s.id = :session AND s.person_id = p.id AND s.revoked_at IS NULL
"""
_ACTIVE = "WHERE p.org_id = :org AND p.id = :person AND p.state = 'active'"
_ACTOR = text(_PERSON + _SIGNED_IN + _ACTIVE)


_READ_ACTOR = prepared(_ACTOR.bindparams(*[given(name) for name in ("org", "person", "session")]))


async def load_actor(session: AsyncSession, caller: Caller) -> Actor:
    """Return the actor as the database has them now; a person who left or signed out is nobody at once."""
    return _actor((await session.execute(_ACTOR, _keys(caller))).all(), caller)


async def read_actor(connection: Any, caller: Caller) -> Actor:
    """Return the same, on a connection that only reads."""
    return _actor(await _READ_ACTOR.rows(connection, _keys(caller)), caller)


def _keys(caller: Caller) -> dict[str, UUID]:
    return {"org": caller.org_id, "person": caller.person_id, "session": caller.session_id}


def _actor(rows: Sequence[Any], caller: Caller) -> Actor:
    if not rows:
        raise UnauthenticatedError("This session has ended. Sign in again.")
    org_role, name, time_zone, managed, teams, above, *lent = rows[0]
    who = (caller.org_id, caller.person_id, caller.session_id, org_role, name, time_zone)
    stands_in = tuple(StandIn(*one) for one in zip(*lent, strict=True))
    reviewed = frozenset(managed) | {one.team_id for one in stands_in}
    return Actor(*who, frozenset(managed), frozenset(teams), frozenset(above), reviewed, stands_in)


def any_actor(org_role: str) -> Actor:
    """Return an actor of this role whose ids are given when a statement runs, as `given_by` has them."""
    ids = {name: cast("Any", given_ids(name)) for name in ("managed", "teams", "teams_above", "reviewed")}
    return Actor(cast("Any", given("org")), cast("Any", given("person")), cast("Any", None), org_role, "", "", **ids)


def given_by(actor: Actor) -> dict[str, Any]:
    return {
        "org": actor.org_id,
        "person": actor.person_id,
        "managed": actor.managed,
        "teams": actor.teams,
        "teams_above": actor.teams_above,
        "reviewed": actor.reviewed,
    }
