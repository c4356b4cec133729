"""A challenge with all that comes with it: limits and notes of its prompts, a model answer, attachments."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from models.asset import Asset
from models.event import Event
from tests.factories.challenges import (
    Body,
    Cast,
    acted,
    assignment_for,
    change,
    changed,
    drafted,
    get_challenge,
    hand_in,
    make_cast,
    post,
    published,
    refusal,
    start_take,
)
from tests.factories.parts import attachment, copy_for, handed_in, model_answer, prompt_video
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_asset


@pytest.fixture
async def cast(org: OrgKit) -> Cast:
    return await make_cast(org)


async def seen(who: Somebody, challenge: Body) -> Body:
    answer = await get_challenge(who, challenge)
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    return body


async def status_of(who: Somebody, asset_id: str) -> int:
    return (await who.client.get(f"/v1/assets/{asset_id}")).status_code


async def test_an_objection_play_goes_back_and_forth(org: OrgKit, cast: Cast) -> None:
    videos = [await prompt_video(org, cast.manager) for _ in range(2)]
    prompts = [
        {"asset_id": videos[0], "preparation_ms": 5000, "max_duration_ms": 45_000, "notes": "Stay calm."},
        {"text": "And if I pay in May?", "asset_id": videos[1], "preparation_ms": 0, "max_duration_ms": 30_000},
    ]
    challenge = await published(cast, kind="objection_play", prompts=prompts)
    for prompt, sent in zip((await seen(cast.rep, challenge))["prompts"], prompts, strict=True):
        assert {name: prompt[name] for name in sent} == sent
        assert prompt["hidden"] is False
        assert await status_of(cast.rep, prompt["asset_id"]) == 200


@pytest.mark.parametrize(
    ("prompt", "pointer"),
    [
        ({"preparation_ms": -1}, "/prompts/0/preparation_ms"),
        ({"preparation_ms": 3_600_001}, "/prompts/0/preparation_ms"),
        ({"notes": "x" * 10_001}, "/prompts/0/notes"),
    ],
)
async def test_what_no_prompt_can_have_is_pointed_at(cast: Cast, prompt: Body, pointer: str) -> None:
    assert await refusal(cast, prompts=[{"text": "Go", **prompt}]) == (422, pointer)


async def test_a_model_answer_is_kept_from_a_rep_until_their_own_is_in(org: OrgKit, cast: Cast) -> None:
    given = await model_answer(org, cast.manager)
    challenge, assignment = await copy_for(cast, model_answer=given)
    hidden = {"asset_id": None, "text": "", "hidden": True}
    assert (await seen(cast.rep, challenge))["model_answer"] == hidden
    assert await status_of(cast.rep, given["asset_id"]) == 404
    await hand_in(org, cast.rep, assignment)
    assert (await seen(cast.rep, challenge))["model_answer"] == {**given, "hidden": False}
    assert await status_of(cast.rep, given["asset_id"]) == 200


@pytest.mark.parametrize("way", ["events", "captions", "playback", "erasure", "speech"])
async def test_by_no_other_way_is_it_had_before(org: OrgKit, cast: Cast, way: str) -> None:
    given = await model_answer(org, cast.manager, state="ready")
    await published(cast, model_answer=given)
    call = cast.rep.client.post if way == "playback" else cast.rep.client.get
    assert (await call(f"/v1/assets/{given['asset_id']}/{way}")).status_code == 404


async def test_neither_a_practice_take_nor_a_draft_nor_bytes_on_their_way_open_it(org: OrgKit, cast: Cast) -> None:
    challenge, assignment = await copy_for(cast, model_answer=await model_answer(org, cast.manager))
    practice = await start_take(cast.rep, assignment, practice=True)
    take = await start_take(cast.rep, assignment)
    for one in (practice, take):
        url = f"/v1/takes/{one['id']}/responses/{one['responses'][0]['prompt_id']}"
        video = await make_asset(org, cast.rep.id, "playable" if one is practice else "uploading")
        assert (await cast.rep.client.put(url, json={"asset_id": str(video)})).status_code == 200
        assert (await seen(cast.rep, challenge))["model_answer"]["hidden"] is True
    submitted = await cast.rep.client.post(f"/v1/takes/{take['id']}/submit")
    assert submitted.json()["state"] == "submitting"
    assert (await seen(cast.rep, challenge))["model_answer"]["hidden"] is True


async def test_a_take_taken_back_closes_it_again_and_counts(org: OrgKit, cast: Cast) -> None:
    """Or one could look, and begin anew."""
    challenge, take = await handed_in(cast, model_answer=await model_answer(org, cast.manager), max_takes=1)
    assert (await cast.rep.client.post(f"/v1/takes/{take['id']}/withdraw")).status_code == 200
    assert (await seen(cast.rep, challenge))["model_answer"]["hidden"] is True
    assignment = await assignment_for(cast.rep, challenge, cast.rep)
    assert assignment["takes_left"] == 0
    again = await cast.rep.client.post(f"/v1/assignments/{assignment['id']}/takes", json={})
    assert again.json()["type"] == "/problems/no-takes-left"


async def test_who_teaches_sees_the_model_answer_ahead(org: OrgKit, cast: Cast) -> None:
    given = await model_answer(org, cast.enablement)
    challenge = await published(cast, cast.enablement, model_answer=given)
    admin = await org.person("Ada Admin", "admin")
    assert await status_of(admin, given["asset_id"]) == 404
    for who in (cast.manager, cast.enablement):
        assert (await seen(who, challenge))["model_answer"] == {**given, "hidden": False}
        assert await status_of(who, given["asset_id"]) == 200


async def test_a_colleague_s_take_opens_it_to_nobody_else(org: OrgKit, cast: Cast) -> None:
    other = await cast.another_rep()
    given = await model_answer(org, cast.manager)
    challenge, _ = await handed_in(cast, model_answer=given)
    assert (await seen(other, challenge))["model_answer"]["hidden"] is True
    assert await status_of(other, given["asset_id"]) == 404


async def test_a_manager_who_answers_too_as_a_rep_waits_like_a_rep(org: OrgKit, cast: Cast) -> None:
    """They manage nobody who has it."""
    elsewhere = await org.team("South")
    await org.member(elsewhere, cast.rep, "manager")
    given = await model_answer(org, cast.manager)
    challenge = await published(cast, model_answer=given)
    assert (await seen(cast.rep, challenge))["model_answer"]["hidden"] is True


async def test_attachments_are_seen_by_all_who_see_the_challenge(org: OrgKit, cast: Cast) -> None:
    files = [await attachment(org, cast.manager, "Price list"), await attachment(org, cast.manager)]
    draft = await drafted(cast, attachments=files)
    assert await status_of(cast.rep, files[0]["asset_id"]) == 404
    challenge = await acted(cast.manager, draft, "publish")
    found = (await seen(cast.rep, challenge))["attachments"]
    assert [(one["asset_id"], one["title"]) for one in found] == [(one["asset_id"], one["title"]) for one in files]
    assert {(one["state"], one["content_type"]) for one in found} == {("ready", "application/pdf")}
    outsider = await org.person("Otto Outsider")
    for file in files:
        assert await status_of(cast.rep, file["asset_id"]) == 200
        assert await status_of(outsider, file["asset_id"]) == 404


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a model answer that says nothing": ({"model_answer": {"text": " "}}, "/model_answer/text"),
    "a model answer of nobody": ({"model_answer": {"asset_id": str(uuid4())}}, "/model_answer/asset_id"),
    "an attachment of nobody": ({"attachments": [{"asset_id": str(uuid4())}]}, "/attachments/0/asset_id"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_cannot_come_with_it_is_pointed_at(cast: Cast, what: str) -> None:
    values, pointer = REFUSED[what]
    assert await refusal(cast, **values) == (422, pointer)


async def test_only_a_file_of_one_s_own_and_its_purpose_once_is_attached(org: OrgKit, cast: Cast) -> None:
    own = await attachment(org, cast.manager)
    assert await refusal(cast, attachments=[own, own]) == (422, "/attachments/1/asset_id")
    theirs = await attachment(org, cast.enablement)
    assert await refusal(cast, attachments=[own, theirs]) == (422, "/attachments/1/asset_id")
    prompt = {"asset_id": await prompt_video(org, cast.manager)}
    assert await refusal(cast, attachments=[prompt]) == (422, "/attachments/0/asset_id")
    assert await refusal(cast, model_answer=prompt) == (422, "/model_answer/asset_id")


async def test_once_published_model_answer_attachments_and_lateness_still_change(org: OrgKit, cast: Cast) -> None:
    challenge = await published(cast)
    given, file = await model_answer(org, cast.manager), await attachment(org, cast.manager)
    challenge = await changed(cast.manager, challenge, model_answer=given, attachments=[file], late="refused")
    assert (challenge["model_answer"]["text"], challenge["late"]) == (given["text"], "refused")
    assert [one["asset_id"] for one in challenge["attachments"]] == [file["asset_id"]]
    challenge = await changed(cast.manager, challenge, model_answer=None, attachments=[])
    assert (challenge["model_answer"], challenge["attachments"]) == (None, [])
    refused = await change(cast.manager, challenge, practice="none")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-a-draft")


@pytest.mark.parametrize("part", ["model_answer", "attachments"])
async def test_nobody_is_given_what_has_not_arrived(org: OrgKit, cast: Cast, part: str) -> None:
    coming = {"state": "uploading"}
    value: Any = (
        await model_answer(org, cast.manager, **coming)
        if part == "model_answer"
        else [await attachment(org, cast.manager, **coming)]
    )
    draft = await drafted(cast, **{part: value})
    refused = await cast.manager.client.post(f"/v1/challenges/{draft['id']}/publish")
    assert refused.json()["type"] == "/problems/prompt-video-missing"
    assert refused.json()["missing"] == [part]
    live = await published(cast)
    assert (await change(cast.manager, live, **{part: value})).json()["missing"] == [part]


async def test_what_another_made_stays_when_an_editor_changes_the_rest(org: OrgKit, cast: Cast) -> None:
    prompts = [{"asset_id": await prompt_video(org, cast.manager)}]
    given, files = await model_answer(org, cast.manager), [await attachment(org, cast.manager)]
    draft = await published(cast, prompts=prompts, model_answer=given, attachments=files)
    patch = {"model_answer": {**given, "text": "Better"}, "attachments": [{**files[0], "title": "New"}]}
    edited = await changed(cast.enablement, draft, **patch)
    assert edited["model_answer"] == {"asset_id": given["asset_id"], "text": "Better", "hidden": False}
    assert edited["attachments"][0]["title"] == "New"


@pytest.mark.parametrize("part", ["prompt", "model_answer", "attachment"])
async def test_what_a_challenge_comes_with_is_not_deleted_under_it(org: OrgKit, cast: Cast, part: str) -> None:
    prompt, given, file = (
        await prompt_video(org, cast.manager),
        await model_answer(org, cast.manager),
        await attachment(org, cast.manager),
    )
    values: Body = {"prompts": [{"asset_id": prompt}], "model_answer": given, "attachments": [file]}
    challenge = await published(cast, **values)
    asset_id = {"prompt": prompt, "model_answer": given["asset_id"], "attachment": file["asset_id"]}[part]
    url = f"/v1/assets/{asset_id}"
    refused = await cast.manager.client.delete(url)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/asset-in-use")
    await acted(cast.manager, challenge, "close", "archive")
    assert (await cast.manager.client.delete(url)).status_code == 204
    async with org.database.tenant(org.id) as session:
        assert (await session.get_one(Asset, (org.id, asset_id))).state == "deleted"


async def test_a_change_is_told_by_the_names_of_what_changed(org: OrgKit, cast: Cast) -> None:
    challenge = await changed(cast.manager, await published(cast), late="refused", model_answer={"text": "So."})
    async with org.database.tenant(org.id) as session:
        of_it = (Event.org_id == org.id) & (Event.subject_id == UUID(challenge["id"]))
        data = await session.scalars(select(Event.data).where(of_it, Event.name == "challenge.changed"))
        assert list(data) == [{"fields": ["late", "model_answer"]}]


async def test_the_same_id_again_is_the_same_challenge_with_its_parts(org: OrgKit, cast: Cast) -> None:
    given = await model_answer(org, cast.manager)
    body = cast.body(id=str(uuid4()), model_answer=given, attachments=[await attachment(org, cast.manager)])
    first, second = await post(cast.manager, body), await post(cast.manager, body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
