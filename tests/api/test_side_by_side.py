from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.factories.critiques import draft, make_critique, publish, scores, step, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_story, make_take

Body = dict[str, Any]


async def compared(who: Somebody, left: UUID, right: UUID) -> Any:
    return await who.client.get(f"/v1/takes/{left}/side-by-side", params={"with": str(right)})


async def remark(story: Story, take: UUID, start_ms: int, key: str | None = None, **body: Any) -> None:
    criterion = {"criterion_id": str(story.questions[key].id)} if key else {}
    said = {"prompt_id": str(story.prompts[0]), "start_ms": start_ms, "body": "Here", "tone": "growth"}
    made = await story.manager.client.post(f"/v1/takes/{take}/moments", json=said | criterion | body)
    assert made.status_code == 201, made.text


async def two(story: Story) -> tuple[UUID, UUID]:
    return await make_take(story, days_ago=7), await make_take(story, number=2)


async def test_scores_are_compared_criterion_by_criterion(org: OrgKit) -> None:
    story = await make_story(org)
    first, second = await two(story)
    key = next(iter(story.questions))
    low = [{"criterion_id": str(q.id), "level_id": str(q.levels[0])} for q in story.questions.values()]
    await make_critique(story, first, scores=low)
    await make_critique(story, second)
    body = (await compared(story.rep, first, second)).json()
    found = next(one for one in body["criteria"] if one["key"] == key)
    assert found["left"]["value"] == 0
    assert found["change"] == found["right"]["value"] > 0
    assert (body["left"]["id"], body["right"]["id"]) == (str(first), str(second))
    assert body["left"]["responses"][0]["asset"]["state"] == "playable"


async def test_cues_say_where_to_seek_each_video(org: OrgKit) -> None:
    story = await make_story(org)
    first, second = await two(story)
    key = next(iter(story.questions))
    await remark(story, first, 4000, key, end_ms=6000)
    await remark(story, second, 2500, key)
    await remark(story, second, 9000, tone="strength")
    [pair, alone] = (await compared(story.manager, first, second)).json()["cues"]
    assert (pair["criterion_key"], pair["offset_ms"]) == (key, -1500)
    assert (pair["left"]["start_ms"], pair["left"]["end_ms"], pair["right"]["start_ms"]) == (4000, 6000, 2500)
    assert (alone["left"], alone["right"]["start_ms"], alone["offset_ms"]) == (None, 9000, None)


async def test_what_was_agreed_between_them_stands_between_them(org: OrgKit) -> None:
    story = await make_story(org)
    first = await make_take(story, days_ago=7)
    await make_critique(story, first, next_steps=[step(story, "Pause")])
    second = await make_take(story, number=2)
    for left, right in ((first, second), (second, first)):
        body = (await compared(story.rep, left, right)).json()
        assert [one["text"] for one in body["next_steps"]] == ["Pause"]


async def test_what_only_one_reviewer_knows_is_not_told(org: OrgKit) -> None:
    story = await make_story(org)
    first, second = await two(story)
    await write(story.manager, await draft(first, story.manager), scores=scores(story))
    body = (await compared(story.rep, first, second)).json()
    assert (body["criteria"], body["cues"]) == ([], [])


async def test_a_superseded_judgement_is_not_compared(org: OrgKit) -> None:
    story = await make_story(org)
    first, second = await two(story)
    await make_critique(story, first)
    new = await draft(first, story.manager)
    low = [{"criterion_id": str(q.id), "level_id": str(q.levels[0])} for q in story.questions.values()]
    await publish(story.manager, await write(story.manager, new, scores=low))
    body = (await compared(story.rep, first, second)).json()
    assert {one["left"]["value"] for one in body["criteria"]} == {0}
    assert {one["right"] for one in body["criteria"]} == {None}


async def test_both_takes_must_be_visible_and_two(org: OrgKit) -> None:
    story, stranger, south = await make_story(org), await org.person(), await org.team("South")
    first, second = await two(story)
    foreign = await make_take(replace(story, rep=stranger, team_id=south), number=3)
    assert (await compared(story.rep, first, foreign)).status_code == 404
    assert (await compared(stranger, first, second)).status_code == 404
    assert (await compared(story.rep, first, first)).status_code == 422
    enablement = await org.person(org_role="enablement")
    assert (await compared(enablement, first, foreign)).json()["next_steps"] == []


async def test_a_reviewer_who_compares_has_opened_both(org: OrgKit) -> None:
    story = await make_story(org)
    first, second = await two(story)
    await compared(story.rep, first, second)
    before = (await story.rep.client.get(f"/v1/takes/{second}")).json()["opened_at"]
    await compared(story.manager, first, second)
    after = (await story.rep.client.get(f"/v1/takes/{second}")).json()["opened_at"]
    assert (before, after is not None) == (None, True)
