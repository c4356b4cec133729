"""Assets: what is told of them, processing them once more, and deleting them."""

import asyncio
import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from sqlalchemy import event, func, select
from structlog.testing import capture_logs

from api.assets.service import asset_outs
from api.assets.tickets import Ticket, Tickets
from media.problems import PROBLEMS
from media.storage import Storage
from models.asset import Asset, Rendition, Upload
from models.base import now
from models.bright_spot import BrightSpot
from models.challenge import Challenge, Prompt
from models.errors import ForbiddenError
from models.event import Event
from models.ids import new_id
from models.take import Response, Take
from models.team import Audience
from tests.client import Client
from tests.conftest import SECRET
from tests.factories.assets import Video, jobs_of, put_playable, put_ready
from tests.factories.critiques import make_critique
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_asset, make_story, make_take, state_of


async def seen(who: Somebody, asset_id: UUID) -> httpx.Response:
    return await who.client.get(f"/v1/assets/{asset_id}")


async def retried(who: Somebody, asset_id: UUID) -> httpx.Response:
    return await who.client.post(f"/v1/assets/{asset_id}/retry")


async def deleted(who: Somebody, asset_id: UUID) -> httpx.Response:
    return await who.client.delete(f"/v1/assets/{asset_id}")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def row_of(org: OrgKit, asset_id: UUID) -> Asset:
    async with org.database.tenant(org.id) as session:
        return await session.get_one(Asset, (org.id, asset_id))


async def take_of(org: OrgKit, take_id: UUID) -> Take:
    async with org.database.tenant(org.id) as session:
        return await session.get_one(Take, (org.id, take_id))


async def asset_of(story: Story, take_id: UUID, prompt: int = 0) -> UUID:
    async with story.database.tenant(story.org.id) as session:
        found = await session.scalar(
            select(Response.asset_id).where(
                Response.org_id == story.org.id,
                Response.take_id == take_id,
                Response.prompt_id == story.prompts[prompt],
            )
        )
    assert found is not None
    return found


async def make_upload(org: OrgKit, owner: Somebody, state: str, asset_state: str, **asset: Any) -> UUID:
    """Return the asset of an upload."""
    asset_id = await make_asset(org, owner.id, asset_state, **asset)
    upload = Upload(
        org_id=org.id,
        asset_id=asset_id,
        person_id=owner.id,
        state=state,
        filename="IMG_0042.MP4",
        content_type="video/mp4",
        size_bytes=10,
        part_size_bytes=10,
        part_count=1,
        multipart_id="m",
        expires_at=now() + timedelta(days=7),
    )
    async with org.database.tenant(org.id) as session:
        session.add(upload)
    return asset_id


async def make_clip(org: OrgKit, maker: Somebody, state: str = "ready", *, wanted: bool = True) -> UUID:
    code = "timed_out" if state == "failed" else None
    async with org.database.tenant(org.id) as session:
        audience = Audience(org_id=org.id)
        session.add(audience)
        await session.flush()
        spot = BrightSpot(
            org_id=org.id,
            maker_id=maker.id,
            title="A good opening",
            kind="open",
            state="awaiting_consent",
            audience_id=audience.id,
        )
        session.add(spot)
        await session.flush()
        clip = Asset(
            org_id=org.id,
            owner_id=maker.id,
            purpose="clip",
            state=state,
            problem_code=code,
            bright_spot_id=spot.id,
        )
        session.add(clip)
        await session.flush()
        spot.clip_asset_id = clip.id if wanted else None
    return clip.id


async def ask_with(story: Story, asset_id: UUID, challenge_state: str) -> None:
    async with story.database.tenant(story.org.id) as session:
        prompt = await session.get_one(Prompt, (story.org.id, story.prompts[0]))
        prompt.asset_id = asset_id
        challenge = await session.get_one(Challenge, (story.org.id, story.challenge_id))
        challenge.state = challenge_state


# What is told


async def test_an_asset_tells_how_far_it_is(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    waiting = (await seen(rep, await make_asset(org, rep.id, "uploading"))).json()
    assert (waiting["state"], waiting["playback"], waiting["renditions"]) == ("uploading", None, [])
    playable = (await seen(rep, (await put_playable(org, storage, rep)).id)).json()
    assert (playable["state"], playable["renditions_pending"]) == ("playable", True)
    assert [one["name"] for one in playable["renditions"]] == ["playable"]
    ready = (await seen(rep, (await put_ready(org, storage, rep)).id)).json()
    listed = [(one["kind"], one["name"], one["height"]) for one in ready["renditions"]]
    assert listed == [
        ("audio", "audio", None),
        ("progressive", "360p", None),
        ("progressive", "playable", None),
        ("video", "360", 360),
    ]
    assert all(one["size_bytes"] > 0 for one in ready["renditions"])


@pytest.mark.parametrize("code", ["no_video_track", "timed_out"])
async def test_a_failed_video_tells_its_owner_what_to_do(org: OrgKit, code: str) -> None:
    rep = await org.person()
    asset_id = await make_asset(org, rep.id, "failed", problem_code=code, problem_detail="signal 9 in /secret")
    answer = await seen(rep, asset_id)
    kind = PROBLEMS[code]
    assert answer.json()["problem"] == {"code": code, "message": kind.message, "retryable": kind.retryable}
    assert "signal 9" not in answer.text


async def test_a_video_whose_renditions_failed_still_plays(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_playable(org, storage, rep, renditions_pending=False, problem_code="timed_out")
    told = (await seen(rep, video.id)).json()
    assert (told["state"], told["problem"]["code"]) == ("playable", "timed_out")
    assert told["playback"]["mp4_url"]


async def test_who_sees_the_take_sees_its_video_and_nobody_else(org: OrgKit) -> None:
    story = await make_story(org)
    asset_id = await asset_of(story, await make_take(story))
    stranger = await org.person("Sam Stranger", "admin")
    assert [(await seen(who, asset_id)).status_code for who in (story.rep, story.manager, stranger)] == [200, 200, 404]
    draft = await asset_of(story, await make_take(story, "draft", number=2))
    assert [(await seen(who, draft)).status_code for who in (story.rep, story.manager)] == [200, 404]


async def test_who_is_not_signed_in_sees_nothing(org: OrgKit, anonymous: Client) -> None:
    rep = await org.person()
    asset_id = await make_asset(org, rep.id)
    assert (await anonymous.get(f"/v1/assets/{asset_id}")).status_code == 401


@pytest.mark.parametrize("state", ["uploading", "processing", "failed", "deleted"])
async def test_what_does_not_play_has_no_fresh_urls_and_says_its_state(org: OrgKit, state: str) -> None:
    rep = await org.person()
    asset_id = await make_asset(org, rep.id, state)
    refused = await rep.client.post(f"/v1/assets/{asset_id}/playback")
    assert (problem(refused), refused.json()["state"]) == ((409, "/problems/asset-not-playable"), state)


@contextmanager
def statements(org: OrgKit) -> Iterator[list[str]]:
    """Collect the queries of the ORM; what opens and closes a transaction is not among them."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    engine = org.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("count", [1, 4])
async def test_any_number_of_assets_takes_two_queries(org: OrgKit, app: Litestar, storage: Storage, count: int) -> None:
    rep = await org.person()
    ids = [(await put_ready(org, storage, rep)).id for _ in range(count)]
    async with org.database.tenant(org.id) as session:
        with statements(org) as said:
            found = await asset_outs(session, app.state, ids)
    assert (len(said), set(found)) == (2, set(ids))
    assert all(one.playback and str(one.id) in (one.playback.mp4_url or "") for one in found.values())


# Retry


async def test_a_retry_processes_a_failed_video_once_more(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_upload(org, rep, "completed", "failed", problem_code="timed_out", problem_detail="slow")
    answer = await retried(rep, asset_id)
    assert (answer.status_code, answer.json()["state"], answer.json()["problem"]) == (200, "processing", None)
    row = await row_of(org, asset_id)
    assert (row.problem_code, row.problem_detail) == (None, None)
    assert row.processing_at is not None
    assert now() - row.processing_at < timedelta(minutes=1)
    assert await jobs_of(org.database, asset_id) == [("process_asset", "quick", f"asset:{asset_id}")]


async def test_retries_that_come_at_once_make_one_job(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_upload(org, rep, "completed", "failed", problem_code="timed_out")
    answers = await asyncio.gather(*(retried(rep, asset_id) for _ in range(4)))
    assert {(answer.status_code, answer.json()["state"]) for answer in answers} == {(200, "processing")}
    assert len(await jobs_of(org.database, asset_id)) == 1


@pytest.mark.parametrize("state", ["processing", "playable", "ready"])
async def test_a_retry_where_nothing_failed_answers_with_the_asset(org: OrgKit, state: str) -> None:
    rep = await org.person()
    asset_id = await make_asset(org, rep.id, state)
    answer = await retried(rep, asset_id)
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert await jobs_of(org.database, asset_id) == []


async def test_a_retry_makes_the_renditions_that_failed_while_the_video_plays_on(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_playable(org, storage, rep, renditions_pending=False, problem_code="timed_out")
    told = [(await retried(rep, video.id)).json() for _ in range(2)]
    assert [(one["state"], one["renditions_pending"], one["problem"]) for one in told] == [("playable", True, None)] * 2
    assert told[0]["playback"] is not None
    assert await jobs_of(org.database, video.id) == [("make_ladder", "long", f"asset:{video.id}")]


async def test_a_problem_of_the_bytes_is_not_tried_again(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_upload(org, rep, "completed", "failed", problem_code="no_video_track")
    refused = await retried(rep, asset_id)
    assert (problem(refused), refused.json()["state"]) == ((409, "/problems/not-retryable"), "failed")
    assert "This file has no video track." in refused.json()["detail"]
    assert (await row_of(org, asset_id)).state == "failed"


@pytest.mark.parametrize(
    ("upload", "state"), [("open", "uploading"), ("expired", "failed"), ("aborted", "failed"), ("aborted", "deleted")]
)
async def test_what_never_arrived_cannot_be_processed(org: OrgKit, upload: str, state: str) -> None:
    rep = await org.person()
    code = "processing_failed" if state == "failed" else None
    asset_id = await make_upload(org, rep, upload, state, problem_code=code)
    refused = await retried(rep, asset_id)
    assert (problem(refused), refused.json()["state"]) == ((409, "/problems/not-retryable"), state)
    assert await jobs_of(org.database, asset_id) == []


async def test_a_clip_is_cut_once_more_while_its_bright_spot_wants_it(org: OrgKit) -> None:
    maker = await org.person()
    clip_id = await make_clip(org, maker, "failed")
    assert (await retried(maker, clip_id)).json()["state"] == "processing"
    assert await jobs_of(org.database, clip_id) == [("cut_clip", "long", f"asset:{clip_id}")]
    unwanted = await make_clip(org, maker, "failed", wanted=False)
    assert problem(await retried(maker, unwanted)) == (409, "/problems/not-retryable")


async def test_only_its_owner_retries_and_deletes_a_video(org: OrgKit) -> None:
    story = await make_story(org)
    asset_id = await asset_of(story, await make_take(story))
    stranger = await org.person()
    for act in (retried, deleted):
        assert (await act(story.manager, asset_id)).status_code == 403
        assert (await act(stranger, asset_id)).status_code == 404
    assert (await row_of(org, asset_id)).state == "playable"


# Delete


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


# Tickets

IDS = st.uuids()
TICKETS = st.builds(Ticket, IDS, IDS, st.integers(1, 2**40))


@given(TICKETS)
def test_a_token_says_what_was_written_until_its_time_is_over(ticket: Ticket) -> None:
    before = Tickets(SECRET, "http://a", clock=lambda: ticket.expires_at - 1)
    after = Tickets(SECRET, "http://a", clock=lambda: ticket.expires_at)
    token = before.token(ticket)
    assert before.read(token) == ticket
    assert before.left_s(ticket) == 1
    with pytest.raises(ForbiddenError, match="expired") as expired:
        after.read(token)
    assert expired.value.slug == "url-expired"


@given(TICKETS, st.integers(0, 71), st.integers(1, 255))
def test_no_byte_of_a_token_can_be_changed(ticket: Ticket, place: int, change: int) -> None:
    tickets = Tickets(SECRET, "http://a", clock=lambda: 0)
    flipped = _flipped(tickets.token(ticket), place, change)
    with pytest.raises(ForbiddenError) as refused:
        tickets.read(flipped)
    assert refused.value.slug == "url-refused"


def _flipped(token: str, place: int, change: int) -> str:
    data = bytearray(base64.urlsafe_b64decode(token))
    data[place] ^= change
    return base64.urlsafe_b64encode(bytes(data)).decode()


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        Tickets(SECRET, "http://a").read(text)
    assert refused.value.slug == "url-refused"


async def test_the_log_names_the_path_without_its_token(org: OrgKit, anonymous: Client) -> None:
    url = Tickets(SECRET, "http://testserver").url(Ticket(org.id, new_id(), int(time.time()) + 60), "master.m3u8")
    with capture_logs() as lines:
        await anonymous.get(url)
    assert [line["path"] for line in lines if line["event"] == "request"] == ["/v1/media/…/master.m3u8"]
