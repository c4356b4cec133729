"""Withdrawing what was handed in, discarding what was not."""

import asyncio

import pytest

from models.challenge import Assignment
from tests.factories.critiques import make_critique
from tests.factories.people import OrgKit
from tests.factories.takes import (
    assignment_of,
    make_story,
    make_take,
    seen,
    started,
    state_of,
    submit,
    submitted,
)


async def test_a_take_is_withdrawn_until_a_reviewer_opens_it(org: OrgKit) -> None:
    story = await make_story(org)
    first = await submitted(story)
    assert (await seen(story.rep, first["id"])).json()["opened_at"] is None
    withdrawn = await story.rep.client.post(f"/v1/takes/{first['id']}/withdraw")
    again = await story.rep.client.post(f"/v1/takes/{first['id']}/withdraw")
    assert (withdrawn.json()["state"], again.status_code, await state_of(story)) == ("withdrawn", 200, "open")
    assert (await seen(story.manager, first["id"])).status_code == 404
    second = await submitted(story)
    assert (await seen(story.manager, second["id"])).json()["opened_at"] is not None
    refused = await story.rep.client.post(f"/v1/takes/{second['id']}/withdraw")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/take-opened")


async def test_opening_and_withdrawing_at_once_leave_one_winner(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    opened, withdrawn = await asyncio.gather(
        seen(story.manager, take["id"]), story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    )
    assert (opened.status_code, withdrawn.status_code) in {(200, 409), (404, 200)}


async def test_withdrawing_a_second_take_falls_back_to_the_first(org: OrgKit) -> None:
    story = await make_story(org)
    first, second = await submitted(story), await submitted(story)
    await story.rep.client.post(f"/v1/takes/{second['id']}/withdraw")
    assignment = await assignment_of(story)
    assert (str(assignment.current_take_id), assignment.state) == (first["id"], "submitted")


async def test_withdrawing_the_answer_to_a_retake_asks_for_the_retake_again(org: OrgKit) -> None:
    story = await make_story(org, max_takes=1)
    await make_critique(story, (await submitted(story))["id"], decision="retake")
    second = await submitted(story)
    await story.rep.client.post(f"/v1/takes/{second['id']}/withdraw")
    assert await state_of(story) == "retake"


@pytest.mark.parametrize("state", ["draft", "reviewed", "discarded"])
async def test_what_was_not_handed_in_or_is_reviewed_is_not_withdrawn(org: OrgKit, state: str) -> None:
    story = await make_story(org)
    take_id = await make_take(story, state)
    refused = await story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    assert (refused.status_code, refused.json()["state"]) == (409, state)


@pytest.mark.parametrize("state", ["submitted", "submitting", "needs_replacement", "reviewed", "withdrawn"])
async def test_only_a_draft_is_discarded(org: OrgKit, state: str) -> None:
    story = await make_story(org)
    take_id = await make_take(story, state)
    refused = await story.rep.client.delete(f"/v1/takes/{take_id}")
    assert (refused.status_code, refused.json()["state"]) == (409, state)


@pytest.mark.parametrize("state", ["withdrawn", "discarded"])
async def test_what_was_given_up_is_not_submitted(org: OrgKit, state: str) -> None:
    story = await make_story(org)
    refused = await submit(story, await make_take(story, state))
    assert (refused.status_code, refused.json()["state"]) == (409, state)


async def test_discarding_a_draft_puts_the_assignment_back_and_may_be_repeated(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    url = f"/v1/takes/{take['id']}"
    first, again = await story.rep.client.delete(url), await story.rep.client.delete(url)
    assert (first.status_code, again.status_code, await state_of(story)) == (204, 204, "open")


async def test_a_draft_of_an_assignment_that_was_excused_is_not_submitted(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, "draft")
    async with story.database.tenant(org.id) as session:
        (await session.get_one(Assignment, (org.id, story.assignment_id))).move("excused")
    refused = await submit(story, take_id)
    assert (refused.status_code, refused.json()["state"]) == (409, "excused")
