"""Writes of a draft that come too late, or of a version that is not there any more: what they say is kept."""

from typing import Any

import msgspec
from litestar import Request, Response
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from api import etags
from api.auth import Actor
from api.critiques import writing
from api.critiques.representation import critique_out
from api.critiques.schemas import CritiqueOut, CritiquePatch, FollowUpIn, NextStepIn, ScoreIn
from api.drafts.service import check_of, content_of, keep, refuse, stale
from models.conversation import DraftVersion
from models.critique import Critique
from models.errors import DomainError, IllegalMoveError

CONTENT = CritiquePatch.__struct_fields__


async def unless_refused(
    session: AsyncSession, actor: Actor, request: Request[Any, Any, Any], critique: Critique, data: CritiquePatch
) -> Response[Any] | None:
    """Return the answer to a write that cannot be made; None where it can. The critique's row is locked.

    What it says is kept, and returned beside what is there. What stands there already, as after an answer that was
    lost, is no conflict.

    Raises:
        PreconditionRequiredError: it does not say which version it saw.
    """
    behind = await stale(request, critique.version)
    error = _late(critique) or behind
    if error is None:
        return None
    present = await critique_out(session, actor, critique)
    if behind and content_of(data) and says(present, data):
        return Response(present, headers=etags.tagged(critique.version))
    if behind:
        error.facts["current"] = present
    return await refuse(session, actor, request, critique, data, error)


def _late(critique: Critique) -> DomainError | None:
    if critique.state == "draft":
        return None
    return IllegalMoveError(f"This critique is {critique.state}; only a draft is written.", state=critique.state)


async def restore(session: AsyncSession, actor: Actor, critique: Critique, row: DraftVersion) -> None:
    """Write what was kept into the draft, whose row is locked; what it replaces is kept in its turn.

    Raises:
        NotFoundError: it was kept of another critique.
        IllegalMoveError: the critique is not a draft any more.
        InvalidError: something of it does not fit any more.
    """
    check_of(row, critique)
    data = msgspec.convert(row.content, CritiquePatch)
    if late := _late(critique):
        raise late
    before = content_of(as_patch(await critique_out(session, actor, critique)))
    replaced = {name: before[name] for name in row.content}
    await writing.write(session, actor, critique, data)
    await keep(session, actor, critique, replaced, "replaced", critique.version - 1)


def as_patch(critique: CritiqueOut) -> CritiquePatch:
    """Return the patch that would write all that a critique says."""
    return CritiquePatch(
        [
            ScoreIn(one.criterion_id, UNSET, not_applicable=True, comment=one.comment)
            if one.not_applicable
            else ScoreIn(one.criterion_id, one.level_id, comment=one.comment)
            for one in critique.scores
        ],
        critique.summary,
        critique.strengths,
        [NextStepIn(one.skill_id, one.text, one.id, one.due_at) for one in critique.next_steps],
        [FollowUpIn(one.next_step_id, one.outcome, one.comment) for one in critique.follow_ups],  # type: ignore[arg-type]  # as its CHECK has it
        critique.decision,  # type: ignore[arg-type]  # likewise
        critique.reply_asset_id,
    )


def says(critique: CritiqueOut, data: CritiquePatch) -> bool:
    """Return whether a critique says all that a patch would write."""
    there = as_patch(critique)
    plain = ("summary", "strengths", "decision", "reply_asset_id")
    return (
        all(getattr(data, name) in (UNSET, getattr(there, name)) for name in plain)
        and _says_scores(there, data)
        and _says_steps(there, data)
        and (data.follow_ups is UNSET or _by_step(data.follow_ups) == _by_step(there.follow_ups or []))
    )


def _says_scores(there: CritiquePatch, data: CritiquePatch) -> bool:
    known = {one.criterion_id: one for one in there.scores or []}
    return all(_is_scored(known.get(one.criterion_id), one) for one in data.scores or [])


def _is_scored(there: ScoreIn | None, sent: ScoreIn) -> bool:
    if sent.level_id is None and not sent.not_applicable:
        return there is None
    if there is None:
        return False
    scored = there.not_applicable if sent.not_applicable else sent.level_id in (UNSET, there.level_id)
    return scored and sent.comment in (UNSET, there.comment)


def _says_steps(there: CritiquePatch, data: CritiquePatch) -> bool:
    if data.next_steps is UNSET:
        return True
    known = there.next_steps or []
    return len(known) == len(data.next_steps) and all(
        (one.skill_id, one.text, one.due_at, one.id or step.id) == (step.skill_id, step.text, step.due_at, step.id)
        for one, step in zip(data.next_steps, known, strict=True)
    )


def _by_step(follow_ups: list[FollowUpIn]) -> dict[Any, FollowUpIn]:
    return {one.next_step_id: one for one in follow_ups}
