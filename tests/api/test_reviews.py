from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from models.challenge import Assignment
from models.team import Team
from tests.factories.critiques import draft, make_critique
from tests.factories.people import OrgKit, Somebody
from tests.factories.queries import counted
from tests.factories.takes import Story, make_assignment, make_story, make_take


async def queue(who: Somebody, query: str = "") -> list[dict[str, Any]]:
    answer = await who.client.get(f"/v1/me/reviews{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def another_rep(story: Story, name: str = "Rita Rep") -> Story:
    rep = await story.org.person(name)
    await story.org.member(story.team_id, rep)
    assignment_id = await make_assignment(story.org, story.challenge_id, rep.id, story.team_id)
    return Story(
        story.org,
        story.team_id,
        story.manager,
        rep,
        story.challenge_id,
        assignment_id,
        story.prompts,
        story.rubric_version_id,
        story.questions,
    )


async def test_the_queue_shows_what_waits_longest_first(org: OrgKit) -> None:
    story = await make_story(org)
    other = await another_rep(story)
    newer, older = await make_take(story, days_ago=1), await make_take(other, days_ago=3)
    items = await queue(story.manager)
    assert [item["take_id"] for item in items] == [str(older), str(newer)]
    assert (items[0]["person"]["name"], items[0]["challenge"]["kind"]) == ("Rita Rep", "positioning")
    assert items[0]["waiting_s"] >= 3 * 86400
    assert (items[0]["playable"], items[0]["duration_ms"], items[0]["my_draft_id"]) == (True, 20_000, None)


async def test_the_queue_comes_in_pages(org: OrgKit) -> None:
    story = await make_story(org)
    for place in range(3):
        await make_take(await another_rep(story, f"Rep {place}"), days_ago=3 - place)
    first = (await story.manager.client.get("/v1/me/reviews?limit=2")).json()
    rest = (await story.manager.client.get(f"/v1/me/reviews?limit=2&cursor={first['next_cursor']}")).json()
    assert [item["person"]["name"] for item in first["items"] + rest["items"]] == ["Rep 0", "Rep 1", "Rep 2"]


async def test_a_draft_of_mine_is_named(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    assert (await queue(story.manager))[0]["my_draft_id"] == critique["id"]


async def test_what_is_reviewed_leaves_the_queue(org: OrgKit) -> None:
    story = await make_story(org)
    await make_critique(story, await make_take(story))
    assert await queue(story.manager) == []


async def test_what_needs_a_replacement_or_is_still_uploading_is_not_in_the_queue(org: OrgKit) -> None:
    story = await make_story(org)
    await make_take(story, "needs_replacement")
    await make_take(await another_rep(story), "submitting")
    assert await queue(story.manager) == []


async def test_only_the_take_that_was_handed_in_last_waits(org: OrgKit) -> None:
    story = await make_story(org)
    await make_take(story, days_ago=2)
    newer = await make_take(story, number=2)
    assert [item["take_id"] for item in await queue(story.manager)] == [str(newer)]


async def test_an_excused_assignment_waits_for_nobody(org: OrgKit) -> None:
    story = await make_story(org)
    await make_take(story)
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Assignment, (org.id, story.assignment_id))).move("excused")
    assert await queue(story.manager) == []


async def test_the_queue_is_of_managed_teams_and_of_all_for_enablement(org: OrgKit) -> None:
    story = await make_story(org)
    await make_take(story)
    stranger, coach = await org.person(), await org.person(org_role="enablement")
    await org.member(await org.team("South"), stranger, "manager")
    admin = await org.person(org_role="admin")
    counts = [len(await queue(who)) for who in (story.manager, coach, stranger, admin, story.rep)]
    assert counts == [1, 1, 0, 0, 0]


async def test_a_manager_of_the_team_above_sees_it_too(org: OrgKit) -> None:
    story = await make_story(org)
    await make_take(story)
    head, above = await org.person(), await org.team("All")
    await org.member(above, head, "manager")
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Team, (org.id, story.team_id))).parent_id = above
    assert len(await queue(head)) == 1


async def test_the_queue_of_another_organization_is_its_own(org: OrgKit, make_org: Callable[..., Any]) -> None:
    await make_take(await make_story(org))
    elsewhere = await make_org()
    assert await queue(await elsewhere.person(org_role="enablement")) == []


async def test_the_queue_costs_two_statements_however_long_it_is(org: OrgKit) -> None:
    story = await make_story(org)
    for place in range(4):
        await make_take(await another_rep(story, f"Rep {place}"))
    with counted(org) as sent:
        items = await queue(story.manager)
    assert (len(items), len(sent)) == (4, 2)


async def test_waiting_is_counted_from_the_submission(org: OrgKit) -> None:
    story = await make_story(org)
    await make_take(story, days_ago=1)
    item = (await queue(story.manager))[0]
    age_s = (datetime.now(UTC) - datetime.fromisoformat(item["submitted_at"])).total_seconds()
    assert abs(item["waiting_s"] - age_s) < 60
