"""Phones repeat themselves: the same id from the same person answers with the object as it is."""

from typing import Any, TypeVar
from uuid import UUID

from litestar import Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from models.base import Tenant
from models.errors import ConflictError

T = TypeVar("T", bound=Tenant)


async def existing(
    session: AsyncSession, actor: Actor, model: type[T], key: UUID | None, *, made_by: str = "created_by"
) -> T | None:
    """Return what the actor made under this id before, at any age.

    Two requests with one id at the same time are put in order by an advisory lock that ends with the transaction.

    Raises:
        ConflictError: somebody else has used the id.
    """
    if key is None:
        return None
    await session.execute(select(_lock(actor.org_id, key)))
    row = (
        await session.execute(select(model).where(model.org_id == actor.org_id, model.id == key))
    ).scalar_one_or_none()
    if row is not None and getattr(row, made_by) != actor.person_id:
        raise ConflictError("This id has been used already. Make a new one.", code="id-taken")
    return row


def _lock(org_id: UUID, key: UUID) -> Any:
    return func.pg_advisory_xact_lock((org_id.int ^ key.int) % (1 << 63))


def created(body: Any, *, new: bool, headers: dict[str, str] | None = None) -> Response[Any]:
    """Answer 201 for what is new, 200 for what was there."""
    return Response(body, status_code=201 if new else 200, headers=headers or {})
