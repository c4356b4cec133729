"""One take, as it is asked for most often: the actor, and one statement for all that is shown of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from sqlalchemy import select

from api.access import find, words
from api.auth import Actor, Caller, any_actor
from api.policy import may_see, visible
from api.reading import reading
from api.takes.representation import take_out, take_rows
from api.takes.schemas import TakeOut
from api.takes.service import open_take, opens
from models.database import Database
from models.errors import NotFoundError
from models.reads import Statement, given, prepared
from models.take import Take


@dataclass(frozen=True, slots=True)
class FoundTake:
    """A row of `take_rows`. `opens`: a reviewer sees it for the first time, which is to be noted."""

    actor: Actor
    row: Sequence[Any]
    opens: bool


@cache
def take_statement(org_role: str) -> Statement:
    me = any_actor(org_role)
    return prepared(take_rows(me, select(Take).where(visible(me, Take), Take.id == given("take"))))


async def read_take(
    caller: NamedDependency[Caller], state: State, take_id: Annotated[UUID, PathParameter()]
) -> FoundTake:
    """Read the take if the actor sees it.

    Raises:
        NotFoundError: it is absent, of another organization, or not visible.
    """
    async with reading(state, caller) as read:
        rows = await read.rows(take_statement(read.actor.org_role), take=take_id)
    if not rows:
        raise NotFoundError(f"There is no {words(Take)} with this id here.")
    row = rows[0]
    return FoundTake(read.actor, row, opens(read.actor, row["person_id"], row["opened_at"]))


read_take.rule, read_take.model = may_see, Take  # type: ignore[attr-defined]  # read by the test that walks the routes


async def first_opened(state: State, found: FoundTake) -> TakeOut:
    """Note that a reviewer has seen it, and return it as it is then."""
    database: Database = state.database
    actor = found.actor
    async with database.tenant(actor.org_id, actor.person_id) as session:
        take = await find(session, actor, Take, found.row[0])
        await open_take(session, actor, take)
        return await take_out(session, actor, state, take)
