"""Takes as JSON: everything for a list of them in one statement."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar.datastructures import State
from sqlalchemy import Select, Subquery, Text, case, cast, null, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.rows import AssetRow, asset_json
from api.assets.service import make_asset_out
from api.auth import Actor
from api.progress.next_steps import NextStepOut, open_steps_json
from api.refs import PersonRef
from api.takes.schemas import ClockOut, ResponseOut, TakeOut
from models.asset import Asset
from models.challenge import Challenge, Prompt
from models.critique import NextStep
from models.person import Person
from models.reads import instant, json_list, json_object
from models.rubric import Criterion
from models.take import Response, Take


class _Response(msgspec.Struct, frozen=True):
    prompt_id: UUID
    failed: bool
    answered_at: datetime | None
    asset: AssetRow | None


_responses = msgspec.json.Decoder(list[_Response])
_next_steps = msgspec.json.Decoder(list[NextStepOut])


async def take_out(session: AsyncSession, actor: Actor, state: State, take: Take) -> TakeOut:
    return (await take_outs(session, actor, state, [take]))[0]


async def take_outs(session: AsyncSession, actor: Actor, state: State, takes: Sequence[Take]) -> list[TakeOut]:
    chosen = select(Take).where(Take.org_id == actor.org_id, Take.id.in_([take.id for take in takes]))
    rows = await session.execute(take_rows(actor, chosen))
    found = {row.id: make_take_out(state, row) for row in rows}
    return [found[take.id] for take in takes]


async def names_of(session: AsyncSession, org_id: UUID, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(Person.id, Person.name).where(Person.org_id == org_id, Person.id.in_(set(person_ids)))
    )
    return {row.id: row.name for row in rows}


def take_rows(actor: Actor, chosen: Select[Any]) -> Select[*tuple[Any, ...]]:
    """Return the query of all that `make_take_out` needs of the chosen takes; that the actor sees them, its caller
    knows.
    """
    take = chosen.subquery("chosen")
    return (
        select(
            take.c.id,
            take.c.assignment_id,
            take.c.challenge_id,
            take.c.person_id,
            Person.name,
            take.c.team_id,
            take.c.number,
            take.c.practice,
            take.c.state,
            take.c.note,
            take.c.confidence,
            take.c.created_at,
            take.c.submitted_at,
            take.c.opened_at,
            take.c.reviewed_at,
            take.c.ends_at,
            take.c.closes_at,
            take.c.lapsed_at,
            cast(_responses_json(take), Text).label("responses"),
            cast(_next_steps_json(actor, take), Text).label("next_steps"),
        )
        .select_from(take)
        .join(Person, (Person.org_id == take.c.org_id) & (Person.id == take.c.person_id))
    )


def _responses_json(take: Subquery) -> Any:
    """Return one for each prompt, in order, whether it has a response or not."""
    response = json_object(
        prompt_id=Prompt.id,
        failed=Response.failed_at.is_not(None),
        answered_at=instant(Response.updated_at),
        asset=case((Asset.id.is_(None), null()), else_=asset_json()),
    )
    return (
        select(json_list(response, Prompt.position))
        .select_from(Prompt)
        .outerjoin(
            Response,
            (Response.org_id == Prompt.org_id) & (Response.prompt_id == Prompt.id) & (Response.take_id == take.c.id),
        )
        .outerjoin(Asset, (Asset.org_id == Response.org_id) & (Asset.id == Response.asset_id))
        .where(Prompt.org_id == take.c.org_id, Prompt.challenge_id == take.c.challenge_id)
        .correlate(take)
        .scalar_subquery()
    )


def _next_steps_json(actor: Actor, take: Subquery) -> Any:
    """Return the person's open ones that were agreed before this take was handed in, on a skill it practises."""
    practised = (
        select(Criterion.skill_id)
        .join(
            Challenge,
            (Challenge.org_id == Criterion.org_id) & (Challenge.rubric_version_id == Criterion.rubric_version_id),
        )
        .where(Challenge.org_id == take.c.org_id, Challenge.id == take.c.challenge_id)
        .correlate(take)
    )
    steps, origin = open_steps_json(actor, NextStep.person_id == take.c.person_id)
    return (
        steps.where(
            origin.take_id != take.c.id,
            or_(take.c.submitted_at.is_(None), NextStep.published_at <= take.c.submitted_at),
            NextStep.skill_id.in_(practised),
        )
        .correlate(take)
        .scalar_subquery()
    )


def make_take_out(state: State, row: Sequence[Any]) -> TakeOut:
    (
        id_,
        assignment_id,
        challenge_id,
        person_id,
        name,
        team_id,
        number,
        practice,
        take_state,
        note,
        confidence,
        created_at,
        submitted_at,
        opened_at,
        reviewed_at,
        ends_at,
        closes_at,
        lapsed_at,
        responses,
        next_steps,
    ) = row
    may_replace = take_state == "needs_replacement"
    return TakeOut(
        id_,
        assignment_id,
        challenge_id,
        PersonRef(person_id, name),
        team_id,
        number,
        practice,
        take_state,
        note,
        confidence,
        [_response(state, one, closes_at, may_replace=may_replace) for one in _responses.decode(responses)],
        _next_steps.decode(next_steps),
        created_at,
        submitted_at,
        opened_at,
        reviewed_at,
        None if closes_at is None else ClockOut(ends_at, closes_at, lapsed_at),
    )


def _response(state: State, response: _Response, closes_at: datetime | None, *, may_replace: bool) -> ResponseOut:
    asset = response.asset
    if asset is None:
        return ResponseOut(response.prompt_id, None, replace=False, answered_at=None, in_time=None)
    return ResponseOut(
        response.prompt_id,
        make_asset_out(state, asset, asset.renditions, asset.captions),
        replace=may_replace and response.failed,
        answered_at=response.answered_at,
        in_time=None if closes_at is None else asset.created_at <= closes_at,
    )
