"""What becomes of a critique between people: read, disagreed with, talked about, superseded, said in a video."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.factories.critiques import act, draft, got, heard, make_critique, patched, publish, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, fresh, make_asset, make_story, make_take

WHY = "I did name the price, at 0:42."


async def said(who: Somebody, critique: dict[str, Any], **body: Any) -> httpx.Response:
    return await who.client.post(f"/v1/critiques/{critique['id']}/remarks", json=body)


async def talk(who: Somebody, critique: dict[str, Any]) -> list[str]:
    answer = await who.client.get(f"/v1/critiques/{critique['id']}/remarks")
    assert answer.status_code == 200, answer.text
    return [one["body"] for one in answer.json()["items"]]


async def disputed(org: OrgKit) -> tuple[Story, dict[str, Any]]:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    answer = await act(story.rep, critique, "disagree", reason=WHY)
    assert answer.status_code == 200, answer.text
    return story, answer.json()


async def test_a_rep_disagrees_with_a_reason_and_has_read_it_with_that(org: OrgKit) -> None:
    story, critique = await disputed(org)
    assert (critique["disagreement"]["reason"], critique["disagreement"]["answered_at"]) == (WHY, None)
    assert critique["acknowledged_at"] == critique["disagreement"]["at"]
    assert (await got(story.manager, critique)).json() == critique


async def test_disagreeing_again_changes_nothing(org: OrgKit) -> None:
    story, critique = await disputed(org)
    again = await act(story.rep, critique, "disagree", reason="Another thing")
    assert (again.status_code, again.json()) == (200, critique)


async def test_only_the_person_disagrees_and_not_without_a_reason(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    coach = await org.person(org_role="enablement")
    answers = [await act(who, critique, "disagree", reason=WHY) for who in (story.manager, coach)]
    assert [answer.status_code for answer in answers] == [403, 403]
    blank = await act(story.rep, critique, "disagree", reason="  ")
    assert (blank.status_code, blank.json()["errors"][0]["pointer"]) == (422, "/reason")


@pytest.mark.parametrize("state", ["draft", "superseded"])
async def test_what_is_not_in_force_is_not_disagreed_with(org: OrgKit, state: str) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await make_critique(story, take_id)
    new = await draft(take_id, story.manager) if state == "superseded" else await draft(take_id, story.rep)
    if state == "superseded":
        await publish(story.manager, new)
    refused = await act(story.rep, critique if state == "superseded" else new, "disagree", reason=WHY)
    assert (refused.status_code, refused.json()["state"]) == (409, state)


async def test_a_remark_of_another_answers_the_disagreement_and_ones_own_does_not(org: OrgKit) -> None:
    story, critique = await disputed(org)
    await said(story.rep, critique, body="And I smiled")
    assert (await got(story.rep, critique)).json()["disagreement"]["answered_at"] is None
    await said(story.manager, critique, body="You are right about the price")
    first = (await got(story.rep, critique)).json()
    assert (first["disagreement"]["answered_at"] is not None, first["remarks"]) == (True, 2)
    await said(story.manager, critique, body="And about the rest")
    assert (await got(story.rep, critique)).json()["disagreement"] == first["disagreement"]


async def test_superseding_answers_the_disagreement_and_does_not_take_it_along(org: OrgKit) -> None:
    story, old = await disputed(org)
    new = await draft(old["take_id"], story.manager)
    assert (new["disagreement"], new["acknowledged_at"], new["remarks"]) == (None, None, 0)
    new = await publish(story.manager, new)
    before = (await got(story.rep, old)).json()
    assert (before["disagreement"]["answered_at"], before["superseded_by_id"]) == (new["published_at"], new["id"])
    assert (new["supersedes_id"], new["superseded_by_id"]) == (old["id"], None)


async def test_the_history_of_a_critique_is_listed_by_state(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    ids = [(await make_critique(story, take_id))["id"] for _ in range(3)]
    draft_id = (await draft(take_id, story.manager))["id"]
    found = {}
    for state in ("draft", "published", "superseded", "discarded"):
        answer = await story.manager.client.get(f"/v1/takes/{take_id}/critiques?state={state}")
        found[state] = [(one["id"], one["superseded_by_id"]) for one in answer.json()["items"]]
    assert found == {
        "draft": [(draft_id, None)],
        "published": [(ids[2], None)],
        "superseded": [(ids[0], ids[1]), (ids[1], ids[2])],
        "discarded": [],
    }
    refused = await story.manager.client.get(f"/v1/takes/{take_id}/critiques?state=lost")
    assert refused.status_code == 422


async def test_a_conversation_is_read_first_to_last_in_pages_by_all_who_see_the_critique(org: OrgKit) -> None:
    story, critique = await disputed(org)
    coach, key = await org.person(org_role="enablement"), fresh()
    first, again = [await said(story.manager, critique, body="One", id=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    for who, body in ((story.rep, "Two"), (coach, "Three")):
        await said(who, critique, body=body)
    assert [await talk(who, critique) for who in (story.rep, coach)] == [["One", "Two", "Three"]] * 2
    url = f"/v1/critiques/{critique['id']}/remarks?limit=2"
    page = (await story.rep.client.get(url)).json()
    rest = (await story.rep.client.get(f"{url}&cursor={page['next_cursor']}")).json()
    assert [one["body"] for one in page["items"] + rest["items"]] == ["One", "Two", "Three"]
    assert rest["next_cursor"] is None


async def test_a_draft_is_not_talked_about_and_what_was_superseded_is(org: OrgKit) -> None:
    story, critique = await disputed(org)
    new = await draft(critique["take_id"], story.manager)
    refused = await said(story.manager, new, body="Hm")
    assert (refused.status_code, refused.json()["state"]) == (409, "draft")
    assert (await said(story.rep, new, body="Hm")).status_code == 404
    await publish(story.manager, new)
    assert (await said(story.rep, critique, body="As it was")).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/body"), ({"body": " \n"}, "/body"), ({"body": "x", "asset_id": fresh()}, "/asset_id")],
    ids=["nothing", "blank", "no video"],
)
async def test_a_remark_says_something(org: OrgKit, body: dict[str, Any], pointer: str) -> None:
    story, critique = await disputed(org)
    refused = await said(story.rep, critique, **body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_another_organizations_conversation_is_absent(org: OrgKit, make_org: Callable[..., Any]) -> None:
    _, critique = await disputed(org)
    coach = await (await make_org()).person(org_role="enablement")
    url = f"/v1/critiques/{critique['id']}"
    answers = [
        await coach.client.get(f"{url}/remarks"),
        await said(coach, critique, body="x"),
        await act(coach, critique, "disagree", reason=WHY),
        await coach.client.get(f"{url}/drafts"),
        await act(coach, critique, "restore"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5


async def test_what_is_said_is_told_to_those_it_concerns_without_its_text(org: OrgKit) -> None:
    story, critique = await disputed(org)
    coach = await org.person(org_role="enablement")
    await said(coach, critique, body="Interesting")
    await said(story.rep, critique, body="Is it")
    events = await heard(story, "critique.acknowledged", "critique.disputed", "critique.remarked")
    assert [event.name.split(".")[1] for event in events] == ["acknowledged", "disputed", "remarked", "remarked"]
    assert {(event.person_id, event.team_id) for event in events} == {(story.rep.id, story.team_id)}
    asked = [sorted(event.data["to"]) for event in events[2:]]
    assert asked == [sorted(map(str, (story.manager.id, story.rep.id))), sorted(map(str, (story.manager.id, coach.id)))]
    assert not any(text in str(event.data) for event in events for text in (WHY, "Interesting"))


async def test_acknowledging_against_superseding_ends_in_one_of_the_two(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await make_critique(story, take_id)
    new = await draft(take_id, story.manager)
    read, published = await asyncio.gather(act(story.rep, old, "acknowledge"), act(story.manager, new, "publish"))
    before = (await got(story.rep, old)).json()
    assert (published.status_code, before["state"]) == (200, "superseded")
    assert (read.status_code == 200) is (before["acknowledged_at"] is not None)
    assert read.status_code in {200, 409}


async def spoken(story: Story, who: Somebody, state: str = "playable", purpose: str = "critique_reply") -> str:
    return str(await make_asset(story.org, who.id, state, purpose=purpose))


async def test_a_reply_by_video_is_seen_with_the_critique(org: OrgKit) -> None:
    story = await make_story(org)
    video, mate = await spoken(story, story.manager), await org.person()
    await org.member(story.team_id, mate)
    critique = await draft(await make_take(story), story.manager)
    critique = await write(story.manager, critique, scores=scores(story), reply_asset_id=video)
    url = f"/v1/assets/{video}"
    assert [(await who.client.get(url)).status_code for who in (story.manager, story.rep)] == [200, 404]
    critique = await publish(story.manager, critique)
    coach = await org.person(org_role="enablement")
    assert critique["reply_asset_id"] == video
    codes = [(await who.client.get(url)).status_code for who in (story.rep, coach, mate)]
    assert codes == [200, 200, 404]
    new = await draft(critique["take_id"], story.manager)
    assert new["reply_asset_id"] == video


async def test_a_video_in_a_conversation_is_seen_by_who_sees_the_critique(org: OrgKit) -> None:
    story, critique = await disputed(org)
    video, stranger = await spoken(story, story.rep), await org.person()
    made = await said(story.rep, critique, asset_id=video)
    assert (made.status_code, made.json()["asset_id"]) == (201, video)
    url = f"/v1/assets/{video}"
    assert [(await who.client.get(url)).status_code for who in (story.manager, stranger)] == [200, 404]


async def test_a_reply_by_video_is_ones_own_and_made_for_it(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    videos = [await spoken(story, story.rep), await spoken(story, story.manager, purpose="response"), fresh()]
    answers = [await patched(story.manager, critique, {"reply_asset_id": video}) for video in videos]
    assert {(one.status_code, one.json()["errors"][0]["pointer"]) for one in answers} == {(422, "/reply_asset_id")}
    failed = await patched(story.manager, critique, {"reply_asset_id": await spoken(story, story.manager, "failed")})
    assert (failed.status_code, failed.json()["type"]) == (409, "/problems/asset-failed")


async def test_a_reply_by_video_is_erased_by_whose_it_is_and_the_critique_stays(org: OrgKit) -> None:
    story = await make_story(org)
    video = await spoken(story, story.manager)
    critique = await make_critique(story, await make_take(story), reply_asset_id=video)
    assert (await story.rep.client.delete(f"/v1/assets/{video}")).status_code == 403
    assert (await story.manager.client.delete(f"/v1/assets/{video}")).status_code == 204
    assert (await got(story.rep, critique)).json()["reply_asset_id"] == video
    assert (await story.rep.client.get(f"/v1/assets/{video}")).json()["state"] == "deleted"
