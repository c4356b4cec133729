"""What all rivals share: the statements and the bodies are ours; how a request comes to them is each rival's own.

They know every actor beforehand: who asks, and through which teams, costs them no statement.
"""

import os
import pickle
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar.datastructures import State

from api.assignments import service as assignments
from api.assignments.representation import make_out
from api.assignments.schemas import AssignmentOut
from api.auth import Actor, Tokens, given_by
from api.bright_spots import feed
from api.bright_spots.representation import make_bright_spot_out
from api.bright_spots.schemas import BrightSpotOut
from api.paging import Page, given_place, page
from api.progress import service as progress
from api.progress.schemas import PersonProgress
from api.reviews import queue
from api.reviews.schemas import ReviewOut
from api.settings import Settings
from api.takes import reading
from api.takes.representation import make_take_out
from api.takes.schemas import TakeOut
from media.storage import open_storage
from models.base import now
from models.reads import Statement

Values = dict[str, Any]
Run = Callable[[Statement, Values], Awaitable[Sequence[Any]]]


@dataclass(frozen=True)
class World:
    """What a rival is told when it starts."""

    app_url: str
    owner_url: str
    secret: bytes
    base_url: str
    data_dir: Path
    actors: dict[UUID, Actor]

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.secret)

    @property
    def state(self) -> State:
        settings = Settings(data_dir=self.data_dir, public_url=self.base_url)
        storage = open_storage(settings.store, secret=self.secret, public_url=self.base_url)
        return State({"settings": settings, "storage": storage, "secret": self.secret})


@cache
def world() -> World:
    found: World = pickle.loads(Path(os.environ["BENCH_WORLD"]).read_bytes())  # noqa: S301  # written by the bench
    return found


async def inbox(run: Run, me: Actor, limit: int, cursor: str | None) -> Page[AssignmentOut]:
    statement = assignments.inbox_statement(in_state=False, behind=bool(cursor))
    rows = await run(statement, given_by(me) | given_place(cursor, limit))
    return page(rows, limit, lambda row: (row[4] or assignments.NEVER, row[0]), make_out)


async def review_queue(run: Run, me: Actor, limit: int, cursor: str | None) -> Page[ReviewOut]:
    statement = queue.reviews_statement(me.org_role, behind=bool(cursor))
    rows = await run(statement, given_by(me) | given_place(cursor, limit))
    at = now()
    return page(rows, limit, queue.place_of, lambda row: queue.make_review_out(me, at, *row))


async def bright_spots(run: Run, me: Actor, state: State, limit: int, cursor: str | None) -> Page[BrightSpotOut]:
    statement = feed.feed_statement(feed.Shape(me.org_role, (), mine=False, ranked=False, behind=bool(cursor)))
    rows = await run(statement, given_by(me) | given_place(cursor, limit))
    return page(rows, limit, lambda row: (row[-1], row[0]), lambda row: make_bright_spot_out(state, row))


async def take(run: Run, me: Actor, state: State, take_id: UUID) -> TakeOut:
    [row] = await run(reading.take_statement(me.org_role), given_by(me) | {"take": take_id})
    return make_take_out(state, row)


async def person_progress(run: Run, me: Actor, person_id: UUID) -> PersonProgress:
    at = now()
    rows = await run(
        progress.person_statement(me.org_role, past=False), given_by(me) | {"subject": person_id, "at": at}
    )
    return await progress.person_progress(progress.known(me, rows, at))
