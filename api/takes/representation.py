"""Takes as JSON: everything for a list of them in a handful of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from litestar.datastructures import State
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.schemas import AssetOut
from api.assets.service import asset_outs
from api.auth import Actor
from api.progress.next_steps import NextStepOut, open_steps
from api.refs import PersonRef
from api.takes.schemas import ResponseOut, TakeOut
from models.challenge import Challenge, Prompt
from models.person import Person
from models.rubric import Criterion
from models.take import Response, Take


@dataclass(frozen=True)
class _Parts:
    prompts: dict[UUID, list[UUID]]  # by challenge, in order
    skills: dict[UUID, set[UUID]]  # by challenge
    responses: dict[tuple[UUID, UUID], Response]  # by take and prompt
    assets: dict[UUID, AssetOut]
    names: dict[UUID, str]
    steps: list[tuple[NextStepOut, UUID]]


async def take_out(session: AsyncSession, actor: Actor, state: State, take: Take) -> TakeOut:
    return (await take_outs(session, actor, state, [take]))[0]


async def take_outs(session: AsyncSession, actor: Actor, state: State, takes: Sequence[Take]) -> list[TakeOut]:
    org, challenges = actor.org_id, {take.challenge_id for take in takes}
    people = {take.person_id for take in takes}
    responses = await _responses(session, org, [take.id for take in takes])
    parts = _Parts(
        await _prompts(session, org, challenges),
        await _skills(session, org, challenges),
        {(response.take_id, response.prompt_id): response for response in responses},
        await asset_outs(session, state, [response.asset_id for response in responses]),
        await names_of(session, org, people),
        await open_steps(session, actor, people),
    )
    return [_out(take, parts) for take in takes]


async def names_of(session: AsyncSession, org_id: UUID, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(Person.id, Person.name).where(Person.org_id == org_id, Person.id.in_(set(person_ids)))
    )
    return {row.id: row.name for row in rows}


def _out(take: Take, parts: _Parts) -> TakeOut:
    return TakeOut(
        take.id,
        take.assignment_id,
        take.challenge_id,
        PersonRef(take.person_id, parts.names[take.person_id]),
        take.team_id,
        take.number,
        take.practice,
        take.state,
        take.note,
        take.confidence,
        [_response(take, prompt_id, parts) for prompt_id in parts.prompts[take.challenge_id]],
        [step for step, from_take in parts.steps if _is_from_last_time(step, from_take, take, parts)],
        take.created_at,
        take.submitted_at,
        take.opened_at,
        take.reviewed_at,
    )


def _response(take: Take, prompt_id: UUID, parts: _Parts) -> ResponseOut:
    response = parts.responses.get((take.id, prompt_id))
    if response is None:
        return ResponseOut(prompt_id, None, replace=False)
    replace = take.state == "needs_replacement" and response.failed_at is not None
    return ResponseOut(prompt_id, parts.assets.get(response.asset_id), replace=replace)


def _is_from_last_time(step: NextStepOut, from_take: UUID, take: Take, parts: _Parts) -> bool:
    """A step that was agreed before this take was handed in, on a skill it practises."""
    if step.person_id != take.person_id or from_take == take.id or step.published_at is None:
        return False
    known = take.submitted_at is None or step.published_at <= take.submitted_at
    return known and step.skill_id in parts.skills[take.challenge_id]


async def _responses(session: AsyncSession, org_id: UUID, take_ids: Sequence[UUID]) -> Sequence[Response]:
    rows = await session.scalars(select(Response).where(Response.org_id == org_id, Response.take_id.in_(take_ids)))
    return rows.all()


async def _prompts(session: AsyncSession, org_id: UUID, challenge_ids: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    rows = await session.execute(
        select(Prompt.challenge_id, Prompt.id)
        .where(Prompt.org_id == org_id, Prompt.challenge_id.in_(challenge_ids))
        .order_by(Prompt.challenge_id, Prompt.position)
    )
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        found[row.challenge_id].append(row.id)
    return found


async def _skills(session: AsyncSession, org_id: UUID, challenge_ids: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    rows = await session.execute(
        select(Challenge.id, Criterion.skill_id)
        .join(
            Criterion,
            (Criterion.org_id == Challenge.org_id) & (Criterion.rubric_version_id == Challenge.rubric_version_id),
        )
        .where(Challenge.org_id == org_id, Challenge.id.in_(challenge_ids))
    )
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        found[row.id].add(row.skill_id)
    return found
