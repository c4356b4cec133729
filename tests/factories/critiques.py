"""Critiques, written over HTTP as a reviewer does."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, update

from models.base import now
from models.critique import Critique
from models.event import Event
from models.org import Org
from models.progress import SkillObservation
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_take

FULL = {"opening": 2, "clarity": 2, "story": 1}


def scores(story: Story, /, **levels: int) -> list[dict[str, Any]]:
    """Return the scores of a PATCH: the place of the level, by the key of its criterion."""
    return [
        {"criterion_id": str(story.questions[key].id), "level_id": str(story.questions[key].levels[place])}
        for key, place in (levels or FULL).items()
    ]


async def draft(take_id: UUID | str, writer: Somebody) -> dict[str, Any]:
    made = await writer.client.post(f"/v1/takes/{take_id}/critiques", json={})
    assert made.status_code in {200, 201}, made.text
    body: dict[str, Any] = made.json()
    return body


async def write(writer: Somebody, critique: dict[str, Any], **patch: Any) -> dict[str, Any]:
    headers = {"if-match": f'"{critique["version"]}"'}
    written = await writer.client.patch(f"/v1/critiques/{critique['id']}", json=patch, headers=headers)
    assert written.status_code == 200, written.text
    body: dict[str, Any] = written.json()
    return body


async def publish(writer: Somebody, critique: dict[str, Any]) -> dict[str, Any]:
    published = await writer.client.post(f"/v1/critiques/{critique['id']}/publish")
    assert published.status_code == 200, published.text
    body: dict[str, Any] = published.json()
    return body


async def make_critique(
    story: Story, take_id: UUID | str, writer: Somebody | None = None, **patch: Any
) -> dict[str, Any]:
    """Publish a critique with full scores, unless the patch says others."""
    writer = writer or story.manager
    written = await write(writer, await draft(take_id, writer), **({"scores": scores(story)} | patch))
    return await publish(writer, written)


async def observe(
    story: Story, values: list[float], *, skill: str = "opening", every_days: float = 10, perspective: str = "manager"
) -> None:
    """Write one observation a take, the last one today."""
    for place, value in enumerate(values):
        days_ago = every_days * (len(values) - 1 - place)
        at = now() - timedelta(days=days_ago)
        take_id = await make_take(story, "reviewed", days_ago=days_ago, number=100 + place)
        critique = Critique(
            org_id=story.org.id,
            take_id=take_id,
            reviewer_id=story.manager.id,
            perspective=perspective,
            rubric_version_id=story.rubric_version_id,
            state="published",
            published_at=at,
        )
        async with story.database.tenant(story.org.id) as session:
            session.add(critique)
            await session.flush()
            session.add(
                SkillObservation(
                    org_id=story.org.id,
                    person_id=story.rep.id,
                    skill_id=story.questions[skill].skill_id,
                    team_id=story.team_id,
                    take_id=take_id,
                    critique_id=critique.id,
                    reviewer_id=story.manager.id,
                    rubric_version_id=story.rubric_version_id,
                    perspective=perspective,
                    value=value,
                    step=0.25,
                    observed_at=at,
                    published_at=at,
                )
            )


async def patched(who: Somebody, critique: dict[str, Any], body: dict[str, Any]) -> httpx.Response:
    headers = {"if-match": f'"{critique["version"]}"'}
    return await who.client.patch(f"/v1/critiques/{critique['id']}", json=body, headers=headers)


async def got(who: Somebody, critique: dict[str, Any]) -> httpx.Response:
    return await who.client.get(f"/v1/critiques/{critique['id']}")


async def act(who: Somebody, critique: dict[str, Any], action: str, **body: Any) -> httpx.Response:
    return await who.client.post(f"/v1/critiques/{critique['id']}/{action}", json=body or None)


async def observations(story: Story) -> list[SkillObservation]:
    async with story.database.tenant(story.org.id) as session:
        rows = await session.scalars(
            select(SkillObservation)
            .where(SkillObservation.org_id == story.org.id)
            .order_by(SkillObservation.published_at, SkillObservation.id)
        )
        return list(rows.all())


def step(story: Story, text: str = "Open with the number", key: str = "opening") -> dict[str, Any]:
    return {"skill_id": str(story.questions[key].skill_id), "text": text}


async def settings_of(org: OrgKit, **settings: bool) -> None:
    """Let the organization ask this of its critiques."""
    async with org.database.tenant(org.id) as session:
        await session.execute(update(Org).where(Org.id == org.id).values(settings))


async def remark(who: Somebody, story: Story, take_id: object, **values: Any) -> httpx.Response:
    """Add a moment, from its first second to its fourth unless the values say other."""
    body = {
        "prompt_id": str(story.prompts[0]),
        "start_ms": 1000,
        "end_ms": 4000,
        "body": "Let the silence work",
        "tone": "strength",
        **values,
    }
    return await who.client.post(f"/v1/takes/{take_id}/moments", json=body)


async def heard(story: Story, *names: str) -> list[Event]:
    """Return the events of these names, first to last."""
    async with story.database.tenant(story.org.id) as session:
        query = select(Event).where(Event.org_id == story.org.id, Event.name.in_(names)).order_by(Event.at, Event.id)
        return list((await session.scalars(query)).all())
