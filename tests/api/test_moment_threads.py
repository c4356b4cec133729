"""Threads under moments, what has been dealt with, and moments as evidence."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.factories.critiques import draft, got, heard, publish, remark, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, fresh, make_story, make_take


async def replied(who: Somebody, moment: dict[str, Any], body: str, **more: Any) -> httpx.Response:
    return await who.client.post(f"/v1/moments/{moment['id']}/replies", json={"body": body, **more})


async def thread(who: Somebody, moment: dict[str, Any]) -> list[tuple[str, str]]:
    answer = await who.client.get(f"/v1/moments/{moment['id']}/replies")
    assert answer.status_code == 200, answer.text
    return [(one["author"]["name"], one["body"]) for one in answer.json()["items"]]


async def listed(who: Somebody, take_id: object) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await who.client.get(f"/v1/takes/{take_id}/moments")).json()["items"]
    return items


async def done(who: Somebody, moment: dict[str, Any], action: str) -> httpx.Response:
    return await who.client.post(f"/v1/moments/{moment['id']}/{action}")


async def published(story: Story, take_id: object, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a critique that is published with a moment, and the moment."""
    critique = await write(story.manager, await draft(str(take_id), story.manager), scores=scores(story))
    moment = (await remark(story.manager, story, take_id, critique_id=critique["id"], **values)).json()
    return await publish(story.manager, critique), moment


async def test_a_thread_is_read_first_to_last_and_counted(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, key = await make_take(story), fresh()
    moment = (await remark(story.manager, story, take_id)).json()
    first, again = [await replied(story.rep, moment, "Was it too long?", id=key) for _ in range(2)]
    await replied(story.manager, moment, "No")
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert await thread(story.rep, moment) == [("Robin Rep", "Was it too long?"), ("Mona Manager", "No")]
    assert [one["replies"] for one in await listed(story.rep, take_id)] == [2]
    page = (await story.rep.client.get(f"/v1/moments/{moment['id']}/replies?limit=1")).json()
    url = f"/v1/moments/{moment['id']}/replies?limit=1&cursor={page['next_cursor']}"
    assert [one["body"] for one in (await story.rep.client.get(url)).json()["items"]] == ["No"]


async def test_a_moment_of_a_draft_is_neither_replied_to_nor_resolved(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await draft(take_id, story.manager)
    moment = (await remark(story.manager, story, take_id, critique_id=critique["id"])).json()
    answers = [
        await replied(story.manager, moment, "Hm"),
        await done(story.manager, moment, "resolve"),
        await done(story.manager, moment, "reopen"),
    ]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(409, "draft")] * 3
    assert (await replied(story.rep, moment, "Hm")).status_code == 404


async def test_the_author_and_who_replied_before_are_told_of_a_reply(org: OrgKit) -> None:
    story = await make_story(org)
    coach = await org.person(org_role="enablement")
    moment = (await remark(story.manager, story, await make_take(story))).json()
    for who in (coach, story.rep):
        await replied(who, moment, "Hm")
    events = await heard(story, "moment.replied")
    assert [sorted(event.data["to"]) for event in events] == [
        [str(story.manager.id)],
        sorted([str(story.manager.id), str(coach.id)]),
    ]
    assert {(event.person_id, event.team_id) for event in events} == {(story.rep.id, story.team_id)}
    assert not any("Hm" in str(event.data) for event in events)


async def test_who_sees_a_moment_resolves_and_reopens_it(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, stranger = await make_take(story), await org.person()
    _, moment = await published(story, take_id)
    first, again = [await done(story.rep, moment, "resolve") for _ in range(2)]
    assert (first.json()["resolved_by"]["name"], again.json()) == ("Robin Rep", first.json())
    assert (await done(stranger, moment, "resolve")).status_code == 404
    reopened, twice = [await done(story.manager, moment, "reopen") for _ in range(2)]
    assert (reopened.json()["resolved_at"], reopened.json()["resolved_by"], twice.json()) == (
        None,
        None,
        reopened.json(),
    )
    assert [event.name for event in await heard(story, "moment.resolved", "moment.reopened")] == [
        "moment.resolved",
        "moment.reopened",
    ]


async def test_a_thread_and_its_end_stay_when_the_critique_is_superseded(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    _, moment = await published(story, take_id)
    await replied(story.rep, moment, "Was it too long?")
    new = await draft(take_id, story.manager)
    await done(story.rep, moment, "resolve")
    await publish(story.manager, new)
    [copy] = await listed(story.rep, take_id)
    assert copy["id"] != moment["id"]
    assert (copy["replies"], copy["resolved_by"]["name"]) == (1, "Robin Rep")
    await replied(story.manager, copy, "No")
    assert [body for _, body in await thread(story.rep, moment)] == ["Was it too long?", "No"]
    await publish(story.manager, await draft(take_id, story.manager))
    [copy] = await listed(story.rep, take_id)
    assert await thread(story.rep, copy) == [("Robin Rep", "Was it too long?"), ("Mona Manager", "No")]


async def test_a_moment_that_was_answered_is_not_removed(org: OrgKit) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    await replied(story.manager, moment, "I mean this")
    await replied(story.rep, moment, "Was it too long?")
    refused = await story.manager.client.delete(f"/v1/moments/{moment['id']}")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/moment-answered")


async def test_a_moment_only_its_author_replied_to_is_removed(org: OrgKit) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    await replied(story.manager, moment, "I mean this")
    assert (await story.manager.client.delete(f"/v1/moments/{moment['id']}")).status_code == 204


async def test_a_reply_against_a_removal_is_kept_or_refused(org: OrgKit) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    answer, removed = await asyncio.gather(
        replied(story.rep, moment, "Wait"), story.manager.client.delete(f"/v1/moments/{moment['id']}")
    )
    assert (answer.status_code, removed.status_code) in {(201, 409), (404, 204)}


async def test_a_score_shows_the_moments_that_are_its_evidence(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    clarity = str(story.questions["clarity"].id)
    for start_ms, criterion_id in ((9000, clarity), (2000, clarity), (3000, None)):
        body = {"start_ms": start_ms, "end_ms": None, "criterion_id": criterion_id}
        await remark(story.manager, story, take_id, critique_id=critique["id"], **body)
    await remark(story.manager, story, take_id, criterion_id=clarity)  # beside the critique
    critique = await publish(story.manager, critique)
    shown = {one["criterion_id"]: [e["start_ms"] for e in one["evidence"]] for one in critique["scores"]}
    assert shown == {
        str(story.questions["opening"].id): [],
        clarity: [2000, 9000],
        str(story.questions["story"].id): [],
    }
    assert (await got(story.rep, critique)).json()["scores"] == critique["scores"]


async def test_the_mark_of_the_market_may_change_after_publishing(org: OrgKit) -> None:
    story = await make_story(org)
    _, moment = await published(story, await make_take(story))
    url = f"/v1/moments/{moment['id']}"
    marked = await story.manager.client.patch(url, json={"market_signal": True})
    assert (marked.status_code, marked.json()["market_signal"], marked.headers["etag"]) == (200, True, '"2"')
    refused = await story.manager.client.patch(url, json={"market_signal": False, "body": "Other"})
    assert (refused.status_code, refused.json()["state"]) == (409, "published")
    assert (await story.rep.client.patch(url, json={"market_signal": False})).status_code == 403


async def test_another_organizations_thread_is_absent(org: OrgKit, make_org: Callable[..., Any]) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    coach = await (await make_org()).person(org_role="enablement")
    answers = [await replied(coach, moment, "x"), await done(coach, moment, "resolve")]
    answers += [await coach.client.get(f"/v1/moments/{moment['id']}/{part}") for part in ("replies", "drafts")]
    assert [answer.status_code for answer in answers] == [404] * 4


@pytest.mark.parametrize("body", ["", " \n"])
async def test_a_reply_says_something(org: OrgKit, body: str) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    refused = await replied(story.rep, moment, body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body")
