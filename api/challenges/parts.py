"""What comes with a challenge beside its prompts: a model answer and attachments; and how a timed one is timed."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.challenges.schemas import AttachmentIn, ModelAnswerIn
from models.asset import Asset
from models.challenge import Attachment, Challenge, ModelAnswer, Prompt
from models.errors import InvalidError
from models.submission import LOST

Part = type[Prompt] | type[ModelAnswer] | type[Attachment]
PURPOSES: dict[Part, str] = {Prompt: "prompt", ModelAnswer: "model_answer", Attachment: "attachment"}


async def usable(
    session: AsyncSession, actor: Actor, part: Part, wanted: Collection[UUID], challenge: Challenge | None
) -> set[UUID]:
    """Return which of the assets may be this part: the actor's own, and those that are it already."""
    if not wanted:
        return set()
    own = select(Asset.id).where(
        Asset.org_id == actor.org_id,
        Asset.id.in_(wanted),
        Asset.owner_id == actor.person_id,
        Asset.purpose == PURPOSES[part],
        Asset.state.not_in(LOST),
    )
    found = set(await session.scalars(own))
    if challenge is None or found == set(wanted):
        return found
    there = select(part.asset_id).where(
        part.org_id == actor.org_id, part.challenge_id == challenge.id, part.asset_id.in_(wanted)
    )
    return found | {key for key in await session.scalars(there) if key is not None}


async def check_model_answer(
    session: AsyncSession, actor: Actor, data: ModelAnswerIn | None, challenge: Challenge | None = None
) -> None:
    """Raise InvalidError for one that says nothing, or with a video that is not the author's own."""
    if data is None:
        return
    if data.asset_id is None and not data.text.strip():
        raise InvalidError("A model answer has a text, a video or both.", pointer="/model_answer/text")
    wanted = [data.asset_id] if data.asset_id else []
    if not set(wanted) <= await usable(session, actor, ModelAnswer, wanted, challenge):
        raise InvalidError("There is no model answer of yours with this id.", pointer="/model_answer/asset_id")


async def check_attachments(
    session: AsyncSession, actor: Actor, attachments: Sequence[AttachmentIn], challenge: Challenge | None = None
) -> None:
    """Raise InvalidError for a file that is not the author's own, or named twice."""
    wanted = [one.asset_id for one in attachments]
    there = await usable(session, actor, Attachment, set(wanted), challenge)
    for place, asset_id in enumerate(wanted):
        pointer = f"/attachments/{place}/asset_id"
        if asset_id not in there:
            raise InvalidError("There is no attachment of yours with this id.", pointer=pointer)
        if asset_id in wanted[:place]:
            raise InvalidError("This is attached twice.", pointer=pointer)


async def write_model_answer(session: AsyncSession, challenge: Challenge, data: ModelAnswerIn | None) -> None:
    of_it = (ModelAnswer.org_id == challenge.org_id) & (ModelAnswer.challenge_id == challenge.id)
    await session.execute(delete(ModelAnswer).where(of_it))
    if data is not None:
        text = data.text if data.text.strip() else ""
        session.add(ModelAnswer(org_id=challenge.org_id, challenge_id=challenge.id, asset_id=data.asset_id, text=text))
    await session.flush()


async def write_attachments(session: AsyncSession, challenge: Challenge, attachments: Sequence[AttachmentIn]) -> None:
    of_it = (Attachment.org_id == challenge.org_id) & (Attachment.challenge_id == challenge.id)
    await session.execute(delete(Attachment).where(of_it))
    session.add_all(
        Attachment(
            org_id=challenge.org_id, challenge_id=challenge.id, position=place, asset_id=one.asset_id, title=one.title
        )
        for place, one in enumerate(attachments)
    )
    await session.flush()


async def check_timed(session: AsyncSession, challenge: Challenge, named: Collection[str]) -> None:
    """Hold the rules of a timed challenge together, once its prompts are written; `named` are at fault.

    Raises:
        InvalidError: it has practice takes, other than one take, or no window that holds all its prompts.
    """
    if not challenge.timed:
        return
    if challenge.practice_allowed:
        if "practice" in named:
            raise InvalidError("A timed challenge has no practice takes: they would show it.", pointer="/practice")
        challenge.practice_allowed = False
    if challenge.max_takes is None and "max_takes" not in named:
        challenge.max_takes = 1
    if challenge.max_takes != 1:
        raise InvalidError(
            "A timed challenge has one take.", pointer="/max_takes" if "max_takes" in named else "/timed"
        )
    await _check_window(session, challenge, "/timed/window_ms" if "timed" in named else "/prompts")


async def _check_window(session: AsyncSession, challenge: Challenge, pointer: str) -> None:
    query = select(
        func.sum(func.coalesce(Prompt.preparation_ms, 0) + func.coalesce(Prompt.max_duration_ms, 0)),
        func.bool_and(Prompt.max_duration_ms.is_not(None)),
    ).where(Prompt.org_id == challenge.org_id, Prompt.challenge_id == challenge.id)
    needed_ms, limited = (await session.execute(query)).one()
    if challenge.window_ms is None and not limited:
        raise InvalidError("Give each prompt a max_duration_ms, or the whole a window_ms.", pointer=pointer)
    if challenge.window_ms is not None and challenge.window_ms < (needed_ms or 0):
        raise InvalidError(
            f"Preparing and recording may take {needed_ms} ms, longer than this window.", pointer=pointer
        )


async def parts_on_their_way(session: AsyncSession, challenge: Challenge) -> list[str]:
    """Return the names of the parts, prompts apart, whose asset has not arrived, or will not come."""
    names: list[str] = []
    for name, part in (("model_answer", ModelAnswer), ("attachments", Attachment)):
        waits = (
            select(part.id)
            .join(Asset, (Asset.org_id == part.org_id) & (Asset.id == part.asset_id))
            .where(
                part.org_id == challenge.org_id,
                part.challenge_id == challenge.id,
                Asset.state.in_(("uploading", *LOST)),
            )
        )
        if (await session.execute(waits.limit(1))).first():
            names.append(name)
    return names
