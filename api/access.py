"""The loader: to hold an object is to be allowed. Each route names its rule here, or its visible list."""

import inspect
from typing import Annotated, Any, TypeVar
from uuid import UUID

from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.policy import Rule, visible
from models.base import Tenant
from models.errors import ForbiddenError, NotFoundError

T = TypeVar("T", bound=Tenant)

OPT = "access"


def words(model: type[Tenant]) -> str:
    return str(model.__tablename__).replace("_", " ")


async def find(session: AsyncSession, actor: Actor, model: type[T], key: UUID, *, lock: bool = False) -> T:
    """Return the object if the actor sees it.

    `lock` takes the row's lock (FOR UPDATE), for a change that must see the last one.

    Raises:
        NotFoundError: it is absent, of another organization, or not visible: the three answers are the same.
    """
    query = select(model).where(visible(actor, model), model.id == key)
    if lock:
        query = query.with_for_update(of=model)
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"There is no {words(model)} with this id here.")
    return row


def one(model: type[T], rule: Rule, path: str | None = None, *, lock: bool = False) -> Provide:
    """Load the object a path parameter names through the actor's visibility (404), then the rule (403)."""
    parameter = path or f"{model.__tablename__}_id"

    async def load(session: AsyncSession, actor: Actor, **path_values: UUID) -> T:
        row = await find(session, actor, model, path_values[parameter], lock=lock)
        if not rule(actor, row):
            raise ForbiddenError(f"You may see this {words(model)}, but not do this with it.")
        return row

    annotations: dict[str, Any] = {
        "session": NamedDependency[AsyncSession],
        "actor": NamedDependency[Actor],
        parameter: Annotated[UUID, PathParameter()],
    }
    load.__annotations__ = {**annotations, "return": model}
    load.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # a path parameter by its own name, documented as such
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in annotations.items()]
    )
    load.rule = rule  # type: ignore[attr-defined]  # read by the test that walks the routes
    load.model = model  # type: ignore[attr-defined]  # likewise
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
