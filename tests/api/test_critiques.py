import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from models.base import now
from models.critique import Critique, NextStep
from models.team import Membership
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
from tests.factories.takes import fresh, make_skill, make_story, make_take


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


@pytest.mark.parametrize("second", [{"level_id": None}, {"not_applicable": True}, {"comment": "Again"}], ids=str)
async def test_a_criterion_scored_twice_in_one_write_is_refused(org: OrgKit, second: dict[str, Any]) -> None:
    story = await make_story(org)
    critique = await draft(await make_take(story), story.manager)
    twice = [*scores(story, clarity=1), {"criterion_id": str(story.questions["clarity"].id)} | second]
    refused = await patched(story.manager, critique, {"scores": twice})
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        [{"pointer": "/scores", "detail": "Each criterion is scored once."}],
    )


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
    assert changed == {"state", "superseded_by_id", "version"}
    async with story.database.tenant(org.id) as session:
        rows = (await session.scalars(select(NextStep).where(NextStep.org_id == org.id))).all()
        kept = (await session.scalars(select(Critique).where(Critique.org_id == org.id))).all()
    assert (len(rows), rows[0].retired_at is not None, len(kept)) == (1, True, 2)
