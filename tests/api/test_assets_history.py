"""What happened to a video, and the receipt of its erasure: who sees which, and what stands in it."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from api.assets.schemas import AssetEventOut
from media import keys
from media.problems import PROBLEMS
from media.storage import Storage
from models.asset import Asset, Caption
from models.base import now
from models.erasures import receipt_of
from models.event import write_event
from tests.factories.assets import asset_of, deleted, make_clip, make_upload, problem, put_ready, retried, row_of, seen
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_asset, make_story, make_take


async def history(who: Somebody, asset_id: object, query: str = "") -> httpx.Response:
    return await who.client.get(f"/v1/assets/{asset_id}/events{query}")


async def told(who: Somebody, asset_id: object) -> list[dict[str, Any]]:
    answer = await history(who, asset_id)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def receipt(who: Somebody, asset_id: object) -> httpx.Response:
    return await who.client.get(f"/v1/assets/{asset_id}/erasure")


async def test_each_state_a_video_came_to_stands_with_its_time(org: OrgKit) -> None:
    rep, began = await org.person(), now()
    asset_id = await make_asset(org, rep.id, "uploading")
    for state in ("processing", "playable", "ready"):
        async with org.database.tenant(org.id) as session:
            (await session.get_one(Asset, (org.id, asset_id))).move(state)
    found = await told(rep, asset_id)
    moves = [(one["from_state"], one["change"]) for one in found]
    assert moves == [
        (None, "uploading"),
        ("uploading", "processing"),
        ("processing", "playable"),
        ("playable", "ready"),
    ]
    times = [datetime.fromisoformat(one["at"]) for one in found]
    assert began <= times[0]
    assert times == sorted(times)


async def test_a_failure_tells_its_owner_what_to_do_and_who_runs_things_what_was_said(org: OrgKit) -> None:
    story = await make_story(org)
    asset_id = await asset_of(story, await make_take(story))
    async with org.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, asset_id))
        asset.state, asset.problem_code, asset.problem_detail = "failed", "timed_out", "signal 9 after 3600 s"
    coach = await org.person(org_role="enablement")
    expected = {"code": "timed_out", "message": PROBLEMS["timed_out"].message, "retryable": True}
    for who, detail in ((story.rep, None), (story.manager, None), (coach, "signal 9 after 3600 s")):
        failure = (await told(who, asset_id))[-1]
        assert (failure["change"], failure["problem"], failure["detail"]) == ("failed", expected, detail)


async def test_renditions_that_were_made_and_that_failed_are_told(org: OrgKit, storage: Storage) -> None:
    rep = await org.person(org_role="admin")
    video = await put_ready(org, storage, rep)
    async with org.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, video.id))
        write_event(session, asset, "rendition_made", rendition="360")
        write_event(session, asset, "rendition_failed", rendition="720", problem="out_of_memory", detail="killed")
    made, failed = (await told(rep, video.id))[-2:]
    assert (made["change"], made["rendition"], made["problem"]) == ("rendition_made", "360", None)
    assert (failed["change"], failed["rendition"], failed["detail"]) == ("rendition_failed", "720", "killed")
    assert failed["problem"]["message"] == PROBLEMS["out_of_memory"].message


async def test_who_did_it_is_told_and_nobody_where_the_system_did(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_upload(org, rep, "completed", "failed", problem_code="timed_out")
    await retried(rep, asset_id)
    failed, again = await told(rep, asset_id)
    assert (failed["change"], failed["by"]) == ("failed", None)
    assert (again["change"], again["from_state"], again["by"]) == ("processing", "failed", str(rep.id))


async def test_a_long_history_comes_in_pages(org: OrgKit) -> None:
    rep = await org.person()
    asset_id = await make_asset(org, rep.id)
    async with org.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, asset_id))
        for number in range(4):
            write_event(session, asset, "rendition_made", rendition=str(number))
    first = (await history(rep, asset_id, "?limit=3")).json()
    rest = (await history(rep, asset_id, f"?limit=3&cursor={first['next_cursor']}")).json()
    assert first["items"] + rest["items"] == await told(rep, asset_id)
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 2, None)


async def test_a_history_is_seen_by_who_sees_the_video(org: OrgKit) -> None:
    story = await make_story(org)
    stranger = await org.person("Sam Stranger", "admin")
    draft = await asset_of(story, await make_take(story, "draft"))
    answers = [(await history(who, draft)).status_code for who in (story.rep, story.manager, stranger)]
    assert answers == [200, 404, 404]


def test_what_a_history_shows_holds_no_url_and_no_key() -> None:
    assert not {"url", "key", "data"} & set(AssetEventOut.__struct_fields__)


async def test_a_deleted_video_has_a_receipt_that_is_open_until_the_store_is_empty(
    org: OrgKit, storage: Storage
) -> None:
    rep, began = await org.person(), now()
    video = await put_ready(org, storage, rep)
    await deleted(rep, video.id)
    answer = await receipt(rep, video.id)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["asset_id"], body["requested_by"], body["completed_at"]) == (str(video.id), str(rep.id), None)
    assert (body["objects"], body["names"]) == (0, [])
    assert began <= datetime.fromisoformat(body["requested_at"]) <= now()
    await deleted(rep, video.id)
    assert (await receipt(rep, video.id)).json() == body


async def test_an_upload_that_is_given_up_has_a_receipt_too(org: OrgKit) -> None:
    rep = await org.person()
    body = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 10}
    upload = (await rep.client.post("/v1/uploads", json=body)).json()
    await rep.client.delete(f"/v1/uploads/{upload['id']}")
    assert (await receipt(rep, upload["asset_id"])).json()["requested_by"] == str(rep.id)


async def test_owner_and_admin_see_the_receipt_and_nobody_else(org: OrgKit) -> None:
    story = await make_story(org)
    asset_id = await asset_of(story, await make_take(story))
    admin, coach, peer = [await org.person(org_role=role) for role in ("admin", "enablement", "member")]
    assert (await receipt(admin, asset_id)).status_code == 404
    await deleted(story.rep, asset_id)
    assert {(await receipt(who, asset_id)).status_code for who in (story.rep, admin)} == {200}
    assert problem(await receipt(story.manager, asset_id)) == (403, "/problems/forbidden")
    assert (await receipt(coach, asset_id)).status_code == 403
    assert (await receipt(peer, asset_id)).status_code == 404


async def test_an_admin_sees_of_a_deleted_video_that_it_was_and_may_do_nothing_with_it(org: OrgKit) -> None:
    rep, admin = await org.person(), await org.person(org_role="admin")
    asset_id = await make_asset(org, rep.id, "ready", problem_code=None)
    assert (await seen(admin, asset_id)).status_code == 404
    await deleted(rep, asset_id)
    body = (await seen(admin, asset_id)).json()
    assert (body["state"], body["playback"], body["renditions"]) == ("deleted", None, [])
    assert {(await act(admin, asset_id)).status_code for act in (retried, deleted)} == {403}


@pytest.mark.parametrize("state", ["ready", "failed"])
async def test_what_was_not_deleted_has_no_receipt(org: OrgKit, state: str) -> None:
    rep = await org.person()
    assert problem(await receipt(rep, await make_asset(org, rep.id, state))) == (404, "/problems/not-found")


async def test_of_a_deleted_video_no_row_holds_what_was_seen_or_said(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep, speech={"speaking_share": 0.8})
    key = keys.asset_prefix(org.id, video.id) + "c/en.vtt"
    words = {"language": "en", "label": "English", "origin": "uploaded", "key": key, "text": "Our price is fair."}
    async with org.database.tenant(org.id) as session:
        session.add(Caption(org_id=org.id, asset_id=video.id, **words))
    await deleted(rep, video.id)
    row = await row_of(org, video.id)
    assert (row.facts, row.speech, row.problem_detail) == (None, None, None)
    async with org.database.tenant(org.id) as session:
        assert await session.scalar(Caption.__table__.select().where(Caption.org_id == org.id)) is None


async def test_a_clip_that_is_let_go_has_a_receipt_in_the_name_of_who_let_it_go(org: OrgKit) -> None:
    maker = await org.person()
    clip_id = await make_clip(org, maker)
    spot_id = (await row_of(org, clip_id)).bright_spot_id
    answer = await maker.client.post(f"/v1/bright-spots/{spot_id}/archive")
    assert answer.status_code == 200, answer.text
    async with org.database.tenant(org.id) as session:
        found = await receipt_of(session, clip_id)
    assert found is not None
    assert (found.requested_by, found.completed_at) == (maker.id, None)
