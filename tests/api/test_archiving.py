"""Archiving is not erasing: what is put away keeps its videos, whole, until somebody deletes them."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update

from media import keys
from media.storage import Storage
from models.asset import Erasure, Rendition
from models.ids import new_id
from models.take import Response
from tests.factories.assets import Video, ask_with, put_ready, row_of, seen
from tests.factories.people import OrgKit
from tests.factories.takes import Story, make_story, make_take

Act = Callable[[Story, UUID], Awaitable[None]]


async def archive(story: Story, _take_id: UUID) -> None:
    for verb in ("close", "archive"):
        answer = await story.manager.client.post(f"/v1/challenges/{story.challenge_id}/{verb}")
        assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "archived"


async def withdraw(story: Story, take_id: UUID) -> None:
    answer = await story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")


async def discard(story: Story, take_id: UUID) -> None:
    assert (await story.rep.client.delete(f"/v1/takes/{take_id}")).status_code < 300


async def leave(story: Story, _take_id: UUID) -> None:
    """The rep leaves the organization."""
    admin = await story.org.person(org_role="admin")
    answer = await admin.client.patch(f"/v1/people/{story.rep.id}", json={"state": "left"}, headers={"if-match": "*"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("state", "act"),
    [("submitted", archive), ("reviewed", archive), ("submitted", withdraw), ("draft", discard), ("submitted", leave)],
    ids=["archived", "archived-when-reviewed", "withdrawn", "discarded", "its-rep-left"],
)
async def test_what_is_put_away_keeps_its_videos(org: OrgKit, storage: Storage, state: str, act: Act) -> None:
    story = await make_story(org)
    take_id = await make_take(story, state)
    answer = await put_ready(org, storage, story.rep)
    asked = await put_ready(org, storage, story.manager, purpose="prompt")
    await ask_with(story, asked.id, "published")
    async with org.database.tenant(org.id) as session:
        of_take = (Response.org_id == org.id) & (Response.take_id == take_id)
        await session.execute(update(Response).where(of_take).values(asset_id=answer.id))
    before = [await whole(video) for video in (answer, asked)]
    await act(story, take_id)
    assert [await whole(video) for video in (answer, asked)] == before
    assert (before[0][0], len(before[0][1])) == ("ready", 8)
    assert await erasing(org) == (0, 0)


async def whole(video: Video) -> tuple[str, list[str], int]:
    """Return the state of a video, its objects and how many renditions it has."""
    row = await row_of(video.org, video.id)
    async with video.org.database.tenant(video.org.id) as session:
        of_video = (Rendition.org_id == video.org.id) & (Rendition.asset_id == video.id)
        count = await session.scalar(select(func.count()).select_from(Rendition).where(of_video))
    return row.state, await video.storage.list_keys(keys.asset_prefix(video.org.id, video.id)), count or 0


async def erasing(org: OrgKit) -> tuple[int, int]:
    """Return how many erasures are asked for, as receipts and as jobs."""
    async with org.database.tenant(org.id) as session:
        receipts = await session.scalar(select(func.count()).select_from(Erasure).where(Erasure.org_id == org.id))
        query = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'delete_asset' AND args ->> 'org_id' = :org"
        jobs = await session.scalar(text(query), {"org": str(org.id)})
    return receipts or 0, jobs or 0


async def test_in_an_archived_challenge_the_videos_still_play(org: OrgKit, storage: Storage) -> None:
    story = await make_story(org)
    asked = await put_ready(org, storage, story.manager, purpose="prompt")
    await ask_with(story, asked.id, "published")
    await archive(story, new_id())
    assert (await seen(story.rep, asked.id)).json()["playback"]["mp4_url"]
