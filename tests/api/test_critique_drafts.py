"""What is typed into a critique or a moment is never lost: on conflicts, on races, after throwing it away."""

import asyncio
from typing import Any

import httpx
import pytest

from api.drafts import service
from models.take import Take
from tests.factories.critiques import (
    act,
    draft,
    got,
    heard,
    make_critique,
    patched,
    publish,
    remark,
    scores,
    step,
    write,
)
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_story, make_take


async def kept(who: Somebody, critique: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await who.client.get(f"/v1/critiques/{critique['id']}/drafts")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def restored(who: Somebody, critique: dict[str, Any], draft_id: str) -> httpx.Response:
    headers = {"if-match": f'"{critique["version"]}"'}
    return await who.client.post(f"/v1/critiques/{critique['id']}/drafts/{draft_id}/restore", headers=headers)


async def two_devices(story: Story) -> tuple[dict[str, Any], httpx.Response]:
    """Return the draft as the desk saw it, and the answer to the desk after the phone has written."""
    critique = await draft(await make_take(story), story.manager)
    await write(story.manager, critique, summary="From the phone")
    body = {"summary": "From the desk", "scores": scores(story, opening=1), "next_steps": [step(story)]}
    return critique, await patched(story.manager, critique, body)


async def test_a_stale_write_returns_both_texts_and_keeps_what_was_refused(org: OrgKit) -> None:
    story = await make_story(org)
    critique, refused = await two_devices(story)
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (412, "/problems/precondition-failed")
    assert problem["current"]["summary"] == "From the phone"
    assert problem["refused"]["content"]["summary"] == "From the desk"
    [one] = await kept(story.manager, critique)
    assert one == problem["refused"]
    assert (one["kept_as"], one["base_version"]) == ("stale", 1)
    [scored] = one["content"]["scores"]
    assert scored == scores(story, opening=1)[0] | {"not_applicable": False}


async def test_the_same_refused_text_is_kept_once(org: OrgKit) -> None:
    story = await make_story(org)
    critique, first = await two_devices(story)
    body = {"summary": "From the desk", "scores": scores(story, opening=1), "next_steps": [step(story)]}
    again = await patched(story.manager, critique, body)
    assert (again.status_code, again.json()["refused"]) == (412, first.json()["refused"])
    assert len(await kept(story.manager, critique)) == 1


async def test_what_was_kept_is_restored_and_what_it_replaces_is_kept(org: OrgKit) -> None:
    story = await make_story(org)
    critique, refused = await two_devices(story)
    answer = await restored(story.manager, refused.json()["current"], refused.json()["refused"]["id"])
    now = answer.json()
    assert (answer.status_code, answer.headers["etag"], now["summary"]) == (200, '"3"', "From the desk")
    assert [one["text"] for one in now["next_steps"]] == ["Open with the number"]
    newest, oldest = await kept(story.manager, critique)
    assert (newest["kept_as"], newest["content"]["summary"], oldest["kept_as"]) == (
        "replaced",
        "From the phone",
        "stale",
    )
    back = await restored(story.manager, now, newest["id"])
    assert (back.json()["summary"], back.json()["next_steps"]) == ("From the phone", [])


async def test_restoring_too_says_which_version_it_saw(org: OrgKit) -> None:
    story = await make_story(org)
    critique, refused = await two_devices(story)
    key = refused.json()["refused"]["id"]
    stale = await restored(story.manager, critique, key)
    none = await story.manager.client.post(f"/v1/critiques/{critique['id']}/drafts/{key}/restore")
    assert (stale.status_code, stale.json()["current"]["summary"], none.status_code) == (412, "From the phone", 428)


async def test_a_write_whose_answer_was_lost_is_no_conflict(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    away = {"criterion_id": str(story.questions["story"].id), "not_applicable": True, "comment": "Not this time"}
    body = {
        "summary": "Good",
        "decision": "pass",
        "scores": [*scores(story, opening=1, clarity=3), away],
        "next_steps": [step(story) | {"due_at": "2027-03-01T18:00:00+01:00"}],
        "follow_ups": [],
    }
    first, again = [await patched(story.manager, critique, body) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert await kept(story.manager, critique) == []


@pytest.mark.parametrize(
    "body",
    [
        {"summary": "Good", "decision": None},
        {"summary": "Good", "next_steps": []},
        {"summary": "Good", "strengths": "Calm"},
    ],
    ids=str,
)
async def test_a_write_that_says_anything_else_is_a_conflict(org: OrgKit, body: dict[str, Any]) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    await write(story.manager, critique, summary="Good", decision="pass", next_steps=[step(story)])
    assert (await patched(story.manager, critique, body)).status_code == 412


async def test_a_text_that_comes_after_publishing_is_kept(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story), summary="Good")
    late = await patched(story.manager, critique, {"summary": "Good, and calm"})
    assert (late.status_code, late.json()["state"]) == (409, "published")
    assert late.json()["refused"]["kept_as"] == "late"
    assert (await got(story.manager, critique)).json()["summary"] == "Good"
    refused = await restored(story.manager, critique, late.json()["refused"]["id"])
    assert (refused.status_code, refused.json()["state"]) == (409, "published")


async def test_writing_against_publishing_loses_no_text_whoever_is_first(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await write(story.manager, await draft(await make_take(story), story.manager), scores=scores(story))
    texts = [f"Text {place}" for place in range(4)]
    *written, published = await asyncio.gather(
        *(patched(story.manager, critique, {"summary": text}) for text in texts),
        act(story.manager, critique, "publish"),
    )
    assert published.status_code == 200
    assert {answer.status_code for answer in written} <= {200, 409, 412}
    there = {(await got(story.manager, critique)).json()["summary"]}
    there |= {one["content"]["summary"] for one in await kept(story.manager, critique)}
    assert set(texts) <= there


async def test_publishing_with_if_match_publishes_only_what_was_seen(org: OrgKit) -> None:
    story = await make_story(org)
    seen = await write(story.manager, await draft(await make_take(story), story.manager), scores=scores(story))
    now = await write(story.manager, seen, summary="From the other device")
    url = f"/v1/critiques/{seen['id']}/publish"
    refused = await story.manager.client.post(url, headers={"if-match": f'"{seen["version"]}"'})
    assert (refused.status_code, refused.json()["current"]) == (412, now)
    answers = [await story.manager.client.post(url, headers={"if-match": f'"{now["version"]}"'}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_discarding_is_undone_with_all_that_was_written(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await draft(take_id, story.manager)
    critique = await write(
        story.manager, critique, summary="Good", scores=scores(story), next_steps=[step(story)], decision="pass"
    )
    await remark(story.manager, story, take_id, critique_id=critique["id"])
    await story.manager.client.delete(f"/v1/critiques/{critique['id']}")
    listed = await story.manager.client.get(f"/v1/takes/{take_id}/critiques?state=discarded")
    assert [one["id"] for one in listed.json()["items"]] == [critique["id"]]
    back, again = [await act(story.manager, critique, "restore") for _ in range(2)]
    same = {name: critique[name] for name in critique if name not in {"version", "updated_at"}}
    assert (back.status_code, again.status_code) == (200, 200)
    assert {name: back.json()[name] for name in same} == same
    moments = await story.manager.client.get(f"/v1/takes/{take_id}/moments")
    assert [one["critique_id"] for one in moments.json()["items"]] == [critique["id"]]


async def test_discarding_is_not_undone_beside_another_draft(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await draft(take_id, story.manager)
    await story.manager.client.delete(f"/v1/critiques/{old['id']}")
    new = await draft(take_id, story.manager)
    refused = await act(story.manager, old, "restore")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/draft-open")
    await story.manager.client.delete(f"/v1/critiques/{new['id']}")
    assert (await act(story.manager, old, "restore")).status_code == 200


async def test_undoing_against_starting_leaves_one_draft(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await draft(take_id, story.manager)
    await story.manager.client.delete(f"/v1/critiques/{old['id']}")
    undone, started = await asyncio.gather(
        act(story.manager, old, "restore"), story.manager.client.post(f"/v1/takes/{take_id}/critiques", json={})
    )
    assert (undone.status_code, started.status_code) in {(200, 200), (409, 201)}
    drafts = await story.manager.client.get(f"/v1/takes/{take_id}/critiques?state=draft")
    assert len(drafts.json()["items"]) == 1


async def test_what_is_published_is_not_taken_back(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    refused = await act(story.manager, critique, "restore")
    assert (refused.status_code, refused.json()["state"]) == (409, "published")


async def test_a_draft_taken_back_supersedes_what_was_published_meanwhile(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    await story.manager.client.delete(f"/v1/critiques/{old['id']}")
    between = await make_critique(story, take_id)
    await act(story.manager, old, "restore")
    published = await publish(story.manager, old)
    assert published["supersedes_id"] == between["id"]
    assert (await got(story.rep, between)).json()["superseded_by_id"] == old["id"]


async def test_a_draft_outlives_its_videos_and_is_published_when_they_are_replaced(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story), summary="Good")
    asset_id = (await story.rep.client.get(f"/v1/takes/{take_id}")).json()["responses"][0]["asset"]["id"]
    assert (await story.rep.client.delete(f"/v1/assets/{asset_id}")).status_code == 204
    refused = await act(story.manager, critique, "publish")
    assert (refused.status_code, refused.json()["state"]) == (409, "needs_replacement")
    critique = await write(story.manager, (await got(story.manager, critique)).json(), summary="Good, so far")
    async with story.database.tenant(org.id) as session:
        (await session.get_one(Take, (org.id, take_id))).move("submitted")
    assert (await publish(story.manager, critique))["summary"] == "Good, so far"


async def test_a_self_critique_outlives_the_take_that_was_withdrawn(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await draft(take_id, story.rep)
    await story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    critique = await write(story.rep, critique, summary="I rushed it", scores=scores(story))
    refused = await act(story.rep, critique, "publish")
    assert (refused.status_code, refused.json()["state"]) == (409, "withdrawn")
    assert (await got(story.rep, critique)).json()["summary"] == "I rushed it"


async def test_what_is_kept_is_its_writers_alone_and_goes_when_they_say_so(org: OrgKit) -> None:
    story = await make_story(org)
    critique, refused = await two_devices(story)
    coach, key = await org.person(org_role="enablement"), refused.json()["refused"]["id"]
    await publish(story.manager, await write(story.manager, refused.json()["current"], scores=scores(story)))
    url = f"/v1/critiques/{critique['id']}/drafts"
    assert [(await who.client.get(url)).status_code for who in (story.rep, coach)] == [403, 403]
    assert [(await who.client.delete(f"/v1/drafts/{key}")).status_code for who in (coach, story.manager)] == [404, 204]
    assert await kept(story.manager, critique) == []


async def test_a_draft_kept_of_another_critique_is_not_restored_into_this(org: OrgKit) -> None:
    story = await make_story(org)
    _, refused = await two_devices(story)
    other = await draft(await make_take(story, number=2), story.manager)
    assert (await restored(story.manager, other, refused.json()["refused"]["id"])).status_code == 404


async def test_the_newest_are_kept_of_very_many(org: OrgKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_KEPT", 3)
    story = await make_story(org)
    critique, _ = await two_devices(story)
    for place in range(3):
        await patched(story.manager, critique, {"summary": f"Text {place}"})
    assert [one["content"]["summary"] for one in await kept(story.manager, critique)] == ["Text 2", "Text 1", "Text 0"]


async def test_other_devices_of_the_writer_hear_of_each_write_and_nobody_else_does(org: OrgKit) -> None:
    story = await make_story(org)
    await two_devices(story)
    events = await heard(story, "critique.draft", "critique.written", "critique.draft_kept")
    assert [event.name for event in events] == ["critique.draft", "critique.written", "critique.draft_kept"]
    assert {(event.person_id, event.team_id, event.circle) for event in events} == {(story.manager.id, None, None)}


async def moment_of(story: Story) -> dict[str, Any]:
    made = await remark(story.manager, story, await make_take(story))
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    return body


async def moment_patched(story: Story, moment: dict[str, Any], version: int | None, **body: Any) -> httpx.Response:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    return await story.manager.client.patch(f"/v1/moments/{moment['id']}", json=body, headers=headers)


async def moment_drafts(story: Story, moment: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await story.manager.client.get(f"/v1/moments/{moment['id']}/drafts")).json()["items"]
    return items


async def test_a_stale_change_of_a_moment_returns_both_texts_and_can_be_restored(org: OrgKit) -> None:
    story = await make_story(org)
    moment = await moment_of(story)
    await moment_patched(story, moment, 1, body="From the phone")
    refused = await moment_patched(story, moment, 1, body="From the desk", tone="growth")
    problem = refused.json()
    assert (refused.status_code, problem["current"]["body"]) == (412, "From the phone")
    assert problem["refused"]["content"] == {"body": "From the desk", "tone": "growth"}
    url = f"/v1/moments/{moment['id']}/drafts/{problem['refused']['id']}/restore"
    back = await story.manager.client.post(url, headers={"if-match": '"2"'})
    assert (back.status_code, back.json()["body"], back.json()["tone"]) == (200, "From the desk", "growth")
    assert (await moment_drafts(story, moment))[0]["content"] == {"body": "From the phone", "tone": "strength"}


async def test_a_change_of_a_moment_that_is_sent_again_is_no_conflict(org: OrgKit) -> None:
    story = await make_story(org)
    moment = await moment_of(story)
    answers = [await moment_patched(story, moment, 1, body="Once") for _ in range(2)]
    assert [(answer.status_code, answer.json()["version"]) for answer in answers] == [(200, 2), (200, 2)]


async def test_a_text_that_is_replaced_without_if_match_is_kept(org: OrgKit) -> None:
    story = await make_story(org)
    moment = await moment_of(story)
    await moment_patched(story, moment, None, body="Another")
    await moment_patched(story, moment, None, start_ms=500)
    [one] = await moment_drafts(story, moment)
    assert (one["kept_as"], one["content"]) == ("replaced", {"body": "Let the silence work"})


async def test_a_moment_changed_after_its_critique_was_published_keeps_the_text(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    moment = (await remark(story.manager, story, take_id, critique_id=critique["id"])).json()
    await publish(story.manager, critique)
    late = await moment_patched(story, moment, 1, body="Too late")
    assert (late.status_code, late.json()["state"], late.json()["refused"]["kept_as"]) == (409, "published", "late")
    assert [one["content"] for one in await moment_drafts(story, moment)] == [{"body": "Too late"}]
