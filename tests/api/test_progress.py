from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.base import now
from models.team import Team
from tests.factories.critiques import draft, make_critique, observe, publish, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_story, make_take


async def progress(who: Somebody, story: Story, query: str = "") -> dict[str, Any]:
    answer = await who.client.get(f"/v1/people/{story.rep.id}/progress{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def skill(who: Somebody, story: Story, name: str = "Positioning", query: str = "") -> dict[str, Any]:
    found: list[dict[str, Any]] = (await progress(who, story, query))["skills"]
    return next(one for one in found if one["skill"]["name"] == name)


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def test_nobody_has_judged_anything_yet(org: OrgKit) -> None:
    story = await make_story(org)
    body = await progress(story.rep, story)
    assert (body["skills"], body["next_steps"], body["person"]["name"]) == ([], [], "Robin Rep")


async def test_a_critique_shows_in_the_progress_of_its_skills(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, days_ago=3)
    critique = await make_critique(story, take_id, scores=scores(story, opening=2, clarity=4, story=0))
    found = await skill(story.rep, story)
    assert found["standing"]["value"] == 1.0
    assert found["standing"]["low"] < 1.0
    assert (found["trend"]["state"], found["observations"]) == ("too_early", 1)
    point = found["points"][0]
    assert (point["take_id"], point["critique_id"], point["perspective"]) == (str(take_id), critique["id"], "manager")
    take = (await story.rep.client.get(f"/v1/takes/{take_id}")).json()
    assert point["at"] == take["submitted_at"]
    assert (await skill(story.rep, story, "Storytelling"))["standing"]["value"] == 0.0


async def test_the_standing_is_the_mean_with_recent_weight(org: OrgKit) -> None:
    story = await make_story(org)
    await observe(story, [0.0, 1.0], every_days=45)
    found = await skill(story.manager, story)
    assert found["standing"]["value"] == pytest.approx(2 / 3, abs=1e-6)


async def test_a_clear_rise_is_told(org: OrgKit) -> None:
    story = await make_story(org)
    await observe(story, [0.1, 0.2, 0.3, 0.45, 0.5, 0.65, 0.7, 0.85])
    trend = (await skill(story.manager, story))["trend"]
    assert trend["state"] == "rising"
    assert 0 < trend["low"] < trend["per_90_days"] < trend["high"]


async def test_noise_is_not_called_a_trend(org: OrgKit) -> None:
    story = await make_story(org)
    await observe(story, [0.5, 0.3, 0.6, 0.4, 0.55, 0.35, 0.5, 0.45])
    assert (await skill(story.manager, story))["trend"]["state"] == "steady"


async def test_several_managers_of_one_take_make_one_observation(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, coach = await make_take(story), await org.person(org_role="enablement")
    await make_critique(story, take_id, scores=scores(story, opening=2, clarity=4))
    await make_critique(story, take_id, coach, scores=scores(story, opening=0, clarity=0))
    found = await skill(story.manager, story)
    assert (found["observations"], found["standing"]["value"], len(found["points"])) == (1, 0.5, 2)


async def test_what_the_person_says_stands_beside_and_is_not_mixed_in(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id, story.rep, scores=scores(story, opening=2, clarity=4))
    alone = await skill(story.rep, story)
    assert (alone["standing"], alone["observations"], alone["self"]["value"]) == (None, 0, 1.0)
    await make_critique(story, take_id, scores=scores(story, opening=0, clarity=0))
    both = await skill(story.rep, story)
    assert (both["standing"]["value"], both["self"]["value"], both["peers"]) == (0.0, 1.0, None)


async def test_a_superseded_critique_counts_no_more_but_its_day_can_be_shown_again(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, days_ago=1)
    await make_critique(story, take_id, scores=scores(story, opening=0, clarity=0))
    then = now()
    new = await write(story.manager, await draft(take_id, story.manager), scores=scores(story, opening=2, clarity=4))
    await publish(story.manager, new)
    before = await skill(story.rep, story, query=f"?as_of={stamp(then)}")
    assert ((await skill(story.rep, story))["standing"]["value"], before["standing"]["value"]) == (1.0, 0.0)


async def test_a_day_before_anything_is_empty(org: OrgKit) -> None:
    story = await make_story(org)
    await make_critique(story, await make_take(story))
    body = await progress(story.rep, story, f"?as_of={stamp(now() - timedelta(days=30))}")
    assert body["skills"] == []


async def test_open_next_steps_are_part_of_it(org: OrgKit) -> None:
    story = await make_story(org)
    one = {"skill_id": str(story.questions["opening"].skill_id), "text": "Open with the number"}
    before = now()
    await make_critique(story, await make_take(story), next_steps=[one])
    assert [step["text"] for step in (await progress(story.manager, story))["next_steps"]] == ["Open with the number"]
    assert (await progress(story.rep, story, f"?as_of={stamp(before)}"))["next_steps"] == []


async def test_a_rep_sees_their_own_progress_and_nobody_elses(org: OrgKit) -> None:
    story = await make_story(org)
    mate, stranger, admin = await org.person(), await org.person(), await org.person(org_role="admin")
    await org.member(story.team_id, mate)
    coach = await org.person(org_role="enablement")
    url = f"/v1/people/{story.rep.id}/progress"
    people = (story.rep, story.manager, coach, mate, admin, stranger)
    assert [(await who.client.get(url)).status_code for who in people] == [200, 200, 200, 403, 403, 404]


async def test_another_organization_sees_nothing(org: OrgKit, make_org: Callable[..., Any]) -> None:
    story = await make_story(org)
    coach = await (await make_org()).person(org_role="enablement")
    urls = [f"/v1/people/{story.rep.id}/progress", f"/v1/teams/{story.team_id}/progress"]
    assert [(await coach.client.get(url)).status_code for url in urls] == [404, 404]


async def test_a_new_manager_sees_the_figures_of_an_older_team_without_its_takes(org: OrgKit) -> None:
    story = await make_story(org)
    await make_critique(story, await make_take(story))
    south, manager = await org.team("South"), await org.person()
    await org.member(south, manager, "manager")
    await org.member(south, story.rep)
    found = await skill(manager, story)
    assert (found["observations"], found["points"][0]["take_id"]) == (1, None)


async def test_the_team_is_a_matrix_of_its_reps_by_skill(org: OrgKit) -> None:
    story = await make_story(org)
    idle = await org.person("Ada Idle")
    await org.member(story.team_id, idle)
    await make_critique(story, await make_take(story), scores=scores(story, opening=2, clarity=4, story=0))
    body = (await story.manager.client.get(f"/v1/teams/{story.team_id}/progress")).json()
    assert [one["name"] for one in body["skills"]] == ["Positioning", "Storytelling"]
    assert [one["person"]["name"] for one in body["items"]] == ["Ada Idle", "Robin Rep"]
    cells = body["items"][1]["skills"]
    assert [(cell["standing"]["value"], cell["observations"]) for cell in cells] == [(1.0, 1), (0.0, 1)]
    assert body["items"][0]["skills"] == []


async def test_the_team_comes_in_pages(org: OrgKit) -> None:
    story = await make_story(org)
    await org.member(story.team_id, await org.person("Ada Idle"))
    url = f"/v1/teams/{story.team_id}/progress?limit=1"
    first = (await story.manager.client.get(url)).json()
    rest = (await story.manager.client.get(f"{url}&cursor={first['next_cursor']}")).json()
    assert [one["person"]["name"] for one in first["items"] + rest["items"]] == ["Ada Idle", "Robin Rep"]


async def test_the_teams_below_are_there_when_asked_for(org: OrgKit) -> None:
    story = await make_story(org)
    above, head = await org.team("All"), await org.person()
    await org.member(above, head, "manager")
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Team, (org.id, story.team_id))).parent_id = above
    url = f"/v1/teams/{above}/progress"
    alone = (await head.client.get(url)).json()["items"]
    below = (await head.client.get(f"{url}?include_subteams=true")).json()["items"]
    assert (alone, [one["person"]["name"] for one in below]) == ([], ["Robin Rep"])


async def test_the_team_is_seen_by_its_managers_and_enablement(org: OrgKit) -> None:
    story = await make_story(org)
    coach, admin = await org.person(org_role="enablement"), await org.person(org_role="admin")
    url = f"/v1/teams/{story.team_id}/progress"
    people = (story.manager, coach, story.rep, admin)
    assert [(await who.client.get(url)).status_code for who in people] == [200, 200, 403, 403]


@pytest.mark.parametrize(
    "wrong",
    ["0.5", "1700000000", "2027-03-01", "2027-03-01T17:00:00", "2027-13-01T17:00:00Z", "0001-01-01T00:00:00Z", "now"],
)
async def test_the_past_is_named_by_an_instant_and_nothing_else(org: OrgKit, wrong: str) -> None:
    """A number of seconds, or a wall time without its offset, would be read as some other moment than was meant."""
    story = await make_story(org)
    for url in (f"/v1/people/{story.rep.id}/progress", f"/v1/teams/{story.team_id}/progress"):
        answer = await story.manager.client.get(url, params={"as_of": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#query/as_of"), answer.text
