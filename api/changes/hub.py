"""The streams that are open in this process, and what wakes them.

One reader for all of them looks at new events of all organizations, once a second at least and at a hint at once, and
wakes the streams they may concern; each then reads what is its own, as anybody does who asks for changes. Without a
stream nothing is read. Hints come over one connection of its own, which is made anew when it is lost: without it, or
behind a pooler with no way around it, there is the second.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from litestar.datastructures import State
from sqlalchemy.exc import DBAPIError

from api.auth import Actor, Caller
from api.changes.statements import circles_of
from api.parts import database_urls, directly
from api.settings import SettingError, Settings
from models.database import Database
from models.errors import UnavailableError
from models.feed import Cursor, Happened, events_after, now_at
from models.hints import listen

POLL_S = 1.0
AGAIN_S = 2.0
AT_ONCE = 500
MOST_STREAMS = 2000
MOST_PER_PERSON = 5
log = structlog.get_logger("changes")


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream. `woken`: there may be something for it, or it is to end; `ended` says why."""

    caller: Caller
    expires_at: float
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: str = ""
    circles: tuple[str, ...] = ()
    teams: frozenset[UUID] = frozenset()

    def know(self, actor: Actor) -> None:
        self.circles, self.teams = circles_of(actor.org_role), actor.reviewed

    def may_concern(self, event: Happened) -> bool:
        """Tell whether it may be for this one; what an audience is told, or people named beside, anybody's may be."""
        return event.org_id == self.caller.org_id and (
            event.person_id == self.caller.person_id
            or event.others
            or event.audience_id is not None
            or event.circle in self.circles
            or event.team_id in self.teams
        )

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self.woken.set()


class Hub:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._open: list[Listener] = []
        self._ready = asyncio.Event()
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._ear: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        return len(self._open)

    @property
    def reads(self) -> bool:
        return self._reader is not None and not self._reader.done()

    def check_room(self, state: State) -> None:
        """Raise UnavailableError when this process has as many streams as it can, or is about to end."""
        if state.draining or self.count >= MOST_STREAMS:
            raise UnavailableError("There is no room for another stream here. Try again.")

    async def join(self, listener: Listener, state: State) -> None:
        """Add a stream. Of more than a few of one person the oldest ends: its phone has gone elsewhere, mostly.

        Afterwards nothing that is committed later than now stays unnoticed.
        """
        who = listener.caller
        mine = [one for one in self._open if _whose(one.caller) == _whose(who) and not one.ended]
        for oldest in mine[: len(mine) + 1 - MOST_PER_PERSON]:
            oldest.end("replaced")
        self._open.append(listener)
        if not self.reads:
            self._ready.clear()
            self._reader = asyncio.create_task(self._read(state))
            self._ear = asyncio.create_task(self._listen())
        await self._ready.wait()

    def leave(self, listener: Listener) -> None:
        with suppress(ValueError):
            self._open.remove(listener)

    async def close(self) -> None:
        tasks = [task for task in (self._reader, self._ear) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, state: State) -> None:
        place: Cursor | None = None
        try:
            while self._open:
                try:
                    place = await self._read_on(place)
                except (UnavailableError, DBAPIError, OSError) as error:
                    log.warning("new events could not be read", error=str(error))
                self._ready.set()  # without a place they look by themselves
                self._end_some(draining=state.draining)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), POLL_S)
                self._news.clear()
        finally:
            if self._ear is not None:
                self._ear.cancel()

    async def _read_on(self, place: Cursor | None) -> Cursor:
        """Wake whom new events may concern, and return where to go on the next time."""
        if place is None:
            async with self._database.without_tenant() as session:
                place = await now_at(session)
            self._wake(self._open)
            return place
        more = True
        while more:
            async with self._database.without_tenant() as session:
                batch = await events_after(session, place, AT_ONCE)
            self._wake(one for one in self._open if any(one.may_concern(event) for event in batch.items))
            place, more = batch.next, batch.more
        return place

    def _wake(self, listeners: Iterable[Listener]) -> None:
        for one in listeners:
            one.woken.set()

    def _end_some(self, *, draining: bool) -> None:
        at = time.time()
        for one in self._open:
            if draining:
                one.end("shutdown")
            elif one.expires_at <= at:
                one.end("token-expired")

    async def _listen(self) -> None:
        """Hear hints for as long as there are streams."""
        try:
            settings = directly(self._settings)
        except SettingError:
            return  # there is a pooler, and no way around it
        database = Database(database_urls(settings).app, pool_size=1)
        try:
            while True:
                await listen(database, lambda _payload: self._news.set())
                await asyncio.sleep(AGAIN_S)
        finally:
            await asyncio.shield(database.dispose())


def _whose(caller: Caller) -> tuple[UUID, UUID]:
    return caller.org_id, caller.person_id
