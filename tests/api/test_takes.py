import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Challenge
from models.event import Event
from models.submission import asset_arrived, asset_failed
from models.take import Take
from tests.factories.critiques import make_critique
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, assignment_of, fresh, make_asset, make_story, make_take, state_of


async def start(story: Story, **body: Any) -> httpx.Response:
    return await story.rep.client.post(f"/v1/assignments/{story.assignment_id}/takes", json=body)


async def started(story: Story, **body: Any) -> dict[str, Any]:
    answer = await start(story, **body)
    assert answer.status_code == 201, answer.text
    take: dict[str, Any] = answer.json()
    return take


async def respond(story: Story, take_id: str, asset_id: object, prompt: int = 0) -> httpx.Response:
    url = f"/v1/takes/{take_id}/responses/{story.prompts[prompt]}"
    return await story.rep.client.put(url, json={"asset_id": str(asset_id)})


async def submit(story: Story, take_id: object, **body: Any) -> httpx.Response:
    return await story.rep.client.post(f"/v1/takes/{take_id}/submit", json=body)


async def submitted(story: Story, asset_state: str = "playable") -> dict[str, Any]:
    take = await started(story)
    for place in range(len(story.prompts)):
        await respond(story, take["id"], await make_asset(story.org, story.rep.id, asset_state), place)
    answer = await submit(story, take["id"])
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def settle(story: Story, take: dict[str, Any], prompt: int = 0, *, failed: bool = False) -> None:
    """Let the bytes of a response arrive, or fail."""
    asset_id = take["responses"][prompt]["asset"]["id"]
    async with story.database.tenant(story.org.id) as session:
        asset = (await session.scalars(select(Asset).where(Asset.org_id == story.org.id, Asset.id == asset_id))).one()
        if failed:
            asset.problem_code = "no-video"
        asset.move("failed" if failed else "processing")
        await (asset_failed if failed else asset_arrived)(session, asset)


async def seen(who: Somebody, take_id: object) -> httpx.Response:
    return await who.client.get(f"/v1/takes/{take_id}")


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


async def test_a_submission_carries_its_note_and_confidence(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    await respond(story, take["id"], await make_asset(org, story.rep.id))
    body = (await submit(story, take["id"], note="Slower this time", confidence=0.6)).json()
    assert (body["state"], body["note"], body["confidence"]) == ("submitted", "Slower this time", 0.6)
    assert body["submitted_at"] is not None
    assert await state_of(story) == "submitted"


async def test_a_submission_needs_no_body(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    await respond(story, take["id"], await make_asset(org, story.rep.id))
    answer = await story.rep.client.post(f"/v1/takes/{take['id']}/submit")
    assert (answer.status_code, answer.json()["state"]) == (200, "submitted")


async def test_a_confidence_beyond_certainty_is_refused(org: OrgKit) -> None:
    story = await make_story(org)
    refused = await submit(story, await make_take(story, "draft"), confidence=1.5)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/confidence")


async def test_submitting_names_the_prompts_without_a_response(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take = await started(story)
    await respond(story, take["id"], await make_asset(org, story.rep.id), 0)
    refused = await submit(story, take["id"])
    assert (refused.status_code, refused.json()["missing"]) == (409, [str(story.prompts[1])])
    assert (await seen(story.rep, take["id"])).json()["state"] == "draft"


async def test_submitting_names_the_prompts_whose_video_failed(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    asset_id = await make_asset(org, story.rep.id, "processing")
    await respond(story, take["id"], asset_id)
    async with story.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, asset_id))
        asset.problem_code = "no-video"
        asset.move("failed")
        await asset_failed(session, asset)
    refused = await submit(story, take["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/responses-failed")
    assert refused.json()["missing"] == [str(story.prompts[0])]


async def test_submitting_again_changes_nothing(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    again = await submit(story, take["id"], note="too late")
    assert again.status_code == 200
    assert again.json() == take


async def test_two_devices_that_submit_at_once_submit_once(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, "draft")
    answers = await asyncio.gather(*(submit(story, take_id) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["submitted_at"] for answer in answers}) == 1
    async with story.database.tenant(org.id) as session:
        moves = select(func.count()).where(
            Event.org_id == org.id, Event.subject_id == take_id, Event.name == "take.submitted"
        )
        assert await session.scalar(moves) == 1


async def test_a_take_whose_bytes_are_on_their_way_is_submitting_until_all_have_arrived(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take = await submitted(story, "uploading")
    assert (take["state"], await state_of(story)) == ("submitting", "submitted")
    await settle(story, take, 0)
    assert (await seen(story.rep, take["id"])).json()["state"] == "submitting"
    await settle(story, take, 1)
    assert (await seen(story.rep, take["id"])).json()["state"] == "submitted"


async def test_two_uploads_that_complete_at_once_submit_the_take(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take = await submitted(story, "uploading")
    await asyncio.gather(settle(story, take, 0), settle(story, take, 1))
    assert (await seen(story.rep, take["id"])).json()["state"] == "submitted"


async def test_an_upload_that_completes_while_the_take_is_submitted_is_not_missed(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    answer = await respond(story, take["id"], await make_asset(org, story.rep.id, "uploading"))
    await asyncio.gather(submit(story, take["id"]), settle(story, answer.json()))
    assert (await seen(story.rep, take["id"])).json()["state"] == "submitted"


async def test_a_failed_video_of_a_submitted_take_comes_back_to_the_inbox(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take = await submitted(story, "uploading")
    await settle(story, take, 1, failed=True)
    body = (await seen(story.rep, take["id"])).json()
    assert (body["state"], await state_of(story)) == ("needs_replacement", "in_progress")
    assert [one["replace"] for one in body["responses"]] == [False, True]


async def test_only_what_failed_is_replaced_and_the_take_keeps_its_number_and_time(org: OrgKit) -> None:
    story = await make_story(org, prompts=2)
    take = await submitted(story, "uploading")
    await settle(story, take, 0)
    await settle(story, take, 1, failed=True)
    refused = await respond(story, take["id"], await make_asset(org, story.rep.id), 0)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/response-not-failed")
    assert (await submit(story, take["id"])).status_code == 409
    assert (await respond(story, take["id"], await make_asset(org, story.rep.id), 1)).status_code == 200
    assert (await respond(story, take["id"], await make_asset(org, story.rep.id), 1)).status_code == 200
    again = (await submit(story, take["id"])).json()
    assert (again["state"], again["number"], again["submitted_at"]) == ("submitted", 1, take["submitted_at"])
    assert await state_of(story) == "submitted"


async def test_a_failure_told_twice_changes_nothing_more(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story, "uploading")
    await settle(story, take, failed=True)
    async with story.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, take["responses"][0]["asset"]["id"]))
        await asset_failed(session, asset)
    assert (await seen(story.rep, take["id"])).json()["state"] == "needs_replacement"


async def test_an_asset_of_somebody_else_is_not_a_response(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    refused = await respond(story, take["id"], await make_asset(org, story.manager.id))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/asset_id")


async def test_a_video_for_another_purpose_is_not_a_response(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    refused = await respond(story, take["id"], await make_asset(org, story.rep.id, purpose="attachment"))
    assert refused.status_code == 422


async def test_a_failed_video_is_not_a_response(org: OrgKit) -> None:
    story = await make_story(org)
    take = await started(story)
    refused = await respond(story, take["id"], await make_asset(org, story.rep.id, "failed"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/asset-failed")


async def test_a_prompt_of_another_challenge_is_not_here(org: OrgKit) -> None:
    story, take = await make_story(org), ""
    take = (await started(story))["id"]
    url = f"/v1/takes/{take}/responses/{fresh()}"
    asset_id = await make_asset(org, story.rep.id)
    assert (await story.rep.client.put(url, json={"asset_id": str(asset_id)})).status_code == 404


async def test_the_same_response_again_is_no_conflict_after_submission_but_another_is(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    same = await respond(story, take["id"], take["responses"][0]["asset"]["id"])
    other = await respond(story, take["id"], await make_asset(org, story.rep.id))
    assert (same.status_code, other.status_code, other.json()["state"]) == (200, 409, "submitted")


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
    assert [row.name for row in rows] == ["take.draft", "take.submitted", "take.withdrawn"]
    assert {row.actor_id for row in rows} == {story.rep.id}


async def test_the_number_of_a_take_is_its_own_even_where_an_earlier_was_discarded(org: OrgKit) -> None:
    story = await make_story(org)
    first = await started(story)
    await story.rep.client.delete(f"/v1/takes/{first['id']}")
    second = await started(story)
    async with story.database.tenant(org.id) as session:
        numbers = (await session.scalars(select(Take.number).where(Take.org_id == org.id).order_by(Take.number))).all()
    assert (second["number"], list(numbers)) == (2, [1, 2])
