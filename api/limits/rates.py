"""Requests a minute, of a person and of an organization, counted in memory and shared through the database.

A hot read costs no statement more: each process counts by itself, and once a second sends what it has counted, all
keys in one statement that answers with the counts of all processes. So N processes may let through what reaches the
others within that second; and while the database is away, each goes on by its own count.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import text

from models.database import Database
from models.errors import TooManyError, UnavailableError

WINDOW_S = 60
SHARE_S = 1.0
log = structlog.get_logger()

_ADD = text("SELECT name, attempts, left_s FROM throttle_add(:keys, :counts, :window)")


class Requester(Protocol):
    @property
    def org_id(self) -> UUID: ...
    @property
    def person_id(self) -> UUID: ...


@dataclass(slots=True)
class _Counter:
    """`shared`: of all processes, as the database last said. `unsent`: what it has not heard of yet."""

    ends_at: float
    shared: int = 0
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` a minute; 0 does not limit."""

    kind: str
    most: int
    refusal: str


class Rates:
    """The counters of one process."""

    def __init__(
        self, database: Database, *, person: int, org: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._person = Limit("person", person, "You have sent too many requests.")
        self._org = Limit("org", org, "Your organization has sent too many requests.")
        self._clock = clock
        self._counters: dict[tuple[str, UUID], _Counter] = {}

    def count(self, who: Requester) -> None:
        """Count a request. One that is refused does not count.

        Raises:
            TooManyError: this person or their organization has sent too many within the minute.
        """
        found = [
            self._checked(limit, key)
            for limit, key in ((self._person, who.person_id), (self._org, who.org_id))
            if limit.most
        ]
        for counter in found:
            counter.unsent += 1

    def _checked(self, limit: Limit, key: UUID) -> _Counter:
        now = self._clock()
        counter = self._counters.get((limit.kind, key))
        if counter is None or counter.ends_at <= now:
            counter = self._counters[limit.kind, key] = _Counter(now + WINDOW_S)
        if counter.shared + counter.unsent >= limit.most:
            wait = max(1, math.ceil(counter.ends_at - now))
            raise TooManyError(f"{limit.refusal} Try again in {wait} seconds.", retry_after_s=wait)
        return counter

    async def share(self) -> None:
        """Tell the database what was counted since the last time, and hear what others have counted.

        Raises:
            UnavailableError: it does not answer. Nothing of the count is lost.
        """
        now = self._clock()
        self._counters = {key: counter for key, counter in self._counters.items() if counter.ends_at > now}
        sent = {_digest(*key): (counter, counter.unsent) for key, counter in self._counters.items() if counter.unsent}
        if not sent:
            return
        counts = [count for _, count in sent.values()]
        async with self._database.without_tenant() as session:
            rows = (await session.execute(_ADD, {"keys": list(sent), "counts": counts, "window": WINDOW_S})).all()
        for row in rows:
            counter, count = sent[row.name]
            counter.shared, counter.ends_at = row.attempts, self._clock() + row.left_s
            counter.unsent -= count

    async def keep_sharing(self) -> None:
        while True:
            await asyncio.sleep(SHARE_S)
            try:
                await self.share()
            except UnavailableError as error:
                log.warning("requests are counted by each process alone", error=error.detail)
            except Exception:
                log.exception("requests are counted by each process alone")


def _digest(kind: str, key: UUID) -> str:
    """The table that all organizations share holds nobody's id."""
    return hashlib.sha256(f"rate\0{kind}\0{key.hex}".encode()).hexdigest()
