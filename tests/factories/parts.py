"""What comes with a challenge: prompts with their limits, a model answer, attachments; and takes by the clock."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import update

from models.asset import Upload
from models.base import now
from models.take import Take
from tests.factories.challenges import Body, Cast, assignment_for, hand_in, published
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_asset


async def model_answer(org: OrgKit, author: Somebody, text: str = "Compared with what?", **asset: Any) -> Body:
    video = await make_asset(org, author.id, purpose="model_answer", **asset)
    return {"asset_id": str(video), "text": text}


async def attachment(org: OrgKit, author: Somebody, title: str = "", **asset: Any) -> Body:
    values = {"state": "ready", "content_type": "application/pdf", "size_bytes": 9, **asset}
    file = await make_asset(org, author.id, purpose="attachment", **values)
    return {"asset_id": str(file), "title": title}


async def prompt_video(org: OrgKit, author: Somebody, **asset: Any) -> str:
    return str(await make_asset(org, author.id, **{"purpose": "prompt", "state": "ready", **asset}))


def limited(*limits: tuple[int, int], **values: Any) -> list[Body]:
    """Return prompts with their `(preparation_ms, max_duration_ms)`."""
    return [
        {"text": f"Prompt {place}", "preparation_ms": preparation, "max_duration_ms": recording, **values}
        for place, (preparation, recording) in enumerate(limits)
    ]


def timed(*limits: tuple[int, int], window_ms: int | None = None, **values: Any) -> Body:
    """Return what makes a challenge a timed one."""
    return {"prompts": limited(*(limits or ((30_000, 60_000),))), "timed": {"window_ms": window_ms}, **values}


async def copy_for(cast: Cast, **values: Any) -> tuple[Body, Body]:
    """Publish a challenge, and return it with the rep's copy."""
    challenge = await published(cast, **values)
    return challenge, await assignment_for(cast.rep, challenge, cast.rep)


async def handed_in(cast: Cast, **values: Any) -> tuple[Body, Body]:
    """Publish a challenge and hand a take of it in; return both."""
    challenge, assignment = await copy_for(cast, **values)
    return challenge, await hand_in(cast.org, cast.rep, assignment)


async def start(who: Somebody, assignment: Body, **body: Any) -> httpx.Response:
    return await who.client.post(f"/v1/assignments/{assignment['id']}/takes", json=body)


async def answer(who: Somebody, take: Body, asset_id: UUID | str, prompt: int = 0) -> httpx.Response:
    prompt_id = take["responses"][prompt]["prompt_id"]
    return await who.client.put(f"/v1/takes/{take['id']}/responses/{prompt_id}", json={"asset_id": str(asset_id)})


async def submit(who: Somebody, take: Body) -> httpx.Response:
    return await who.client.post(f"/v1/takes/{take['id']}/submit")


async def take_seen(who: Somebody, take: Body) -> Body:
    seen = await who.client.get(f"/v1/takes/{take['id']}")
    assert seen.status_code == 200, seen.text
    body: Body = seen.json()
    return body


async def turn_back(org: OrgKit, take: Body, **span: float) -> None:
    """Let so much time have passed since a timed take was started; of what was announced since then, too."""
    ago = timedelta(**span)
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Take, (org.id, UUID(take["id"])))
        assert row.ends_at is not None
        assert row.closes_at is not None
        begun = row.created_at
        row.created_at, row.ends_at, row.closes_at = begun - ago, row.ends_at - ago, row.closes_at - ago
        since = (Upload.org_id == org.id) & (Upload.person_id == row.person_id) & (Upload.created_at >= begun)
        await session.execute(update(Upload).where(since).values(created_at=Upload.created_at - ago))


async def announced_ago(org: OrgKit, who: Somebody, **span: float) -> UUID:
    """Return a video that plays, announced so long ago."""
    return await make_asset(org, who.id, created_at=now() - timedelta(**span))


async def granted(who: Somebody, assignment: Body, version: int | str = "*") -> httpx.Response:
    named = version if version == "*" else f'"{version}"'
    return await who.client.post(f"/v1/assignments/{assignment['id']}/another-take", headers={"if-match": str(named)})
