from collections.abc import Callable
from typing import Any

import pytest

from tests.factories.critiques import draft, make_critique, publish, remark, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import fresh, make_story, make_take


async def listed(who: Somebody, take_id: object) -> list[str]:
    answer = await who.client.get(f"/v1/takes/{take_id}/moments")
    assert answer.status_code == 200, answer.text
    return [item["body"] for item in answer.json()["items"]]


async def test_a_remark_without_a_critique_is_seen_at_once(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    made = await remark(story.manager, story, take_id)
    assert (made.status_code, made.json()["author"]["name"]) == (201, "Mona Manager")
    assert await listed(story.rep, take_id) == ["Let the silence work"]


async def test_a_remark_with_a_critique_appears_when_that_is_published(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    await remark(story.manager, story, take_id, critique_id=critique["id"])
    assert [await listed(who, take_id) for who in (story.manager, story.rep)] == [["Let the silence work"], []]
    await publish(story.manager, critique)
    assert await listed(story.rep, take_id) == ["Let the silence work"]


async def test_remarks_come_by_time_in_pages(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    for start_ms in (9000, 2000, 5000):
        await remark(story.manager, story, take_id, start_ms=start_ms, end_ms=None)
    url = f"/v1/takes/{take_id}/moments?limit=2"
    first = (await story.rep.client.get(url)).json()
    rest = (await story.rep.client.get(f"{url}&cursor={first['next_cursor']}")).json()
    assert [item["start_ms"] for item in first["items"] + rest["items"]] == [2000, 5000, 9000]


async def test_the_same_id_again_answers_with_the_remark(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, key = await make_take(story), fresh()
    first, again = [await remark(story.manager, story, take_id, id=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"start_ms": 20_000, "end_ms": None}, "/start_ms"),
        ({"start_ms": 0, "end_ms": 20_001}, "/end_ms"),
        ({"start_ms": 500, "end_ms": 500}, "/end_ms"),
        ({"start_ms": -1}, "/start_ms"),
        ({"prompt_id": fresh()}, "/prompt_id"),
        ({"criterion_id": fresh()}, "/criterion_id"),
        ({"critique_id": fresh()}, "/critique_id"),
        ({"tone": "praise"}, "/tone"),
    ],
)
async def test_what_does_not_fit_the_take_is_pointed_at(org: OrgKit, values: dict[str, Any], pointer: str) -> None:
    story = await make_story(org)
    refused = await remark(story.manager, story, await make_take(story), **values)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_remark_may_name_a_criterion_of_the_rubric(org: OrgKit) -> None:
    story = await make_story(org)
    key = str(story.questions["clarity"].id)
    made = await remark(story.manager, story, await make_take(story), criterion_id=key)
    assert (made.status_code, made.json()["criterion_id"]) == (201, key)


async def test_a_remark_belongs_to_a_critique_of_its_author(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, coach = await make_take(story), await org.person(org_role="enablement")
    critique = await draft(take_id, story.manager)
    refused = await remark(coach, story, take_id, critique_id=critique["id"])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/critique_id")


async def test_a_published_critique_gets_no_more_remarks_and_keeps_those_it_has(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    moment = (await remark(story.manager, story, take_id, critique_id=critique["id"])).json()
    await publish(story.manager, critique)
    url = f"/v1/moments/{moment['id']}"
    answers = [
        await remark(story.manager, story, take_id, critique_id=critique["id"]),
        await story.manager.client.patch(url, json={"body": "Changed"}),
        await story.manager.client.delete(url),
    ]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(409, "published")] * 3


async def test_superseding_a_critique_takes_its_remarks_along_once(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    await remark(story.manager, story, take_id, critique_id=critique["id"])
    await publish(story.manager, critique)
    await publish(story.manager, await draft(take_id, story.manager))
    assert await listed(story.rep, take_id) == ["Let the silence work"]


async def test_the_author_changes_and_removes_a_remark(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    moment = (await remark(story.manager, story, take_id)).json()
    url = f"/v1/moments/{moment['id']}"
    changed = (await story.manager.client.patch(url, json={"end_ms": None, "body": "Longer"})).json()
    assert (changed["end_ms"], changed["body"], changed["start_ms"], changed["version"]) == (None, "Longer", 1000, 2)
    assert (await story.manager.client.delete(url)).status_code == 204
    assert await listed(story.rep, take_id) == []


async def test_a_change_is_checked_like_a_new_remark(org: OrgKit) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    refused = await story.manager.client.patch(f"/v1/moments/{moment['id']}", json={"start_ms": 5000})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/end_ms")


async def test_nobody_else_changes_or_removes_a_remark(org: OrgKit) -> None:
    story = await make_story(org)
    moment = (await remark(story.manager, story, await make_take(story))).json()
    url = f"/v1/moments/{moment['id']}"
    assert (await story.rep.client.patch(url, json={"body": "Mine"})).status_code == 403
    assert (await story.rep.client.delete(url)).status_code == 403


async def test_a_take_that_was_not_handed_in_is_not_remarked_on(org: OrgKit) -> None:
    story = await make_story(org)
    refused = await remark(story.rep, story, await make_take(story, "draft"))
    assert (refused.status_code, refused.json()["state"]) == (409, "draft")


async def test_a_remark_opens_the_take(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await remark(story.manager, story, take_id)
    assert (await story.rep.client.post(f"/v1/takes/{take_id}/withdraw")).status_code == 409


async def test_another_organizations_remark_is_absent(org: OrgKit, make_org: Callable[..., Any]) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    moment = (await remark(story.manager, story, take_id)).json()
    coach = await (await make_org()).person(org_role="enablement")
    answers = [
        await coach.client.get(f"/v1/takes/{take_id}/moments"),
        await coach.client.patch(f"/v1/moments/{moment['id']}", json={"body": "x"}),
        await coach.client.delete(f"/v1/moments/{moment['id']}"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_the_rep_remarks_on_their_own_take(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id)
    assert (await remark(story.rep, story, take_id, tone="question")).status_code == 201
    assert await listed(story.manager, take_id) == ["Let the silence work"]
