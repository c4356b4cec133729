import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from models.base import now
from models.critique import Critique, NextStep
from models.progress import SkillObservation
from models.take import Take
from models.team import Membership
from tests.factories.critiques import draft, make_critique, publish, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, assignment_of, fresh, make_skill, make_story, make_take, state_of


async def patched(who: Somebody, critique: dict[str, Any], body: dict[str, Any]) -> httpx.Response:
    headers = {"if-match": f'"{critique["version"]}"'}
    return await who.client.patch(f"/v1/critiques/{critique['id']}", json=body, headers=headers)


async def got(who: Somebody, critique: dict[str, Any]) -> httpx.Response:
    return await who.client.get(f"/v1/critiques/{critique['id']}")


async def act(who: Somebody, critique: dict[str, Any], action: str, **body: Any) -> httpx.Response:
    return await who.client.post(f"/v1/critiques/{critique['id']}/{action}", json=body or None)


async def observations(story: Story) -> list[SkillObservation]:
    async with story.database.tenant(story.org.id) as session:
        rows = await session.scalars(
            select(SkillObservation)
            .where(SkillObservation.org_id == story.org.id)
            .order_by(SkillObservation.published_at, SkillObservation.id)
        )
        return list(rows.all())


def step(story: Story, text: str = "Open with the number", key: str = "opening") -> dict[str, Any]:
    return {"skill_id": str(story.questions[key].skill_id), "text": text}


async def test_a_draft_shows_the_rubric_version_to_score_against(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    assert (critique["state"], critique["perspective"], critique["version"]) == ("draft", "manager", 1)
    assert critique["rubric"]["version_id"] == str(story.rubric_version_id)
    assert [one["key"] for one in critique["rubric"]["criteria"]] == ["opening", "clarity", "story"]
    assert [level["points"] for level in critique["rubric"]["criteria"][0]["levels"]] == [1, 2, 3]


async def test_starting_again_answers_with_my_open_draft_and_another_reviewer_gets_their_own(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, coach = await make_take(story), await org.person(org_role="enablement")
    url = f"/v1/takes/{take_id}/critiques"
    first, again = [await story.manager.client.post(url, json={"id": fresh()}) for _ in range(2)]
    other = await coach.client.post(url, json={})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert (again.json()["id"], first.headers["etag"]) == (first.json()["id"], '"1"')
    assert other.json()["id"] != first.json()["id"]


async def test_two_devices_that_start_at_once_get_one_draft(org: OrgKit) -> None:
    story = await make_story(org)
    url = f"/v1/takes/{await make_take(story)}/critiques"
    answers = await asyncio.gather(*(story.manager.client.post(url, json={}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]


async def test_starting_a_critique_opens_the_take(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await draft(take_id, story.manager)
    refused = await story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/take-opened")


async def test_a_self_critique_does_not_open_the_take(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    critique = await draft(take_id, story.rep)
    withdrawn = await story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    assert (critique["perspective"], withdrawn.status_code) == ("self", 200)


@pytest.mark.parametrize("state", ["submitting", "needs_replacement"])
async def test_a_take_that_is_not_there_yet_is_not_judged(org: OrgKit, state: str) -> None:
    story = await make_story(org)
    take_id = await make_take(story, state)
    refused = await story.manager.client.post(f"/v1/takes/{take_id}/critiques", json={})
    assert (refused.status_code, refused.json()["state"]) == (409, state)


async def test_ones_own_draft_take_is_not_judged_either(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, "draft")
    refused = await story.rep.client.post(f"/v1/takes/{take_id}/critiques", json={})
    assert (refused.status_code, refused.json()["state"]) == (409, "draft")


async def test_scores_are_merged_by_criterion(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    critique = await write(story.manager, critique, scores=scores(story, opening=2, clarity=0))
    critique = await write(story.manager, critique, scores=scores(story, clarity=4))
    assert [(one["value"], one["not_applicable"]) for one in critique["scores"]] == [(1.0, False), (1.0, False)]
    assert critique["version"] == 3


async def test_a_comment_alone_keeps_the_score_and_a_null_level_takes_it_back(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    critique = await write(story.manager, critique, scores=scores(story, opening=1))
    key = {"criterion_id": str(story.questions["opening"].id)}
    critique = await write(story.manager, critique, scores=[key | {"comment": "Calm"}])
    assert [(one["value"], one["comment"]) for one in critique["scores"]] == [(0.5, "Calm")]
    critique = await write(story.manager, critique, scores=[key | {"level_id": None}])
    assert critique["scores"] == []


async def test_what_does_not_apply_is_left_out_of_the_value(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    away = {"criterion_id": str(story.questions["clarity"].id), "not_applicable": True}
    critique = await write(story.manager, critique, scores=[*scores(story, opening=1), away])
    critique = await publish(story.manager, critique)
    assert critique["value"] == 0.5
    assert [one.value for one in await observations(story)] == [0.5]


@pytest.mark.parametrize(
    ("score", "pointer"),
    [
        (lambda s: {"criterion_id": fresh(), "level_id": fresh()}, "/scores/0/criterion_id"),
        (lambda s: {"criterion_id": str(s["opening"].id), "level_id": fresh()}, "/scores/0/level_id"),
        (
            lambda s: {"criterion_id": str(s["opening"].id), "level_id": str(s["clarity"].levels[0])},
            "/scores/0/level_id",
        ),
        (lambda s: {"criterion_id": str(s["opening"].id), "not_applicable": True}, "/scores/0/not_applicable"),
        (
            lambda s: {
                "criterion_id": str(s["clarity"].id),
                "not_applicable": True,
                "level_id": str(s["clarity"].levels[0]),
            },
            "/scores/0/not_applicable",
        ),
        (lambda s: {"criterion_id": str(s["opening"].id), "comment": "?"}, "/scores/0/level_id"),
    ],
)
async def test_a_score_that_does_not_fit_the_rubric_is_pointed_at(
    org: OrgKit, score: Callable[[Any], dict[str, Any]], pointer: str
) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    refused = await patched(story.manager, critique, {"scores": [score(story.questions)]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_write_says_which_version_it_saw(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    refused = await story.manager.client.patch(f"/v1/critiques/{critique['id']}", json={"summary": "Good"})
    assert (refused.status_code, refused.json()["type"]) == (428, "/problems/precondition-required")


async def test_a_stale_write_is_answered_with_what_is_there_so_that_neither_text_is_lost(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    await write(story.manager, critique, summary="From the phone")
    refused = await patched(story.manager, critique, {"summary": "From the desk"})
    current = refused.json()["current"]
    assert (refused.status_code, current["summary"], current["version"]) == (412, "From the phone", 2)
    written = await patched(story.manager, current, {"summary": "From the phone. From the desk"})
    assert (written.status_code, written.headers["etag"]) == (200, '"3"')


async def test_of_two_writes_at_once_one_is_refused(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    texts = ["phone", "desk"]
    answers = await asyncio.gather(*(patched(story.manager, critique, {"summary": text}) for text in texts))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner = next(text for text, answer in zip(texts, answers, strict=True) if answer.status_code == 200)
    assert (await got(story.manager, critique)).json()["summary"] == winner


async def test_next_steps_are_written_as_a_whole_list(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    critique = await write(story.manager, critique, next_steps=[step(story, "One"), step(story, "Two")])
    kept = critique["next_steps"][1]
    critique = await write(
        story.manager, critique, next_steps=[step(story, "Two, slower") | {"id": kept["id"]}, step(story, "Three")]
    )
    assert [one["text"] for one in critique["next_steps"]] == ["Two, slower", "Three"]
    assert critique["next_steps"][0]["id"] == kept["id"]


async def test_a_next_step_is_on_a_skill_of_the_organization(org: OrgKit, make_org: Callable[..., Any]) -> None:
    story = await make_story(org)
    foreign = await make_skill(await make_org(), "Elsewhere")
    critique = await draft(await make_take(story), story.manager)
    refused = await patched(story.manager, critique, {"next_steps": [{"skill_id": str(foreign), "text": "x"}]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/next_steps/0/skill_id")


async def test_an_id_of_another_next_step_is_refused(org: OrgKit) -> None:
    story = await make_story(org)
    first = await make_critique(story, await make_take(story), next_steps=[step(story)])
    critique = await draft(await make_take(story, number=2), story.manager)
    taken = step(story) | {"id": first["next_steps"][0]["id"]}
    refused = await patched(story.manager, critique, {"next_steps": [taken]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/id-taken")


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


async def test_the_next_critique_asks_about_the_steps_from_last_time(org: OrgKit) -> None:
    story = await make_story(org)
    first = await make_critique(story, await make_take(story), next_steps=[step(story), step(story, "Pause")])
    critique = await draft(await make_take(story, number=2), story.manager)
    asked = critique["open_next_steps"]
    assert [one["text"] for one in asked] == ["Open with the number", "Pause"]
    critique = await write(
        story.manager,
        critique,
        scores=scores(story),
        follow_ups=[
            {"next_step_id": asked[0]["id"], "outcome": "done", "comment": "Every time"},
            {"next_step_id": asked[1]["id"], "outcome": "partly"},
        ],
    )
    assert [one["outcome"] for one in (await got(story.rep, first)).json()["next_steps"]] == [None, None]
    await publish(story.manager, critique)
    assert [one["outcome"] for one in (await got(story.rep, first)).json()["next_steps"]] == ["done", "partly"]
    mine = (await story.rep.client.get("/v1/me/next-steps")).json()["items"]
    assert [one["text"] for one in mine] == ["Pause"]


async def test_a_step_agreed_after_the_take_was_handed_in_is_not_asked_about(org: OrgKit) -> None:
    story = await make_story(org)
    older, newer = await make_take(story, days_ago=1), await make_take(story, number=2)
    await make_critique(story, newer, next_steps=[step(story)])
    assert (await draft(older, story.manager))["open_next_steps"] == []


async def test_superseding_a_critique_takes_its_outcomes_back(org: OrgKit) -> None:
    story = await make_story(org)
    first = await make_critique(story, await make_take(story), next_steps=[step(story)])
    take_id, asked = await make_take(story, number=2), first["next_steps"][0]["id"]
    await make_critique(story, take_id, follow_ups=[{"next_step_id": asked, "outcome": "done"}])
    new = await draft(take_id, story.manager)
    assert [one["outcome"] for one in new["follow_ups"]] == ["done"]
    await publish(story.manager, await write(story.manager, new, follow_ups=[]))
    assert (await got(story.rep, first)).json()["next_steps"][0]["outcome"] is None


async def test_a_rep_does_not_close_the_step_their_manager_set(org: OrgKit) -> None:
    story = await make_story(org)
    first = await make_critique(story, await make_take(story), next_steps=[step(story)])
    await make_critique(
        story,
        await make_take(story, number=2),
        story.rep,
        follow_ups=[{"next_step_id": first["next_steps"][0]["id"], "outcome": "done"}],
    )
    assert (await got(story.rep, first)).json()["next_steps"][0]["outcome"] is None


async def test_a_follow_up_on_what_was_never_agreed_is_refused(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    refused = await patched(story.manager, critique, {"follow_ups": [{"next_step_id": fresh(), "outcome": "done"}]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/follow_ups/0/next_step_id")


async def test_the_rep_acknowledges_once_with_a_reply(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    first = await act(story.rep, critique, "acknowledge", reply="Thank you")
    again = await act(story.rep, critique, "acknowledge", reply="Another")
    assert (first.json()["reply"], first.json()["acknowledged_at"] is not None) == ("Thank you", True)
    assert (again.status_code, again.json()) == (200, first.json())


async def test_an_acknowledgement_needs_no_body(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    assert (await story.rep.client.post(f"/v1/critiques/{critique['id']}/acknowledge")).status_code == 200


async def test_nobody_else_acknowledges(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    assert (await act(story.manager, critique, "acknowledge")).status_code == 403


async def test_ones_own_draft_is_not_acknowledged(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.rep)
    refused = await act(story.rep, critique, "acknowledge")
    assert (refused.status_code, refused.json()["state"]) == (409, "draft")


async def test_a_rep_cannot_see_a_draft_critique(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    coach = await org.person(org_role="enablement")
    assert [(await got(who, critique)).status_code for who in (story.manager, story.rep, coach)] == [200, 404, 404]
    listed = await story.rep.client.get(f"/v1/takes/{critique['take_id']}/critiques")
    assert listed.json()["items"] == []


async def test_a_published_critique_is_seen_by_its_rep_and_written_by_its_writer_only(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    stranger = await org.person()
    assert [(await got(who, critique)).status_code for who in (story.rep, stranger)] == [200, 404]
    assert (await patched(story.rep, critique, {"summary": "Mine"})).status_code == 403
    assert (await act(story.rep, critique, "publish")).status_code == 403


async def test_a_take_is_judged_by_its_managers_its_rep_and_enablement_only(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    mate, admin = await org.person(), await org.person(org_role="admin")
    await org.member(story.team_id, mate)
    url = f"/v1/takes/{take_id}/critiques"
    assert [(await who.client.post(url, json={})).status_code for who in (mate, admin)] == [404, 404]


async def test_a_former_manager_keeps_the_critique_but_does_not_publish_it(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await write(story.manager, await draft(await make_take(story), story.manager), scores=scores(story))
    async with story.database.tenant(org.id) as session:
        membership = await session.scalar(
            select(Membership).where(Membership.org_id == org.id, Membership.person_id == story.manager.id)
        )
        assert membership is not None
        membership.until_at = now()
    assert (await got(story.manager, critique)).status_code == 200
    assert (await act(story.manager, critique, "publish")).status_code == 404


async def test_another_organizations_critique_is_absent(org: OrgKit, make_org: Callable[..., Any]) -> None:
    story = await make_story(org)
    critique = await make_critique(story, await make_take(story))
    coach = await (await make_org()).person(org_role="enablement")
    answers = [await got(coach, critique), await act(coach, critique, "publish"), await patched(coach, critique, {})]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_the_critiques_of_a_take_are_listed_first_to_last(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    own, managers = await make_critique(story, take_id, story.rep), await make_critique(story, take_id)
    url = f"/v1/takes/{take_id}/critiques"
    first = (await story.rep.client.get(f"{url}?limit=1")).json()
    rest = (await story.rep.client.get(f"{url}?limit=1&cursor={first['next_cursor']}")).json()
    assert first["items"] + rest["items"] == [own, managers]


async def test_what_was_published_stays_as_it_was(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await make_critique(story, take_id, next_steps=[step(story)])
    await publish(story.manager, await write(story.manager, await draft(take_id, story.manager), next_steps=[]))
    before = (await got(story.manager, old)).json()
    changed = {key for key in old if old[key] != before[key]}
    assert changed == {"state", "version"}
    async with story.database.tenant(org.id) as session:
        rows = (await session.scalars(select(NextStep).where(NextStep.org_id == org.id))).all()
        kept = (await session.scalars(select(Critique).where(Critique.org_id == org.id))).all()
    assert (len(rows), rows[0].retired_at is not None, len(kept)) == (1, True, 2)
