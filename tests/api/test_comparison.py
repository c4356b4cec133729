"""The rep's own scores beside the reviewers', by criterion."""

from typing import Any

import pytest

from tests.factories.critiques import draft, make_critique, scores
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_story, make_take


async def compared(who: Somebody, take_id: object) -> dict[str, Any]:
    answer = await who.client.get(f"/v1/takes/{take_id}/comparison")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_reps_scores_stand_beside_each_reviewers_by_criterion(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, coach = await make_take(story), await org.person("Cleo Coach", "enablement")
    await make_critique(story, take_id, story.rep, scores=scores(story, opening=2, clarity=4))
    away = {"criterion_id": str(story.questions["clarity"].id), "not_applicable": True}
    await make_critique(story, take_id, scores=scores(story, opening=1, clarity=2))
    await make_critique(story, take_id, coach, scores=[*scores(story, opening=0), away])
    found = await compared(story.rep, take_id)
    assert [one["perspective"] for one in found["critiques"]] == ["self", "manager", "manager"]
    opening, clarity, told = found["criteria"]
    assert [one["value"] for one in opening["scores"]] == [1.0, 0.5, 0.0]
    assert [one["level"] for one in opening["scores"]] == ["2", "1", "0"]
    assert [(one["value"], one["not_applicable"]) for one in clarity["scores"]] == [
        (1.0, False),
        (0.5, False),
        (None, True),
    ]
    assert (opening["difference"], clarity["difference"]) == (pytest.approx(0.75), pytest.approx(0.5))
    assert (told["key"], told["scores"], told["difference"]) == ("story", [], None)
    managers = [one["value"] for one in found["critiques"][1:]]
    assert found["difference"] == pytest.approx(1.0 - sum(managers) / 2)


@pytest.mark.parametrize("first", [True, False])
async def test_it_tells_whether_the_rep_scored_before_any_manager_had(org: OrgKit, first: bool) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    for writer in (story.rep, story.manager) if first else (story.manager, story.rep):
        await make_critique(story, take_id, writer)
    own = (await compared(story.manager, take_id))["critiques"][0]
    assert (own["perspective"], own["came_first"]) == ("self", first)


async def test_drafts_and_what_was_superseded_are_left_out(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await make_critique(story, take_id, scores=scores(story, opening=0, clarity=0))
    newest = await make_critique(story, take_id)
    await draft(take_id, story.manager)
    await draft(take_id, story.rep)
    found = await compared(story.manager, take_id)
    assert [one["critique_id"] for one in found["critiques"]] == [newest["id"]]
    assert found["difference"] is None


async def test_without_critiques_there_is_nothing_to_compare(org: OrgKit) -> None:
    story = await make_story(org)
    take_id, stranger = await make_take(story), await org.person()
    found = await compared(story.rep, take_id)
    assert (found["critiques"], found["criteria"], found["difference"]) == ([], [], None)
    assert (await stranger.client.get(f"/v1/takes/{take_id}/comparison")).status_code == 404
