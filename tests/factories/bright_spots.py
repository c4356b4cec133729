"""Bright spots over HTTP, as their makers and the people shown in them do; what the worker does, as rows."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, update

from models.asset import Asset
from models.base import now
from models.bright_spot import BrightSpot, Consent
from models.event import Event
from models.take import Response
from tests.factories.accounts import answered
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_assignment, make_challenge, make_story, make_take

Body = dict[str, Any]


async def shared_story(org: OrgKit, **challenge: Any) -> tuple[Story, UUID]:
    """Return a story with a take that was handed in and plays."""
    story = await make_story(org, **challenge)
    return story, await make_take(story)


async def colleague(story: Story, name: str = "Ria Rep") -> Story:
    """Return the story of another rep of the team with the same challenge."""
    rep = await story.org.person(name)
    await story.org.member(story.team_id, rep)
    assignment_id = await make_assignment(story.org, story.challenge_id, rep.id, story.team_id, state="open")
    return replace(story, rep=rep, assignment_id=assignment_id)


async def another_challenge(story: Story, **values: Any) -> Story:
    """Return the story of the same rep with another challenge."""
    org = story.org
    challenge_id, prompts = await make_challenge(org, story.manager.id, story.rubric_version_id, **values)
    assignment_id = await make_assignment(org, challenge_id, story.rep.id, story.team_id, state="open")
    return replace(story, challenge_id=challenge_id, prompts=prompts, assignment_id=assignment_id)


def segment(story: Story, take_id: object, start_ms: int = 1000, end_ms: int = 6000) -> Body:
    return {"take_id": str(take_id), "prompt_id": str(story.prompts[0]), "start_ms": start_ms, "end_ms": end_ms}


def described(story: Story, *take_ids: object, **values: Any) -> Body:
    """Return a bright spot for the team as a client sends it."""
    return {
        "segments": [segment(story, take_id) for take_id in take_ids],
        "title": "Opens with the buyer's problem",
        "audience": {"team_ids": [str(story.team_id)]},
        **values,
    }


async def post(who: Somebody, body: Body) -> httpx.Response:
    return await who.client.post("/v1/bright-spots", json=body)


async def made(who: Somebody, story: Story, *take_ids: object, **values: Any) -> Body:
    return answered(await post(who, described(story, *take_ids, **values)), 201)


async def act(who: Somebody, spot: Body, verb: str, **body: Any) -> httpx.Response:
    return await who.client.post(f"/v1/bright-spots/{spot['id']}/{verb}", json=body or None)


async def consent(who: Somebody, spot: Body, *, granted: bool = True, **body: Any) -> Body:
    return answered(await act(who, spot, "consent", granted=granted, **body))


async def edit(who: Somebody, spot: Body, match: str = "*", **values: Any) -> httpx.Response:
    return await who.client.patch(f"/v1/bright-spots/{spot['id']}", json=values, headers={"if-match": match})


async def edited(who: Somebody, spot: Body, **values: Any) -> Body:
    return answered(await edit(who, spot, **values))


async def get(who: Somebody, spot: Body) -> httpx.Response:
    return await who.client.get(f"/v1/bright-spots/{spot['id']}")


async def seen(who: Somebody, spot: Body) -> bool:
    return (await get(who, spot)).status_code == 200


async def read(who: Somebody, spot: Body) -> Body:
    return answered(await get(who, spot))


async def cut(org: OrgKit, spot: Body) -> None:
    """Let the worker have cut the clip that a bright spot has now."""
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(BrightSpot, (org.id, UUID(spot["id"])))
        mine = Asset.org_id == org.id, Asset.id == row.clip_asset_id
        await session.execute(update(Asset).where(*mine).values(state="ready", ready_at=now(), duration_ms=5000))


async def published(who: Somebody, story: Story, *take_ids: object, **values: Any) -> Body:
    """Publish what only the rep of the story is shown in."""
    spot = await made(who, story, *take_ids, **values)
    await cut(story.org, spot)
    await consent(story.rep, spot)
    return answered(await act(who, spot, "publish"))


async def run_out(org: OrgKit, spot: Body) -> None:
    """Let the time of every consent be over; the sweep has not come by yet."""
    async with org.database.tenant(org.id) as session:
        mine = Consent.org_id == org.id, Consent.bright_spot_id == UUID(spot["id"])
        await session.execute(update(Consent).where(*mine).values(until=now()))


async def clip_of(org: OrgKit, asset_id: object) -> Asset:
    async with org.database.tenant(org.id) as session:
        return await session.get_one(Asset, (org.id, UUID(str(asset_id))))


async def moves(org: OrgKit, spot: Body) -> list[str]:
    """Return the states a bright spot has been in."""
    query = select(Event.name).where(Event.org_id == org.id, Event.subject_id == UUID(spot["id"]))
    async with org.database.tenant(org.id) as session:
        names = await session.scalars(query.order_by(Event.at, Event.id))
        return [name.removeprefix("bright_spot.") for name in names]


async def respond_with(story: Story, take_id: UUID, asset_id: UUID) -> None:
    """Let another video be what a take answers with."""
    async with story.database.tenant(story.org.id) as session:
        of_take = Response.org_id == story.org.id, Response.take_id == take_id
        await session.execute(update(Response).where(*of_take).values(asset_id=asset_id))
