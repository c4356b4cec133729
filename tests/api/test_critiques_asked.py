"""What an organization asks of a critique before it is published."""

from typing import Any

import httpx
import pytest

from tests.factories.critiques import act, draft, make_critique, publish, remark, scores, settings_of, step, write
from tests.factories.people import OrgKit
from tests.factories.takes import Story, make_story, make_take

BOTH = {"require_strength": True, "require_next_step": True}


async def tried(story: Story, **patch: Any) -> httpx.Response:
    critique = await draft(await make_take(story), story.manager)
    if patch:
        critique = await write(story.manager, critique, **patch)
    return await act(story.manager, critique, "publish")


async def test_all_that_is_missing_is_named_at_once(org: OrgKit) -> None:
    story = await make_story(org)
    await settings_of(org, **BOTH)
    refused = await tried(story, scores=scores(story, clarity=1))
    problem = refused.json()
    assert (refused.status_code, problem["type"], problem["state"]) == (409, "/problems/critique-incomplete", "draft")
    assert problem["missing"] == ["strengths", "next_step", "score:opening"]
    assert problem["detail"] == "Before it is published it needs a strength, a next step and a score of opening."


@pytest.mark.parametrize(
    ("setting", "lacking", "sentence"),
    [
        ("require_strength", "strengths", "Before it is published it needs a strength."),
        ("require_next_step", "next_step", "Before it is published it needs a next step."),
    ],
)
async def test_each_is_asked_for_alone(org: OrgKit, setting: str, lacking: str, sentence: str) -> None:
    story = await make_story(org)
    await settings_of(org, **{setting: True})
    refused = await tried(story, scores=scores(story), strengths=" \n")
    assert (refused.json()["missing"], refused.json()["detail"]) == ([lacking], sentence)


async def test_with_a_strength_and_a_next_step_it_is_published(org: OrgKit) -> None:
    story = await make_story(org)
    await settings_of(org, **BOTH)
    done = await tried(story, scores=scores(story), strengths="You let them finish", next_steps=[step(story)])
    assert done.status_code == 200


@pytest.mark.parametrize(("tone", "status"), [("strength", 200), ("growth", 409)])
async def test_a_strength_may_be_a_moment(org: OrgKit, tone: str, status: int) -> None:
    story = await make_story(org)
    await settings_of(org, require_strength=True)
    take_id = await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    await remark(story.manager, story, take_id, critique_id=critique["id"], tone=tone)
    assert (await act(story.manager, critique, "publish")).status_code == status


async def test_a_moment_beside_the_critique_is_no_strength_of_it(org: OrgKit) -> None:
    story = await make_story(org)
    await settings_of(org, require_strength=True)
    take_id = await make_take(story)
    await remark(story.manager, story, take_id)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    assert (await act(story.manager, critique, "publish")).json()["missing"] == ["strengths"]


async def test_a_self_review_is_asked_for_its_scores_only(org: OrgKit) -> None:
    story = await make_story(org)
    await settings_of(org, **BOTH)
    assert (await make_critique(story, await make_take(story), story.rep))["state"] == "published"


async def test_one_that_supersedes_is_asked_too(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id)
    await settings_of(org, **BOTH)
    new = await draft(take_id, story.manager)
    assert (await act(story.manager, new, "publish")).json()["missing"] == ["strengths", "next_step"]
    new = await write(story.manager, new, strengths="Calm", next_steps=[step(story)])
    assert (await publish(story.manager, new))["state"] == "published"
