"""Handing a take in: what it needs, while its bytes are on their way, and when they fail."""

import asyncio

from sqlalchemy import func, select

from models.asset import Asset
from models.event import Event
from models.submission import asset_failed
from tests.factories.people import OrgKit
from tests.factories.takes import (
    fresh,
    make_asset,
    make_story,
    make_take,
    respond,
    seen,
    settle,
    started,
    state_of,
    submit,
    submitted,
)


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
