import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from models.base import now
from models.challenge import Assignment, Challenge
from models.event import Event
from models.take import Take
from tests.factories.critiques import make_critique
from tests.factories.people import OrgKit
from tests.factories.takes import (
    assignment_of,
    fresh,
    make_asset,
    make_story,
    respond,
    seen,
    start,
    started,
    state_of,
    submit,
    submitted,
)


async def test_the_first_take_names_each_prompt_and_puts_the_assignment_in_progress(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take = await started(story)
    assert (take["number"], take["state"], take["person"]["name"]) == (1, "draft", "Robin Rep")
    assert [(one["prompt_id"], one["asset"]) for one in take["responses"]] == [(str(p), None) for p in story.prompts]
    assert await state_of(story) == "in_progress"


async def test_starting_again_answers_with_the_open_draft(org: OrgKit) -> None:
    story = await make_story(org)
    first, again = await start(story, id=fresh()), await start(story, id=fresh())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


async def test_an_id_used_before_answers_with_its_take_even_after_submission(org: OrgKit) -> None:
    story = await make_story(org)
    key = fresh()
    await started(story, id=key)
    await respond(story, key, await make_asset(org, story.rep.id))
    await submit(story, key)
    again = await start(story, id=key)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, key, "submitted")


async def test_two_devices_that_start_at_once_get_one_draft(org: OrgKit) -> None:
    story = await make_story(org)
    answers = await asyncio.gather(*(start(story, id=fresh()) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("state", ["scheduled", "done", "excused", "closed"])
async def test_an_assignment_at_rest_takes_no_take_and_says_its_state(org: OrgKit, state: str) -> None:
    story = await make_story(org, state=state)
    refused = await start(story)
    assert (refused.status_code, refused.json()["state"]) == (409, state)


async def test_a_scheduled_assignment_opens_when_its_time_has_come(org: OrgKit) -> None:
    story = await make_story(org, state="scheduled")
    async with story.database.tenant(org.id) as session:
        assignment = await session.get_one(Assignment, (org.id, story.assignment_id))
        assignment.opens_at = now()
    await started(story)
    assert await state_of(story) == "in_progress"


async def test_a_closed_challenge_takes_no_take(org: OrgKit) -> None:
    story = await make_story(org)
    async with story.database.tenant(org.id) as session:
        challenge = await session.get_one(Challenge, (org.id, story.challenge_id))
        challenge.move("closed")
    assert (await start(story)).status_code == 409


async def test_only_the_person_it_is_assigned_to_answers(org: OrgKit) -> None:
    story = await make_story(org)
    refused = await story.manager.client.post(f"/v1/assignments/{story.assignment_id}/takes", json={})
    stranger = await org.person()
    absent = await stranger.client.post(f"/v1/assignments/{story.assignment_id}/takes", json={})
    assert (refused.status_code, absent.status_code) == (403, 404)


async def test_submitted_takes_count_and_withdrawn_or_discarded_ones_do_not(org: OrgKit) -> None:
    story = await make_story(org, max_takes=1)
    discarded = await started(story)
    await story.rep.client.delete(f"/v1/takes/{discarded['id']}")
    withdrawn = await submitted(story)
    await story.rep.client.post(f"/v1/takes/{withdrawn['id']}/withdraw")
    third = await submitted(story)
    refused = await start(story)
    assert third["number"] == 3
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/no-takes-left")


async def test_a_submitted_assignment_takes_another_while_takes_are_left(org: OrgKit) -> None:
    story = await make_story(org, max_takes=2)
    await submitted(story)
    second = await submitted(story)
    assert (second["number"], await state_of(story)) == (2, "submitted")
    assert str((await assignment_of(story)).current_take_id) == second["id"]


async def test_a_retake_grants_one_more(org: OrgKit) -> None:
    story = await make_story(org, max_takes=1)
    first = await submitted(story)
    await make_critique(story, first["id"], decision="retake")
    assert await state_of(story) == "retake"
    second = await submitted(story)
    assert (second["number"], await state_of(story), (await start(story)).status_code) == (2, "submitted", 409)


async def test_a_practice_take_is_seen_by_nobody_else_and_is_never_submitted(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story, practice=True)
    await respond(story, take["id"], await make_asset(org, story.rep.id))
    refused = await submit(story, take["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/practice-take")
    assert (await seen(story.manager, take["id"])).status_code == 404
    assert await state_of(story) == "open"


async def test_practice_and_a_draft_live_side_by_side(org: OrgKit) -> None:
    story = await make_story(org)
    practice, draft = await started(story, practice=True), await started(story)
    assert (practice["practice"], draft["practice"], draft["number"]) == (True, False, 1)


async def test_a_draft_is_seen_by_its_rep_only(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    coach = await org.person(org_role="enablement")
    assert [(await seen(who, take["id"])).status_code for who in (story.rep, story.manager, coach)] == [200, 404, 404]


async def test_a_submitted_take_is_not_edited_by_its_manager_nor_seen_by_an_admin(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    admin = await org.person(org_role="admin")
    assert (await story.manager.client.post(f"/v1/takes/{take['id']}/withdraw")).status_code == 403
    assert (await seen(admin, take["id"])).status_code == 404


async def test_another_organizations_take_is_absent(org: OrgKit, make_org: Callable[..., Any]) -> None:
    story, elsewhere = await make_story(org), await make_org()
    take = await submitted(story)
    coach = await elsewhere.person(org_role="enablement")
    answers = [
        await seen(coach, take["id"]),
        await coach.client.post(f"/v1/takes/{take['id']}/submit", json={}),
        await coach.client.get(f"/v1/assignments/{story.assignment_id}/takes"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_the_list_shows_each_their_own_part(org: OrgKit) -> None:
    story = await make_story(org)
    await submitted(story)
    await started(story)
    url = f"/v1/assignments/{story.assignment_id}/takes"
    mine, theirs = await story.rep.client.get(url), await story.manager.client.get(url)
    assert [take["state"] for take in mine.json()["items"]] == ["submitted", "draft"]
    assert [take["state"] for take in theirs.json()["items"]] == ["submitted"]


async def test_the_list_of_takes_comes_in_pages(org: OrgKit) -> None:
    story = await make_story(org)
    for _ in range(3):
        await submitted(story)
    url = f"/v1/assignments/{story.assignment_id}/takes?limit=2"
    first = (await story.rep.client.get(url)).json()
    rest = (await story.rep.client.get(f"{url}&cursor={first['next_cursor']}")).json()
    assert [take["number"] for take in first["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next_cursor"] is None


async def test_the_next_take_brings_the_open_steps_from_last_time(org: OrgKit) -> None:
    story = await make_story(org)
    first = await submitted(story)
    skill_id = str(story.questions["opening"].skill_id)
    await make_critique(
        story, first["id"], decision="retake", next_steps=[{"skill_id": skill_id, "text": "Open with the number"}]
    )
    second = await started(story)
    assert [step["text"] for step in second["next_steps"]] == ["Open with the number"]
    assert (await seen(story.rep, first["id"])).json()["next_steps"] == []


async def test_every_move_of_a_take_is_an_event_signed_by_who_moved_it(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    await story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    async with story.database.tenant(org.id) as session:
        rows = (
            await session.scalars(
                select(Event).where(Event.org_id == org.id, Event.subject_id == take["id"]).order_by(Event.at)
            )
        ).all()
    assert [row.name for row in rows] == ["take.draft", "take.response_put", "take.submitted", "take.withdrawn"]
    assert {row.actor_id for row in rows} == {story.rep.id}


async def test_the_number_of_a_take_is_its_own_even_where_an_earlier_was_discarded(org: OrgKit) -> None:
    story = await make_story(org)
    first = await started(story)
    await story.rep.client.delete(f"/v1/takes/{first['id']}")
    second = await started(story)
    async with story.database.tenant(org.id) as session:
        numbers = (await session.scalars(select(Take.number).where(Take.org_id == org.id).order_by(Take.number))).all()
    assert (second["number"], list(numbers)) == (2, [1, 2])
