"""Deleting a video: what it was part of, and what stands against it."""

import asyncio

import pytest
from sqlalchemy import func, select

from media.storage import Storage
from models.asset import Rendition, Upload
from models.event import Event
from tests.factories.assets import (
    Video,
    ask_with,
    asset_of,
    deleted,
    jobs_of,
    make_clip,
    make_upload,
    problem,
    put_ready,
    row_of,
    seen,
    take_of,
)
from tests.factories.critiques import make_critique
from tests.factories.people import OrgKit
from tests.factories.takes import make_asset, make_story, make_take, state_of


async def test_a_deleted_video_says_so_to_its_owner_and_is_erased_by_a_job(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    answers = [await deleted(rep, video.id) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    told = (await seen(rep, video.id)).json()
    assert (told["state"], told["playback"], told["renditions"]) == ("deleted", None, [])
    row = await row_of(org, video.id)
    assert row.deleted_at is not None
    assert not row.renditions_pending
    assert [job[:2] for job in await jobs_of(org.database, video.id)] == [("delete_asset", "quick")]
    assert await _renditions(video) == 0


async def _renditions(video: Video) -> int:
    async with video.org.database.tenant(video.org.id) as session:
        query = select(func.count()).where(Rendition.org_id == video.org.id, Rendition.asset_id == video.id)
        return await session.scalar(query) or 0


async def test_deletions_that_come_at_once_make_one_job(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_asset(org, rep.id)
    answers = await asyncio.gather(*(deleted(rep, asset_id) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {204}
    assert len(await jobs_of(org.database, asset_id)) == 1


async def test_deleting_while_it_uploads_ends_the_upload(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_upload(org, rep, "open", "uploading")
    assert (await deleted(rep, asset_id)).status_code == 204
    async with org.database.tenant(org.id) as session:
        upload = (
            await session.scalars(select(Upload).where(Upload.org_id == org.id, Upload.asset_id == asset_id))
        ).one()
        events = await session.scalars(select(Event.name).where(Event.org_id == org.id, Event.subject_id == upload.id))
    assert (upload.state, "upload.aborted" in events.all()) == ("aborted", True)


async def test_a_draft_loses_the_response_and_asks_for_another(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take_id = await make_take(story, "draft")
    asset_id = await asset_of(story, take_id)
    assert (await deleted(story.rep, asset_id)).status_code == 204
    take = (await story.rep.client.get(f"/v1/takes/{take_id}")).json()
    assert (take["state"], [one["asset"] is None for one in take["responses"]]) == ("draft", [True, False])
    refused = await story.rep.client.post(f"/v1/takes/{take_id}/submit")
    assert (problem(refused), refused.json()["missing"]) == (
        (409, "/problems/responses-missing"),
        [str(story.prompts[0])],
    )


@pytest.mark.parametrize("state", ["submitting", "submitted"])
async def test_a_take_that_waits_for_its_review_asks_for_a_replacement(org: OrgKit, state: str) -> None:
    story = await make_story(org, prompts=2)
    take_id = await make_take(story, state)
    assert (await deleted(story.rep, await asset_of(story, take_id))).status_code == 204
    take = (await story.rep.client.get(f"/v1/takes/{take_id}")).json()
    assert (take["state"], [one["replace"] for one in take["responses"]]) == ("needs_replacement", [True, False])
    assert await state_of(story) == "in_progress"
    assert (await story.manager.client.get("/v1/me/reviews")).json()["items"] == []


async def test_a_reviewed_take_keeps_its_critique_without_the_video(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await make_critique(story, take_id)
    asset_id = await asset_of(story, take_id)
    assert (await deleted(story.rep, asset_id)).status_code == 204
    take = (await story.manager.client.get(f"/v1/takes/{take_id}")).json()
    assert (take["state"], take["responses"][0]["asset"]["state"]) == ("reviewed", "deleted")
    assert take["responses"][0]["asset"]["playback"] is None
    assert (await story.rep.client.get(f"/v1/critiques/{critique['id']}")).json()["state"] == "published"
    assert (await take_of(org, take_id)).state == "reviewed"


@pytest.mark.parametrize(
    ("challenge", "status"), [("draft", 204), ("published", 409), ("closed", 409), ("archived", 204)]
)
async def test_a_video_a_challenge_asks_with_stays_while_it_may_be_answered(
    org: OrgKit, challenge: str, status: int
) -> None:
    story = await make_story(org)
    asset_id = await make_asset(org, story.manager.id, "ready", purpose="prompt")
    await ask_with(story, asset_id, challenge)
    answer = await deleted(story.manager, asset_id)
    assert answer.status_code == status
    if status == 409:
        assert (problem(answer), answer.json()["state"]) == ((409, "/problems/asset-in-use"), "ready")
        assert (await row_of(org, asset_id)).state == "ready"


async def test_the_clip_of_a_bright_spot_goes_with_consent_and_not_by_itself(org: OrgKit) -> None:
    maker = await org.person()
    clip_id = await make_clip(org, maker)
    assert problem(await deleted(maker, clip_id)) == (409, "/problems/asset-in-use")
    assert (await row_of(org, clip_id)).state == "ready"


async def test_a_clip_made_of_a_video_stays_when_that_is_deleted(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    clip_id = await make_clip(org, story.manager)
    assert (await deleted(story.rep, await asset_of(story, take_id))).status_code == 204
    assert (await row_of(org, clip_id)).state == "ready"
