"""What becomes of a rubric in use: examples of its levels, its history, and changes that follow too soon."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from models.base import now
from models.bright_spot import BrightSpot
from models.event import Event
from models.ids import new_id
from models.rubric import RubricVersion
from tests.factories.bright_spots import published, shared_story
from tests.factories.critiques import make_critique, scores
from tests.factories.people import OrgKit, Somebody
from tests.factories.rubrics import criterion, new_skill, post_rubric
from tests.factories.takes import Story, make_story, make_take

Body = dict[str, Any]


async def example(who: Somebody, rubric: Body, level: Body, spot: object) -> Any:
    body = {"level_id": level["id"], "bright_spot_id": spot and str(spot)}
    return await who.client.put(f"/v1/rubrics/{rubric['id']}/examples", json=body)


async def shown(who: Somebody, rubric: Body, **query: Any) -> list[Any]:
    """Return the bright spots of the first criterion's levels."""
    answer = await who.client.get(f"/v1/rubrics/{rubric['id']}", params=query)
    assert answer.status_code == 200, answer.text
    return [level["bright_spot_id"] for level in answer.json()["criteria"][0]["levels"]]


async def rubric_of(who: Somebody, story: Story) -> Body:
    challenge = (await who.client.get(f"/v1/challenges/{story.challenge_id}")).json()
    body: Body = (await who.client.get(f"/v1/rubrics/{challenge['rubric_id']}")).json()
    return body


@pytest.fixture
async def told(org: OrgKit) -> tuple[Story, Body, Body]:
    """A story, its rubric, and a bright spot that its team sees."""
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    return story, await rubric_of(story.manager, story), spot


async def again(who: Somebody, rubric: Body, *, change: Any = None) -> Body:
    """Make the next version, of the same criteria unless `change` does something to them."""
    criteria = [
        {key: value for key, value in one.items() if key not in {"id", "levels"}}
        | {"levels": [{key: level[key] for key in ("points", "label", "anchor")} for level in one["levels"]]}
        for one in rubric["criteria"]
    ]
    if change:
        change(criteria)
    answer = await who.client.post(f"/v1/rubrics/{rubric['id']}/versions", json={"criteria": criteria})
    assert answer.status_code == 201, answer.text
    body: Body = answer.json()
    return body


async def test_a_level_links_a_bright_spot_for_those_who_see_it(org: OrgKit, told: tuple[Story, Body, Body]) -> None:
    story, rubric, spot = told
    level = rubric["criteria"][0]["levels"][-1]
    answer = await example(story.manager, rubric, level, spot["id"])
    assert answer.json()["criteria"][0]["levels"][-1]["bright_spot_id"] == spot["id"]
    outsider = await org.person()
    assert (await shown(story.rep, rubric))[-1] == spot["id"]
    assert (await shown(outsider, rubric))[-1] is None
    assert (await example(story.rep, rubric, level, spot["id"])).status_code == 403


async def test_a_bright_spot_that_was_revoked_is_gone_from_its_level(
    org: OrgKit, told: tuple[Story, Body, Body]
) -> None:
    story, rubric, spot = told
    await example(story.manager, rubric, rubric["criteria"][0]["levels"][0], spot["id"])
    async with org.database.tenant(org.id) as session:
        mine = (BrightSpot.org_id == org.id) & (BrightSpot.id == UUID(spot["id"]))
        await session.execute(update(BrightSpot).where(mine).values(state="revoked"))
    for who in (story.manager, story.rep):
        assert (await shown(who, rubric))[0] is None


async def test_a_link_is_replaced_and_taken_away(told: tuple[Story, Body, Body]) -> None:
    story, rubric, spot = told
    level = rubric["criteria"][0]["levels"][0]
    for wanted in (spot["id"], spot["id"], None, None):
        assert (await example(story.manager, rubric, level, wanted)).status_code == 200
        assert (await shown(story.manager, rubric))[0] == wanted


async def test_what_is_not_there_is_pointed_at(org: OrgKit, told: tuple[Story, Body, Body]) -> None:
    story, rubric, spot = told
    level = rubric["criteria"][0]["levels"][0]
    other = await post_rubric(org, await org.person(org_role="enablement"))
    for answer, pointer in (
        (await example(story.manager, rubric, level, new_id()), "/bright_spot_id"),
        (await example(story.manager, rubric, {"id": str(new_id())}, spot["id"]), "/level_id"),
        (await example(story.manager, other, level, spot["id"]), "/level_id"),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_level_that_says_the_same_keeps_its_bright_spot(told: tuple[Story, Body, Body]) -> None:
    story, rubric, spot = told
    for level in rubric["criteria"][0]["levels"][:2]:
        await example(story.manager, rubric, level, spot["id"])

    def change(criteria: list[Body]) -> None:
        criteria[0]["levels"][1]["anchor"] = "Something else."

    await again(story.manager, rubric, change=change)
    assert await shown(story.manager, rubric) == [spot["id"], None, None]
    assert await shown(story.manager, rubric, version=1) == [spot["id"], spot["id"], None]

    def drop(criteria: list[Body]) -> None:
        criteria[0]["levels"][0]["bright_spot_id"] = None
        criteria[0]["levels"][2]["bright_spot_id"] = spot["id"]

    await again(story.manager, rubric, change=drop)
    assert await shown(story.manager, rubric) == [None, None, spot["id"]]


async def test_a_new_rubric_may_come_with_its_examples(org: OrgKit, told: tuple[Story, Body, Body]) -> None:
    story, _, spot = told
    one = criterion(await new_skill(org))
    one["levels"][1]["bright_spot_id"] = spot["id"]
    made = await story.manager.client.post("/v1/rubrics", json={"title": "New", "criteria": [one]})
    assert [level["bright_spot_id"] for level in made.json()["criteria"][0]["levels"]] == [None, spot["id"], None]
    one["levels"][1]["bright_spot_id"] = str(new_id())
    wrong = await story.manager.client.post("/v1/rubrics", json={"title": "New", "criteria": [one]})
    assert wrong.json()["errors"][0]["pointer"] == "/criteria/0/levels/1/bright_spot_id"


async def test_a_version_that_follows_too_soon_warns(org: OrgKit) -> None:
    author = await org.person(org_role="enablement")
    rubric = await post_rubric(org, author)
    assert rubric["warning"] is None
    second = await again(author, rubric)
    assert second["warning"]["code"] == "let-it-bed-down"
    assert second["warning"]["since"] == rubric["version_created_at"]
    assert "less than a day old" in second["warning"]["detail"]


@pytest.mark.parametrize(("days", "warns"), [(27, True), (29, False)])
async def test_a_version_that_had_its_time_does_not_warn(org: OrgKit, days: int, *, warns: bool) -> None:
    author = await org.person(org_role="enablement")
    rubric = await post_rubric(org, author)
    async with org.database.tenant(org.id) as session:
        mine = (RubricVersion.org_id == org.id) & (RubricVersion.rubric_id == UUID(rubric["id"]))
        await session.execute(update(RubricVersion).where(mine).values(created_at=now() - timedelta(days=days)))
    assert bool((await again(author, rubric))["warning"]) is warns


async def test_the_history_of_a_criterion_goes_on_under_its_key(org: OrgKit) -> None:
    story = await make_story(org)
    await make_critique(story, await make_take(story), scores=scores(story, opening=2, clarity=4, story=0))
    rubric = await rubric_of(story.manager, story)

    def change(criteria: list[Body]) -> None:
        criteria[0]["title"] = "Opens with the problem"
        del criteria[2]

    await again(story.manager, rubric, change=change)
    url = f"/v1/rubrics/{rubric['id']}/history"
    body = (await story.manager.client.get(url)).json()
    assert {one["key"]: [version["version"] for version in one["versions"]] for one in body["criteria"]} == {
        "opening": [1, 2],
        "clarity": [1, 2],
        "story": [1],
    }
    [opening] = (await story.manager.client.get(url, params={"key": "opening"})).json()["criteria"]
    first, second = opening["versions"]
    assert (first["title"], first["n"], first["mean"], first["levels"]) == ("Opening", 1, 1.0, 3)
    assert (second["title"], second["n"], second["mean"]) == ("Opens with the problem", 0, None)
    stranger = await org.person()
    [unseen] = (await stranger.client.get(url, params={"key": "opening"})).json()["criteria"]
    assert [version["n"] for version in unseen["versions"]] == [0, 0]


async def test_changes_of_a_rubric_are_events(org: OrgKit) -> None:
    author = await org.person(org_role="enablement")
    rubric = await post_rubric(org, author)
    await again(author, rubric)
    await example(author, rubric, rubric["criteria"][0]["levels"][0], None)
    query = select(Event.name, Event.data).where(Event.org_id == org.id, Event.subject_id == UUID(rubric["id"]))
    async with org.database.tenant(org.id) as session:
        rows = (await session.execute(query.order_by(Event.at, Event.id))).all()
    assert [row.name for row in rows] == ["rubric.created", "rubric.versioned", "rubric.example_set"]
    assert [row.data.get("version") for row in rows] == [None, 2, 1]
