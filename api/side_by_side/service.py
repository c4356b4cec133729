"""Two takes side by side: what was judged of each, and where in their videos to look."""

from collections.abc import Iterable
from uuid import UUID

from litestar.datastructures import State
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.access import find
from api.auth import Actor
from api.critiques.representation import critique_outs
from api.critiques.schemas import CritiqueOut
from api.moments.schemas import MomentBrief, moment_brief
from api.next_steps.schemas import TrackedStep
from api.next_steps.service import tracked, tracked_steps
from api.policy import visible
from api.side_by_side.schemas import ComparedCriterion, CueOut, LevelOut, SideBySideOut
from api.takes.representation import take_outs
from api.takes.service import open_take
from models.alignment import Mark, Pair, align
from models.challenge import Prompt
from models.critique import Critique, Moment, NextStep
from models.errors import InvalidError
from models.rubric import Criterion
from models.take import Take

# What is said of a take belongs to it, unless its critique was replaced by a newer one.
OUT = "published"


async def side_by_side(
    session: AsyncSession, actor: Actor, state: State, left: Take, right_id: UUID | None
) -> SideBySideOut:
    """Return both; who is a reviewer of either has opened it.

    Raises:
        InvalidError: none is named, or it is one take twice.
        NotFoundError: the other one is not visible to the actor.
    """
    if right_id is None or left.id == right_id:
        raise InvalidError("Name another take.", pointer="#query/with")
    right = await find(session, actor, Take, right_id)
    for take in sorted((left, right), key=lambda take: take.id):
        await open_take(session, actor, take)
    await session.flush()
    outs = {out.id: out for out in await take_outs(session, actor, state, [left, right])}
    judged = await _judged(session, actor, (left, right))
    return SideBySideOut(
        outs[left.id],
        outs[right.id],
        _criteria(judged.get(left.id), judged.get(right.id)),
        await _cues(session, actor, left, right),
        await _between(session, actor, left, right),
    )


async def _judged(session: AsyncSession, actor: Actor, takes: Iterable[Take]) -> dict[UUID, CritiqueOut]:
    """The last critique by a manager of each take, of those the actor sees."""
    rows = await session.scalars(
        select(Critique)
        .where(
            visible(actor, Critique),
            Critique.take_id.in_([take.id for take in takes]),
            Critique.state == OUT,
            Critique.perspective == "manager",
        )
        .order_by(Critique.published_at, Critique.id)
    )
    outs = await critique_outs(session, actor, list(rows))
    return {out.take_id: out for out in outs}


def _criteria(left: CritiqueOut | None, right: CritiqueOut | None) -> list[ComparedCriterion]:
    """In the order of the left rubric, then what only the right one has."""
    named = {
        criterion.key: criterion
        for critique in (right, left)
        if critique is not None
        for criterion in critique.rubric.criteria
    }
    keys = dict.fromkeys(
        criterion.key for critique in (left, right) if critique is not None for criterion in critique.rubric.criteria
    )
    return [_compared(key, named[key].title, named[key].skill_id, left, right) for key in keys]


def _compared(
    key: str, title: str, skill_id: UUID, left: CritiqueOut | None, right: CritiqueOut | None
) -> ComparedCriterion:
    one, other = _level(key, left), _level(key, right)
    before, after = one.value if one else None, other.value if other else None
    change = None if before is None or after is None else after - before
    return ComparedCriterion(key, title, skill_id, one, other, change)


def _level(key: str, critique: CritiqueOut | None) -> LevelOut | None:
    if critique is None:
        return None
    criterion = next((one for one in critique.rubric.criteria if one.key == key), None)
    score = next((one for one in critique.scores if criterion and one.criterion_id == criterion.id), None)
    if criterion is None or score is None:
        return None
    labels = {level.id: level.label for level in criterion.levels}
    return LevelOut(critique.id, labels.get(score.level_id) if score.level_id else None, score.value)


async def _cues(session: AsyncSession, actor: Actor, left: Take, right: Take) -> list[CueOut]:
    whole = aliased(Critique)  # visibility has a Critique of its own
    rows = await session.execute(
        select(Moment, Prompt.position, Criterion.key)
        .join(Prompt, (Prompt.org_id == Moment.org_id) & (Prompt.id == Moment.prompt_id))
        .outerjoin(Criterion, (Criterion.org_id == Moment.org_id) & (Criterion.id == Moment.criterion_id))
        .outerjoin(whole, (whole.org_id == Moment.org_id) & (whole.id == Moment.critique_id))
        .where(
            visible(actor, Moment),
            Moment.take_id.in_((left.id, right.id)),
            or_(Moment.critique_id.is_(None), whole.state == OUT),
        )
    )
    moments: dict[UUID, Moment] = {}
    marks: dict[UUID, list[Mark]] = {left.id: [], right.id: []}
    for moment, position, key in rows:
        moments[moment.id] = moment
        marks[moment.take_id].append(Mark(moment.id, position, moment.start_ms, moment.tone, key))
    return [_cue(pair, moments) for pair in align(marks[left.id], marks[right.id])]


def _cue(pair: Pair, moments: dict[UUID, Moment]) -> CueOut:
    mark = pair.left or pair.right
    return CueOut(
        mark.criterion if mark else None, _side(pair.left, moments), _side(pair.right, moments), pair.offset_ms
    )


def _side(mark: Mark | None, moments: dict[UUID, Moment]) -> MomentBrief | None:
    return moment_brief(moments[mark.id]) if mark is not None else None


async def _between(session: AsyncSession, actor: Actor, left: Take, right: Take) -> list[TrackedStep]:
    times = sorted(take.submitted_at for take in (left, right) if take.submitted_at is not None)
    if left.person_id != right.person_id or len(times) < 2:
        return []
    rows = await session.execute(
        tracked_steps()
        .where(
            visible(actor, NextStep),
            NextStep.person_id == left.person_id,
            NextStep.published_at.between(times[0], times[1]),
            or_(NextStep.retired_at.is_(None), NextStep.retired_at > times[1]),
        )
        .order_by(NextStep.published_at, NextStep.id)
    )
    return [tracked(row) for row in rows]
