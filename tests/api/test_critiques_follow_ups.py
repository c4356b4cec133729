"""The next steps of one critique in the next, and what the rep says to them."""

from tests.factories.critiques import act, draft, got, make_critique, patched, publish, scores, step, write
from tests.factories.people import OrgKit
from tests.factories.takes import fresh, make_story, make_take


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
