"""Blind reviews: what a reviewer does not see before their own critique is published, and who sees it all."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.factories.critiques import (
    act,
    draft,
    got,
    make_critique,
    publish,
    remark,
    scores,
    settings_of,
    step,
    write,
)
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_asset, make_story, make_take


@dataclass
class Blind:
    """A take that two people have judged, its rep and one manager, and everyone who looks at it."""

    story: Story
    take_id: UUID
    own: dict[str, Any]  # the rep's
    critique: dict[str, Any]  # the first manager's
    video: UUID
    people: dict[str, Somebody]


async def told(org: OrgKit) -> Blind:
    story = await make_story(org)
    take_id = await make_take(story)
    second, coach = await org.person("Sam Second"), await org.person("Cleo Coach", "enablement")
    await org.member(story.team_id, second, "manager")
    own = await make_critique(story, take_id, story.rep)
    video = await make_asset(org, story.manager.id, purpose="critique_reply")
    critique = await write(
        story.manager,
        await draft(take_id, story.manager),
        scores=scores(story, opening=1, clarity=1),
        next_steps=[step(story)],
        reply_asset_id=str(video),
    )
    await remark(story.manager, story, take_id, critique_id=critique["id"], body="Of the critique")
    critique = await publish(story.manager, critique)
    await remark(story.manager, story, take_id, body="Beside it")
    await remark(story.rep, story, take_id, body="By the rep", tone="question")
    await settings_of(org, blind_reviews=True)
    people = {"rep": story.rep, "first": story.manager, "second": second, "enablement": coach}
    return Blind(story, take_id, own, critique, video, people)


async def sees(blind: Blind, who: str) -> dict[str, Any]:
    """Return what somebody sees, by each way to it."""
    client, take = blind.people[who].client, f"/v1/takes/{blind.take_id}"
    listed = (await client.get(f"{take}/critiques")).json()["items"]
    moments = (await client.get(f"{take}/moments")).json()["items"]
    compared = (await client.get(f"{take}/comparison")).json()
    return {
        "one": (await client.get(f"/v1/critiques/{blind.critique['id']}")).status_code,
        "own": (await client.get(f"/v1/critiques/{blind.own['id']}")).status_code,
        "remarks": (await client.get(f"/v1/critiques/{blind.critique['id']}/remarks")).status_code,
        "video": (await client.get(f"/v1/assets/{blind.video}")).status_code,
        "listed": {one["id"] for one in listed} & {blind.own["id"], blind.critique["id"]},
        "moments": {one["body"] for one in moments},
        "compared": {one["critique_id"] for one in compared["critiques"]} & {blind.own["id"], blind.critique["id"]},
    }


def everything(blind: Blind) -> dict[str, Any]:
    both = {blind.own["id"], blind.critique["id"]}
    return {
        **dict.fromkeys(("one", "own", "remarks", "video"), 200),
        "listed": both,
        "moments": {"Of the critique", "Beside it", "By the rep"},
        "compared": both,
    }


def nothing() -> dict[str, Any]:
    return {
        **dict.fromkeys(("one", "own", "remarks", "video"), 404),
        "listed": set(),
        "moments": {"By the rep"},
        "compared": set(),
    }


async def test_only_the_person_who_has_judged_and_enablement_see_what_others_said(org: OrgKit) -> None:
    blind = await told(org)
    assert await sees(blind, "second") == nothing()
    assert [await sees(blind, who) for who in ("rep", "first", "enablement")] == [everything(blind)] * 3
    await settings_of(org, blind_reviews=False)
    assert await sees(blind, "second") == everything(blind)


async def test_a_draft_does_not_open_the_eyes_and_publishing_does_for_good(org: OrgKit) -> None:
    blind = await told(org)
    story, second = blind.story, blind.people["second"]
    critique = await write(second, await draft(blind.take_id, second), scores=scores(story))
    assert await sees(blind, "second") == nothing()
    await publish(second, critique)
    await draft(blind.take_id, second)
    assert await sees(blind, "second") == everything(blind)


async def test_a_self_review_waits_as_long_as_a_managers(org: OrgKit) -> None:
    story = await make_story(org)
    await settings_of(org, blind_reviews=True)
    take_id = await make_take(story)
    own = await make_critique(story, take_id, story.rep)
    assert (await got(story.manager, own)).status_code == 404
    await make_critique(story, take_id)
    assert (await got(story.manager, own)).status_code == 200


async def test_enablement_is_blind_while_it_writes_itself(org: OrgKit) -> None:
    blind = await told(org)
    coach = blind.people["enablement"]
    critique = await draft(blind.take_id, coach)
    assert await sees(blind, "enablement") == nothing()
    await coach.client.delete(f"/v1/critiques/{critique['id']}")
    assert await sees(blind, "enablement") == everything(blind)


async def test_nothing_can_be_done_with_what_is_not_seen(org: OrgKit) -> None:
    blind = await told(org)
    second, moments = blind.people["second"], f"/v1/takes/{blind.take_id}/moments"
    hidden = next(
        one["id"]
        for one in (await blind.story.rep.client.get(moments)).json()["items"]
        if one["body"] == "Of the critique"
    )
    answers = [
        await act(second, blind.critique, "remarks", body="What?"),
        await second.client.post(f"/v1/moments/{hidden}/replies", json={"body": "What?"}),
        await second.client.get(f"/v1/moments/{hidden}/replies"),
        await second.client.post(f"/v1/moments/{hidden}/resolve"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


async def test_who_is_judging_a_take_reads_neither_its_next_steps_nor_its_figures(org: OrgKit) -> None:
    blind = await told(org)
    second, url = blind.people["second"], f"/v1/people/{blind.story.rep.id}/progress"

    async def read(who: Somebody) -> tuple[list[str], int]:
        told = (await who.client.get(url)).json()
        return [one["text"] for one in told["next_steps"]], sum(len(one["points"]) for one in told["skills"])

    everything = await read(second)
    critique = await write(second, await draft(blind.take_id, second), scores=scores(blind.story))
    assert (everything[0], await read(second)) == (["Open with the number"], ([], 0))
    await draft(blind.take_id, blind.story.rep)  # of oneself nothing is kept
    assert await read(blind.story.rep) == everything
    await publish(second, critique)
    assert (await read(second))[0] == ["Open with the number"]


async def test_the_next_take_is_asked_about_all_steps_whoever_agreed_them(org: OrgKit) -> None:
    blind = await told(org)
    critique = await draft(await make_take(blind.story, number=2), blind.people["second"])
    assert [one["text"] for one in critique["open_next_steps"]] == ["Open with the number"]
