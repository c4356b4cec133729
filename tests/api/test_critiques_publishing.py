"""What publishing a critique counts, decides and supersedes."""

import asyncio

import pytest

from models.take import Take
from tests.factories.critiques import (
    act,
    draft,
    got,
    make_critique,
    observations,
    patched,
    publish,
    scores,
    step,
    write,
)
from tests.factories.people import OrgKit
from tests.factories.takes import assignment_of, make_story, make_take, state_of


async def test_publishing_names_the_required_scores_that_are_missing(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    critique = await write(story.manager, critique, scores=scores(story, clarity=1))
    refused = await act(story.manager, critique, "publish")
    assert (refused.status_code, refused.json()["missing"]) == (409, ["opening"])
    assert (await got(story.manager, critique)).json()["state"] == "draft"


async def test_publishing_computes_the_value_and_one_observation_a_skill(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, days_ago=5)
    critique = await make_critique(story, take_id, scores=scores(story, opening=1, clarity=4, story=0))
    found = {one.skill_id: one for one in await observations(story)}
    opening = found[story.questions["opening"].skill_id]
    assert critique["value"] == pytest.approx((0.5 * 1 + 1.0 * 2 + 0.0 * 1) / 4)
    assert opening.value == pytest.approx((0.5 + 2 * 1.0) / 3)
    assert opening.step == pytest.approx((0.5 + 2 * 0.25) / 3)
    assert found[story.questions["story"].skill_id].value == 0.0
    async with story.database.tenant(org.id) as session:
        take = await session.get_one(Take, (org.id, take_id))
    assert {one.observed_at for one in found.values()} == {take.submitted_at}


async def test_a_managers_critique_reviews_the_take_and_a_self_critique_does_not(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id, story.rep)
    assert (await story.rep.client.get(f"/v1/takes/{take_id}")).json()["state"] == "submitted"
    await make_critique(story, take_id)
    take = (await story.rep.client.get(f"/v1/takes/{take_id}")).json()
    assert (take["state"], take["reviewed_at"] is not None, await state_of(story)) == ("reviewed", True, "submitted")


async def test_a_pass_is_the_end_of_the_assignment(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id, decision="pass")
    assignment = await assignment_of(story)
    assert (assignment.state, assignment.accepted_take_id) == ("done", take_id)


async def test_two_managers_who_ask_for_a_retake_grant_one_take(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, coach = await make_take(story), await org.person(org_role="enablement")
    await make_critique(story, take_id, decision="retake")
    await make_critique(story, take_id, coach, decision="retake")
    assignment = await assignment_of(story)
    assert (assignment.state, assignment.extra_takes) == ("retake", 1)


async def test_a_retake_of_an_older_take_changes_nothing_when_a_newer_one_waits(org: OrgKit) -> None:
    story = await make_story(org)
    older = await make_take(story, days_ago=1)
    await make_take(story, number=2)
    await make_critique(story, older, decision="retake")
    assert await state_of(story) == "submitted"


async def test_only_a_managers_critique_decides(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.rep)
    refused = await patched(story.rep, critique, {"decision": "pass"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/decision")


@pytest.mark.parametrize(
    ("levels", "meets"),
    [
        ({"opening": 2, "clarity": 2}, True),
        ({"opening": 1, "clarity": 1}, False),
        ({"opening": 0, "clarity": 4}, False),
    ],
)
async def test_the_pass_mark_is_told_and_a_criterion_that_must_pass_counts_alone(
    org: OrgKit, levels: dict[str, int], meets: bool
) -> None:
    story = await make_story(org, pass_mark=0.6)
    critique = await make_critique(story, await make_take(story), scores=scores(story, **levels))
    assert critique["meets_pass_mark"] is meets
    assert await state_of(story) == "submitted"


async def test_publishing_again_changes_nothing(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story), decision="retake")
    again = await act(story.manager, critique, "publish")
    assert (again.status_code, again.json()) == (200, critique)
    assert (await assignment_of(story)).extra_takes == 1


async def test_two_devices_that_publish_at_once_publish_once(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    critique = await write(story.manager, critique, scores=scores(story), decision="retake")
    answers = await asyncio.gather(*(act(story.manager, critique, "publish") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len(await observations(story)) == 2
    assert (await assignment_of(story)).extra_takes == 1


async def test_a_published_critique_is_neither_written_nor_discarded(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    written = await patched(story.manager, critique, {"summary": "Later"})
    thrown = await story.manager.client.delete(f"/v1/critiques/{critique['id']}")
    assert [(one.status_code, one.json()["state"]) for one in (written, thrown)] == [(409, "published")] * 2


async def test_a_draft_is_discarded_and_may_be_again_but_not_published(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    url = f"/v1/critiques/{critique['id']}"
    codes = [(await story.manager.client.delete(url)).status_code for _ in range(2)]
    refused = await act(story.manager, critique, "publish")
    assert (codes, refused.status_code, refused.json()["state"]) == ([204, 204], 409, "discarded")
    listed = await story.manager.client.get(f"/v1/takes/{critique['take_id']}/critiques")
    assert listed.json()["items"] == []


async def test_a_take_that_failed_meanwhile_is_not_published_on(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    async with story.database.tenant(org.id) as session:
        (await session.get_one(Take, (org.id, take_id))).move("needs_replacement")
    refused = await act(story.manager, critique, "publish")
    assert (refused.status_code, refused.json()["state"]) == (409, "needs_replacement")


async def test_a_new_critique_copies_the_published_one_and_supersedes_it(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await make_critique(story, take_id, summary="Fine", next_steps=[step(story)], decision="retake")
    new = await draft(take_id, story.manager)
    assert (new["supersedes_id"], new["summary"], new["decision"]) == (old["id"], "Fine", "retake")
    assert [one["text"] for one in new["next_steps"]] == ["Open with the number"]
    assert new["scores"] == old["scores"]
    new = await publish(
        story.manager, await write(story.manager, new, summary="Better", scores=scores(story, opening=1))
    )
    before = (await got(story.rep, old)).json()
    assert (before["state"], before["summary"], before["value"]) == ("superseded", "Fine", old["value"])
    in_force = {one.critique_id for one in await observations(story) if one.superseded_at is None}
    assert {str(key) for key in in_force} == {new["id"]}
    mine = (await story.rep.client.get("/v1/me/next-steps")).json()["items"]
    assert [one["critique_id"] for one in mine] == [new["id"]]
    assert (await assignment_of(story)).extra_takes == 1


async def test_what_is_superseded_is_not_published_again(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await make_critique(story, take_id)
    await publish(story.manager, await draft(take_id, story.manager))
    refused = await act(story.manager, old, "publish")
    assert (refused.status_code, refused.json()["state"]) == (409, "superseded")


async def test_a_pass_may_be_corrected_to_a_retake(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id, decision="pass")
    await publish(story.manager, await write(story.manager, await draft(take_id, story.manager), decision="retake"))
    assignment = await assignment_of(story)
    assert (assignment.state, assignment.accepted_take_id, assignment.extra_takes) == ("retake", None, 1)
