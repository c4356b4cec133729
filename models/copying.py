"""What a challenge asks, taken off it and given to another: for clones, templates, series and follow-ups.

Content is all that a challenge says, apart from whom it asks, when, and by which rubric and whom it is judged. It is
kept as JSON, by the names of the columns: a column added later is content, unless it is named here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.base import Tenant
from models.challenge import Attachment, Challenge, ModelAnswer, Prompt

# What is a challenge's own, and never another's.
OWN = frozenset(
    {
        *("org_id", "id", "state", "version", "audience_id", "opens_at", "due_at", "due_local"),
        *("rubric_id", "rubric_version_id", "created_by", "created_at", "published_at", "reviewer_ids"),
    }
)
# Rows below a challenge that are content.
PARTS: Mapping[str, type[Tenant]] = {"prompts": Prompt, "attachments": Attachment, "model_answers": ModelAnswer}
OWN_OF_PARTS = frozenset({"org_id", "id", "challenge_id"})
Content = Mapping[str, Any]


async def content_of(session: AsyncSession, challenge: Challenge) -> dict[str, Any]:
    """Return the content of a challenge as JSON can hold it."""
    content: dict[str, Any] = {"challenge": _taken(challenge, OWN)}
    for name, model in PARTS.items():
        content[name] = [_taken(row, OWN_OF_PARTS) for row in await _rows(session, model, challenge)]
    return content


def new_challenge(content: Content, **own: Any) -> Challenge:
    """Return a challenge that says the same; `own` names what is its own. Its parts are written by `write_parts`."""
    return Challenge(**{**_given(Challenge, content["challenge"], OWN), **own})


async def write_parts(session: AsyncSession, challenge: Challenge, content: Content) -> None:
    """Give a new challenge, which has been flushed, its prompts and what else lies below it."""
    key = {"org_id": challenge.org_id, "challenge_id": challenge.id}
    for name, model in PARTS.items():
        session.add_all(model(**_given(model, part, OWN_OF_PARTS), **key) for part in content.get(name, ()))
    await session.flush()


def assets_in(content: Content) -> set[UUID]:
    """Return the videos and files that a content names."""
    return {UUID(value) for value in _assets(content)}


def _assets(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name.endswith("asset_id") and isinstance(value, str):
                yield value
            yield from _assets(value)
    elif isinstance(part, list):
        for one in part:
            yield from _assets(one)


async def _rows(session: AsyncSession, model: Any, challenge: Challenge) -> Sequence[Any]:
    query = select(model).where(model.org_id == challenge.org_id, model.challenge_id == challenge.id)
    order = [column for column in model.__table__.columns if column.key == "position"]
    return (await session.scalars(query.order_by(*order, model.id))).all()


def _taken(row: Tenant, own: frozenset[str]) -> dict[str, Any]:
    names = [column.key for column in row.__table__.columns if column.key not in own]
    taken: dict[str, Any] = msgspec.to_builtins({name: getattr(row, name) for name in names})
    return taken


def _given(model: type[Tenant], part: Content, own: frozenset[str]) -> dict[str, Any]:
    """Return the values of a part by column. What the content does not know has its default."""
    columns = {column.key: column for column in model.__table__.columns if column.key not in own}
    return {
        name: UUID(value) if value is not None and isinstance(columns[name].type, Uuid) else value
        for name, value in part.items()
        if name in columns
    }
