"""The loader: to hold an object is to be allowed. Each route names its rule here, or its visible list."""

import inspect
from typing import Annotated, Any, TypeVar
from uuid import UUID

from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor, Caller, load_actor
from api.policy import Rule, visible
from models.base import Tenant
from models.database import Database
from models.errors import ForbiddenError, NotFoundError

T = TypeVar("T", bound=Tenant)

OPT = "access"


def words(model: type[Tenant]) -> str:
    return str(model.__tablename__).replace("_", " ")


async def find(session: AsyncSession, actor: Actor, model: type[T], key: UUID, *, lock: bool = False) -> T:
    """Return the object if the actor sees it.

    `lock` takes the row's lock, for a change that must see the last one. It leaves rows that point at this one alone
    (FOR NO KEY UPDATE), or a transaction that writes such a row and holds what this one wants next could never end.

    Raises:
        NotFoundError: it is absent, of another organization, or not visible: the three answers are the same.
    """
    query = select(model).where(visible(actor, model), model.id == key)
    if lock:
        query = query.with_for_update(of=model, key_share=True)
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"There is no {words(model)} with this id here.")
    return row


def one(
    model: type[T], rule: Rule, path: str | None = None, *, lock: bool = False, after: str | None = None
) -> Provide:
    """Load the object a path parameter names through the actor's visibility (404), then the rule (403).

    `after` names the loader before this one on a route with two: the framework would run both at once, on one session.
    """
    parameter = path or f"{model.__tablename__}_id"

    async def load(session: AsyncSession, actor: Actor, **values: Any) -> T:
        row = await find(session, actor, model, values[parameter], lock=lock)
        _check(rule, actor, row)
        return row

    wants: dict[str, Any] = {"session": NamedDependency[AsyncSession], "actor": NamedDependency[Actor]}
    if after:
        wants[after] = NamedDependency[Tenant]
    return _loader(load, model, rule, wants, parameter)


def apart(model: type[T], rule: Rule, path: str | None = None) -> Provide:
    """Load as `one` does, in a short transaction of its own: for a route that talks to the store, across which no
    transaction is held. The row is handed over detached, as it was read.
    """
    parameter = path or f"{model.__tablename__}_id"

    async def load(caller: Caller, state: State, **path_values: UUID) -> T:
        database: Database = state.database
        async with database.tenant(caller.org_id, caller.person_id) as session:
            actor = await load_actor(session, caller)
            row = await find(session, actor, model, path_values[parameter])
        _check(rule, actor, row)
        return row

    return _loader(load, model, rule, {"caller": NamedDependency[Caller], "state": State}, parameter)


def _check(rule: Rule, actor: Actor, row: Tenant) -> None:
    if not rule(actor, row):
        raise ForbiddenError(f"You may see this {words(type(row))}, but not do this with it.")


def _loader(load: Any, model: type[Tenant], rule: Rule, wants: dict[str, Any], parameter: str) -> Provide:
    """Give the loader the signature that the framework reads: what it wants, and a path parameter by its own name."""
    annotations = {**wants, parameter: Annotated[UUID, PathParameter()]}
    load.__annotations__ = {**annotations, "return": model}
    load.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in annotations.items()]
    )
    load.rule, load.model = rule, model  # read by the test that walks the routes
    return Provide(load)


def allowed(rule: Rule) -> Provide:
    """Let an actor through whom the rule allows without an object: for lists of the org, and for creating."""

    async def check(actor: NamedDependency[Actor]) -> Actor:
        if not rule(actor, None):
            raise ForbiddenError("Your role does not allow this.")
        return actor

    check.rule = rule  # type: ignore[attr-defined]  # read by the test that walks the routes
    return Provide(check)


def shown(model: type[Tenant]) -> dict[str, Any]:
    """Mark a route as a list of what is visible: `opt=shown(Take)`."""
    return {OPT: f"visible:{model.__tablename__}"}


OWN = {OPT: "own"}  # the caller's own things, by the caller's id
PUBLIC = {OPT: "public"}  # no token asked for
