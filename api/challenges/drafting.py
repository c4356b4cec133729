"""What a challenge may be made of: its dates, its rubric, its prompts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.challenges.parts import parts_on_their_way, usable
from api.challenges.schemas import PromptIn
from api.times import check_instant, read_wall_time
from models.asset import Asset
from models.base import now
from models.challenge import Challenge, Prompt
from models.errors import ConflictError, InvalidError
from models.rubric import Rubric
from models.submission import LOST

# Where a day ends last.
LAST_ZONE = timezone(timedelta(hours=-12))


@dataclass(frozen=True)
class Dates:
    opens_at: datetime | None
    due_at: datetime | None
    due_local: datetime | None

    @property
    def latest_due(self) -> datetime | None:
        """When it is due for everyone, wherever they live."""
        return self.due_local.replace(tzinfo=LAST_ZONE) if self.due_local else self.due_at


def read_dates(
    opens_at: datetime | None,
    due_at: datetime | None,
    due_local: str | datetime | None,
    *,
    named: Collection[str] = ("due_at", "due_local"),
) -> Dates:
    """Return the dates. Those the client has `named` are at fault, where they contradict the others.

    Raises:
        InvalidError: two due times, a due time before the opening, or one that no calendar has.
    """
    if due_at is not None and due_local is not None:
        raise InvalidError("Give due_at or due_local, not both.", pointer="/due_local")
    local = read_wall_time(due_local, "/due_local") if isinstance(due_local, str) else due_local
    dates = Dates(check_instant(opens_at, "/opens_at"), check_instant(due_at, "/due_at"), local)
    if dates.opens_at and dates.latest_due and dates.latest_due <= dates.opens_at:
        due = "due_local" if dates.due_local else "due_at"
        raise InvalidError("It would be due before it opens.", pointer=f"/{due if due in named else 'opens_at'}")
    return dates


async def check_rubric(session: AsyncSession, org_id: UUID, rubric_id: UUID) -> None:
    if await session.get(Rubric, (org_id, rubric_id)) is None:
        raise InvalidError("There is no rubric with this id here.", pointer="/rubric_id")


async def check_prompts(
    session: AsyncSession, actor: Actor, prompts: Sequence[PromptIn], challenge: Challenge | None = None
) -> None:
    """Raise InvalidError for a prompt that asks nothing, or with a video that is not the author's own.

    One that a prompt of the challenge has already may stay, whoever made it.
    """
    there = await usable(session, actor, Prompt, {one.asset_id for one in prompts if one.asset_id}, challenge)
    for index, prompt in enumerate(prompts):
        if prompt.asset_id is None and not prompt.text.strip():
            raise InvalidError("A prompt has a text, a video or both.", pointer=f"/prompts/{index}/text")
        if prompt.asset_id is not None and prompt.asset_id not in there:
            raise InvalidError("There is no prompt video of yours with this id.", pointer=f"/prompts/{index}/asset_id")


async def write_prompts(session: AsyncSession, challenge: Challenge, prompts: Sequence[PromptIn]) -> None:
    """Make the prompts these. One that keeps its place keeps its id."""
    rows = await session.scalars(
        select(Prompt)
        .where(Prompt.org_id == challenge.org_id, Prompt.challenge_id == challenge.id)
        .order_by(Prompt.position)
    )
    present = list(rows)
    for row in present[len(prompts) :]:
        await session.delete(row)
    for position, data in enumerate(prompts):
        row = present[position] if position < len(present) else _new_prompt(session, challenge, position)
        row.text, row.asset_id = data.text, data.asset_id
        row.max_duration_ms, row.audio_allowed = data.max_duration_ms, data.audio_allowed
        row.preparation_ms, row.notes = data.preparation_ms, data.notes
    await session.flush()


def _new_prompt(session: AsyncSession, challenge: Challenge, position: int) -> Prompt:
    row = Prompt(org_id=challenge.org_id, challenge_id=challenge.id, position=position)
    session.add(row)
    return row


async def check_publishable(session: AsyncSession, challenge: Challenge) -> None:
    """Raise ConflictError when it was due before now, or a video or file of it has not arrived."""
    due = Dates(challenge.opens_at, challenge.due_at, challenge.due_local).latest_due
    if due is not None and due <= now():
        raise ConflictError("Its due time has passed. Move it first.", code="due-passed", state=challenge.state)
    query = (
        select(Prompt.id)
        .join(Asset, (Asset.org_id == Prompt.org_id) & (Asset.id == Prompt.asset_id))
        .where(
            Prompt.org_id == challenge.org_id,
            Prompt.challenge_id == challenge.id,
            Asset.state.in_(("uploading", *LOST)),
        )
        .order_by(Prompt.position)
    )
    if missing := [str(key) for key in await session.scalars(query)]:
        raise ConflictError(
            "The video of a prompt has not arrived.",
            code="prompt-video-missing",
            missing=missing,
            state=challenge.state,
        )
    await check_parts(session, challenge)


async def check_parts(session: AsyncSession, challenge: Challenge) -> None:
    """Raise ConflictError when its model answer, or what is attached, has not arrived."""
    if missing := await parts_on_their_way(session, challenge):
        raise ConflictError(
            "The model answer or an attachment has not arrived.",
            code="prompt-video-missing",
            missing=missing,
            state=challenge.state,
        )
