"""A next step after its critique: it follows the person, who says how far they are; its age and end are kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from models.base import now
from models.critique import NextStep
from models.event import Event
from models.next_steps import Followed, follow_through, tell_due
from models.shares import share
from models.team import Membership
from tests.factories.critiques import draft, got, make_critique, publish, scores, step, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_story, make_take

Body = dict[str, Any]


async def agreed(story: Story, *texts: str, **values: Any) -> list[Body]:
    critique = await make_critique(
        story, await make_take(story), next_steps=[step(story, text) | values for text in texts]
    )
    steps: list[Body] = critique["next_steps"]
    return steps


async def found(story: Story, asked: Body, outcome: str, number: int = 2) -> None:
    """Publish another critique that asks about a step."""
    said = [{"next_step_id": asked["id"], "outcome": outcome}]
    await make_critique(story, await make_take(story, number=number), follow_ups=said)


async def listed(who: Somebody, path: str = "/v1/me/next-steps", **query: str) -> list[Body]:
    answer = await who.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    items: list[Body] = answer.json()["items"]
    return items


async def report(who: Somebody, asked: Body, **body: Any) -> Any:
    return await who.client.post(f"/v1/next-steps/{asked['id']}/report", json=body)


async def events(org: OrgKit, name: str) -> list[Event]:
    async with org.database.tenant(org.id) as session:
        return list(await session.scalars(select(Event).where(Event.org_id == org.id, Event.name == name)))


async def test_a_step_keeps_its_age_and_how_often_it_was_asked_about(org: OrgKit) -> None:
    story = await make_story(org)
    [first, _] = await agreed(story, "Pause", "Ask")
    async with org.database.tenant(org.id) as session:
        ago = update(NextStep).where(NextStep.org_id == org.id)
        await session.execute(ago.values(published_at=now() - timedelta(days=10)))
    await found(story, first, "not_yet")
    await found(story, first, "done", number=3)
    [done] = await listed(story.rep, state="done")
    assert (done["text"], done["open"], done["times_asked"], done["reviewer"]["name"]) == (
        "Pause",
        False,
        2,
        story.manager.name,
    )
    assert done["age_days"] == pytest.approx(10, abs=0.1)
    assert [one["text"] for one in await listed(story.rep)] == ["Ask"]
    assert len(await listed(story.rep, state="all")) == 2


async def test_the_person_says_how_far_they_are_beside_what_the_reviewer_finds(org: OrgKit) -> None:
    story = await make_story(org)
    [asked] = await agreed(story, "Pause")
    said = await report(story.rep, asked, outcome="done", note="In every call")
    assert said.status_code == 200
    assert (said.json()["open"], said.json()["outcome"]) == (True, None)
    assert said.json()["report"]["outcome"] == "done"
    again = await report(story.rep, asked, outcome="done", note="In every call")
    assert again.json() == said.json()
    [event] = await events(org, "next_step.reported")
    assert (event.data["outcome"], "note" in event.data) == ("done", False)
    [seen] = await listed(story.manager, f"/v1/people/{story.rep.id}/next-steps")
    assert seen["report"]["note"] == "In every call"


async def test_nobody_reports_for_another_or_on_what_is_over(org: OrgKit) -> None:
    story = await make_story(org)
    [asked] = await agreed(story, "Pause")
    assert (await report(story.manager, asked, outcome="done")).status_code == 403
    await found(story, asked, "done")
    late = await report(story.rep, asked, outcome="done")
    assert (late.status_code, late.json()["type"]) == (409, "/problems/next-step-closed")
    assert (await report(story.rep, {"id": uuid4()}, outcome="done")).status_code == 404


async def test_it_follows_the_person_to_the_next_manager(org: OrgKit) -> None:
    story, boss = await make_story(org), await org.person("Bo")
    [asked] = await agreed(story, "Pause")
    south = await org.team("South")
    await org.member(south, boss, "manager")
    assert (await boss.client.get(f"/v1/next-steps/{asked['id']}")).status_code == 404
    async with org.database.tenant(org.id) as session:
        theirs = (Membership.org_id == org.id) & (Membership.person_id == story.rep.id)
        await session.execute(update(Membership).where(theirs).values(until_at=now()))
    await org.member(south, story.rep)
    assert [one["text"] for one in await listed(boss, f"/v1/people/{story.rep.id}/next-steps")] == ["Pause"]
    assert (await boss.client.get(f"/v1/next-steps/{asked['id']}")).status_code == 200
    assert (await got(boss, {"id": asked["critique_id"]})).status_code == 404
    refused = await story.manager.client.get(f"/v1/people/{story.rep.id}/next-steps")
    assert refused.status_code in (403, 404)


async def test_the_next_manager_asks_about_it(org: OrgKit) -> None:
    story, boss, south = await make_story(org), await org.person("Bo"), await org.team("South")
    [asked] = await agreed(story, "Pause")
    await org.member(south, boss, "manager")
    async with org.database.tenant(org.id) as session:
        theirs = (Membership.org_id == org.id) & (Membership.person_id == story.rep.id)
        await session.execute(update(Membership).where(theirs).values(until_at=now()))
    await org.member(south, story.rep)
    take = await make_take(replace(story, team_id=south), number=2)
    critique = await draft(take, boss)
    assert [one["text"] for one in critique["open_next_steps"]] == ["Pause"]
    said = [{"next_step_id": asked["id"], "outcome": "done"}]
    await publish(boss, await write(boss, critique, scores=scores(story), follow_ups=said))
    assert await listed(story.rep) == []


async def test_what_was_agreed_is_seen_before_the_next_take(org: OrgKit) -> None:
    story = await make_story(org)
    await agreed(story, "Pause")
    got_one = (await story.rep.client.get(f"/v1/assignments/{story.assignment_id}")).json()
    assert [one["text"] for one in got_one["next_steps"]] == ["Pause"]


async def test_a_due_time_is_told_once(org: OrgKit) -> None:
    story = await make_story(org)
    [pause, ask] = await agreed(story, "Pause", "Ask", due_at="2150-01-01T00:00:00Z")
    await found(story, ask, "done")
    ids = [(await one_row(org, asked)).id for asked in (pause, ask)]
    async with org.database.tenant(org.id) as session:
        await session.execute(update(NextStep).where(NextStep.org_id == org.id).values(due_at=now()))
    async with org.database.without_tenant() as session:
        due = await session.execute(text("SELECT next_step_id FROM next_steps_due(100000)"))
        assert {row.next_step_id for row in due} >= set(ids)
    for _ in range(2):
        async with org.database.tenant(org.id) as session:
            await tell_due(session, org.id, ids)
    assert [event.subject_id for event in await events(org, "next_step.due")] == [ids[0]]
    [seen] = await listed(story.rep)
    assert seen["overdue"] is True


async def one_row(org: OrgKit, asked: Body) -> NextStep:
    async with org.database.tenant(org.id) as session:
        return (
            await session.scalars(select(NextStep).where(NextStep.org_id == org.id, NextStep.id == asked["id"]))
        ).one()


async def test_follow_through_of_rep_and_reviewer(org: OrgKit) -> None:
    story = await make_story(org)
    [first, _, third] = await agreed(story, "Pause", "Ask", "Listen")
    await found(story, first, "done")
    await found(story, third, "partly", number=3)
    told = (await story.manager.client.get(f"/v1/people/{story.rep.id}/follow-through")).json()
    assert told["as_reviewer"]["given"] == 0
    side = told["as_rep"]
    assert (side["given"], side["asked"], side["done"], side["partly"], side["not_yet"]) == (3, 2, 1, 1, 0)
    assert side["done_share"]["value"] == 0.5
    assert side["done_share"]["low"] < 0.2
    assert side["done_share"]["high"] > 0.8
    mine = (await story.manager.client.get(f"/v1/people/{story.manager.id}/follow-through")).json()
    assert mine["as_reviewer"] | {"oldest_open_days": 0} == side | {"oldest_open_days": 0}
    peer = await org.person()
    assert (await peer.client.get(f"/v1/people/{story.rep.id}/follow-through")).status_code == 404


async def test_a_superseded_critiques_steps_are_neither_listed_nor_counted(org: OrgKit) -> None:
    story = await make_story(org)
    take = await make_take(story)
    await make_critique(story, take, next_steps=[step(story, "Old")])
    new = await draft(take, story.manager)
    await publish(story.manager, await write(story.manager, new, next_steps=[step(story, "New")]))
    assert [one["text"] for one in await listed(story.rep, state="all")] == ["New"]
    told = (await story.rep.client.get(f"/v1/people/{story.rep.id}/follow-through")).json()
    assert told["as_rep"]["given"] == 1


def test_days_and_the_oldest_are_counted_from_publishing() -> None:
    at = now()
    steps = [
        Followed(at - timedelta(days=30), None, None, 0),
        Followed(at - timedelta(days=20), "done", at - timedelta(days=10), 1),
        Followed(at - timedelta(days=20), "done", at - timedelta(days=16), 2),
    ]
    told = follow_through(steps, at)
    assert (told.given, told.asked, told.median_days_to_done, told.oldest_open_days) == (3, 2, 7, 30)
    assert follow_through([], at).done_share is None


@pytest.mark.parametrize(
    ("some", "of", "low", "high"),
    # Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_as_published(some: int, of: int, low: float, high: float) -> None:
    found = share(some, of)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)
