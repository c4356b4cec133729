"""Announcing, listing and giving up uploads: what needs no byte of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import select, text

from api.settings import Settings
from api.uploads.service import parts_of
from media.problems import PROBLEMS
from media.storage import MAX_PARTS
from models.asset import Asset, Upload
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import fresh, make_challenge, make_story
from tests.factories.uploads import FILE

MIB = 1024 * 1024


async def announce(who: Somebody, **body: Any) -> Any:
    return await who.client.post("/v1/uploads", json=FILE | body)


async def announced(who: Somebody, **body: Any) -> dict[str, Any]:
    made = await announce(who, **body)
    assert made.status_code == 201, made.text
    upload: dict[str, Any] = made.json()
    return upload


async def test_an_announced_file_has_its_asset_at_once(org: OrgKit, settings: Settings) -> None:
    rep = await org.person()
    upload = await announced(rep, size_bytes=20 * MIB, duration_ms=30_000)
    assert (upload["state"], upload["purpose"], upload["filename"]) == ("open", "response", "IMG_0042.MOV")
    assert (upload["part_size_bytes"], upload["part_count"], upload["received_bytes"]) == (8 * MIB, 3, 0)
    lives = datetime.fromisoformat(upload["expires_at"]) - datetime.fromisoformat(upload["created_at"])
    assert abs(lives - timedelta(days=settings.upload_life_days)) < timedelta(minutes=1)
    asset = (await rep.client.get(f"/v1/assets/{upload['asset_id']}")).json()
    assert (asset["state"], asset["size_bytes"], asset["content_type"]) == ("uploading", 20 * MIB, "video/quicktime")


async def test_an_id_used_before_answers_with_its_upload_at_any_age(org: OrgKit) -> None:
    rep, key = await org.person(), fresh()
    first = await announced(rep, id=key)
    again = await announce(rep, id=key, filename="another.mp4", content_type="nonsense")
    assert (first["id"], again.status_code, again.json()) == (key, 200, first)
    await rep.client.delete(f"/v1/uploads/{key}")
    late = await announce(rep, id=key)
    assert (late.status_code, late.json()["state"]) == (200, "aborted")


async def test_an_id_of_somebody_else_is_refused(org: OrgKit) -> None:
    upload = await announced(await org.person())
    refused = await announce(await org.person(), id=upload["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/id-taken")


@pytest.mark.parametrize("purpose", ["response", "prompt", "model_answer", "critique_reply", "attachment"])
async def test_an_upload_is_for_a_purpose_and_so_is_its_asset(org: OrgKit, purpose: str) -> None:
    rep = await org.person()
    upload = await announced(rep, purpose=purpose)
    asset = (await rep.client.get(f"/v1/assets/{upload['asset_id']}")).json()
    assert (upload["purpose"], asset["purpose"]) == (purpose, purpose)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("video/mp4", "video/mp4"),
        ("Video/WebM;codecs=vp8,opus", "video/webm"),
        ("video/x-matroska", "video/x-matroska"),
        ("application/octet-stream", "application/octet-stream"),
    ],
)
async def test_video_and_what_is_not_known_are_taken(org: OrgKit, sent: str, kept: str) -> None:
    assert (await announced(await org.person(), content_type=sent))["content_type"] == kept


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"size_bytes": 4 * 1024**3 + 1}, "/size_bytes", "are allowed here"),
        ({"size_bytes": 10**30}, "/size_bytes", "are allowed here"),
        ({"size_bytes": 0}, "/size_bytes", "is empty"),
        ({"size_bytes": -1}, "/size_bytes", "0 or more"),
        ({"content_type": "application/pdf"}, "/content_type", "octet-stream"),
        ({"content_type": "video/"}, "/content_type", "octet-stream"),
        ({"content_type": "video/mp4\r\nx-evil: 1"}, "/content_type", "octet-stream"),
        ({"content_type": ""}, "/content_type", "octet-stream"),
        ({"duration_ms": 3_600_001}, "/duration_ms", PROBLEMS["too_long"].message),
        ({"duration_ms": -5}, "/duration_ms", "0 or more"),
        ({"filename": ""}, "/filename", "must not be empty"),
        ({"filename": "clip\r\nset-cookie: a=b.mp4"}, "/filename", "no line breaks"),
        ({"filename": "clip\x9b2J.mp4"}, "/filename", "no line breaks"),
        ({"filename": "clip\u2028.mp4"}, "/filename", "no line breaks"),
        ({"filename": "x" * 256}, "/filename", "255 characters at most"),
        ({"purpose": "clip"}, "/purpose", "clip"),
        ({"assignment_id": fresh()}, "/assignment_id", "no assignment of yours"),
        ({"prompt_id": fresh()}, "/assignment_id", "Name the assignment"),
        ({"assignment_id": fresh(), "purpose": "prompt"}, "/assignment_id", "Only a response"),
        ({"prompt_id": fresh(), "purpose": "attachment"}, "/prompt_id", "Only a response"),
        ({"colour": "red"}, "/colour", "no field `colour`"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_before_it_is_sent(
    org: OrgKit, body: dict[str, Any], pointer: str, words: str
) -> None:
    refused = await announce(await org.person(), **body)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["pointer"]) == (422, pointer)
    assert words in error["detail"]


async def test_what_was_refused_leaves_no_asset(org: OrgKit) -> None:
    await announce(await org.person(), size_bytes=0)
    async with org.database.tenant(org.id) as session:
        assert (await session.scalars(select(Asset.id).where(Asset.org_id == org.id))).all() == []


async def test_a_response_names_its_assignment_and_prompt(org: OrgKit) -> None:
    story = await make_story(org)
    names = {"assignment_id": str(story.assignment_id), "prompt_id": str(story.prompts[0])}
    upload = await announced(story.rep, **names)
    assert names.items() <= upload.items()


async def test_an_assignment_of_somebody_else_is_refused_also_to_its_manager(org: OrgKit) -> None:
    story = await make_story(org)
    refused = await announce(story.manager, assignment_id=str(story.assignment_id))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/assignment_id")


async def test_a_prompt_of_another_challenge_is_refused(org: OrgKit) -> None:
    story = await make_story(org)
    _, [elsewhere] = await make_challenge(org, story.manager.id, story.rubric_version_id)
    names = {"assignment_id": str(story.assignment_id), "prompt_id": str(elsewhere)}
    refused = await announce(story.rep, **names)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/prompt_id")


@pytest.mark.parametrize(
    ("size_bytes", "part_size", "count"),
    [
        (1, 8 * MIB, 1),
        (8 * MIB, 8 * MIB, 1),
        (8 * MIB + 1, 8 * MIB, 2),
        (MAX_PARTS * 8 * MIB, 8 * MIB, MAX_PARTS),
        (MAX_PARTS * 8 * MIB + 1, 9 * MIB, 8889),
        (5 * 1024**4, 525 * MIB, 9987),
    ],
)
def test_parts_grow_where_there_would_be_too_many(size_bytes: int, part_size: int, count: int) -> None:
    assert parts_of(size_bytes, 8 * MIB) == (part_size, count)
    assert (count - 1) * part_size < size_bytes <= count * part_size


async def test_a_phone_finds_its_open_uploads_after_a_reinstall(org: OrgKit) -> None:
    rep = await org.person()
    uploads = [await announced(rep) for _ in range(4)]
    await rep.client.delete(f"/v1/uploads/{uploads[1]['id']}")
    await announced(await org.person())
    first = (await rep.client.get("/v1/uploads?state=open&limit=2")).json()
    rest = (await rep.client.get(f"/v1/uploads?state=open&limit=2&cursor={first['next_cursor']}")).json()
    assert first["items"] + rest["items"] == [uploads[0], uploads[2], uploads[3]]
    assert rest["next_cursor"] is None
    aborted = (await rep.client.get("/v1/uploads?state=aborted")).json()["items"]
    assert [upload["id"] for upload in aborted] == [uploads[1]["id"]]
    assert len((await rep.client.get("/v1/uploads")).json()["items"]) == 4


async def test_a_state_that_is_none_is_refused(org: OrgKit) -> None:
    refused = await (await org.person()).client.get("/v1/uploads?state=lost")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#query/state")


async def test_an_upload_is_nobody_elses_be_they_manager_coach_or_of_another_organization(
    org: OrgKit, make_org: Callable[..., Any]
) -> None:
    story = await make_story(org)
    upload = await announced(story.rep, assignment_id=str(story.assignment_id))
    url = f"/v1/uploads/{upload['id']}"
    coach, admin = await org.person(org_role="enablement"), await org.person(org_role="admin")
    stranger = await (await make_org()).person(org_role="enablement")
    for who in (story.manager, coach, admin, stranger):
        answers = [
            await who.client.get(url),
            await who.client.post(f"{url}/part-urls", json={"parts": [{"part_number": 1}]}),
            await who.client.post(f"{url}/complete", json={}),
            await who.client.delete(url),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert (await who.client.get("/v1/uploads")).json()["items"] == []
    assert (await story.rep.client.get(url)).json()["state"] == "open"


async def test_without_a_token_there_is_no_upload(app: Litestar, org: OrgKit) -> None:
    upload = await announced(await org.person())
    url, nobody = f"/v1/uploads/{upload['id']}", org.client()
    answers = [
        await nobody.post("/v1/uploads", json=FILE),
        await nobody.get("/v1/uploads"),
        await nobody.get(url),
        await nobody.post(f"{url}/part-urls", json={"parts": [{"part_number": 1}]}),
        await nobody.post(f"{url}/complete", json={}),
        await nobody.delete(url),
    ]
    assert [answer.status_code for answer in answers] == [401] * 6


async def test_giving_up_deletes_the_asset_and_has_its_bytes_erased(org: OrgKit) -> None:
    rep = await org.person()
    upload = await announced(rep)
    url = f"/v1/uploads/{upload['id']}"
    assert [(await rep.client.delete(url)).status_code for _ in range(2)] == [204, 204]
    assert (await rep.client.get(url)).json()["state"] == "aborted"
    assert (await rep.client.get(f"/v1/assets/{upload['asset_id']}")).json()["state"] == "deleted"
    query = text("SELECT task_name FROM queue.procrastinate_jobs WHERE args ->> 'asset_id' = :asset")
    async with org.database.without_tenant() as session:
        jobs = (await session.execute(query, {"asset": upload["asset_id"]})).scalars().all()
    assert jobs == ["delete_asset"]


async def test_a_take_that_waits_for_an_upload_that_is_given_up_asks_for_a_replacement(org: OrgKit) -> None:
    story = await make_story(org)
    upload = await announced(story.rep)
    take = (await story.rep.client.post(f"/v1/assignments/{story.assignment_id}/takes", json={})).json()
    url = f"/v1/takes/{take['id']}"
    await story.rep.client.put(f"{url}/responses/{story.prompts[0]}", json={"asset_id": upload["asset_id"]})
    assert (await story.rep.client.post(f"{url}/submit", json={})).json()["state"] == "submitting"
    await story.rep.client.delete(f"/v1/uploads/{upload['id']}")
    assert (await story.rep.client.get(url)).json()["state"] == "needs_replacement"


async def test_an_upload_whose_asset_was_deleted_is_aborted(org: OrgKit) -> None:
    rep = await org.person()
    upload = await announced(rep)
    assert (await rep.client.delete(f"/v1/assets/{upload['asset_id']}")).status_code in {200, 204}
    refused = await rep.client.post(f"/v1/uploads/{upload['id']}/part-urls", json={"parts": [{"part_number": 1}]})
    assert (refused.status_code, refused.json()["state"]) == (409, "aborted")


@pytest.mark.parametrize("state", ["completed", "expired"])
async def test_only_an_open_upload_is_given_up(org: OrgKit, state: str) -> None:
    rep = await org.person()
    upload = await announced(rep)
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Upload, (org.id, upload["id"]))).move(state)
    refused = await rep.client.delete(f"/v1/uploads/{upload['id']}")
    assert (refused.status_code, refused.json()["state"]) == (409, state)
    assert (await rep.client.get(f"/v1/assets/{upload['asset_id']}")).json()["state"] == "uploading"
