"""Assets: what is told of them, processing them once more, and deleting them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import event

from api.assets.service import asset_outs
from media.problems import PROBLEMS
from media.storage import Storage
from models.base import now
from tests.client import Client
from tests.factories.assets import (
    asset_of,
    deleted,
    jobs_of,
    make_clip,
    make_upload,
    problem,
    put_playable,
    put_ready,
    retried,
    row_of,
    seen,
)
from tests.factories.people import OrgKit
from tests.factories.takes import make_asset, make_story, make_take


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
