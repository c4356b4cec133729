"""Who reviews a take, and by when: claims, names, hand-overs, promises and their clock."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from models import reviewing
from models.base import now
from models.event import Event
from models.take import Take
from tests.factories.critiques import draft, make_critique
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_story, make_take, submitted

HOUR = timedelta(hours=1)
Body = dict[str, Any]


async def second_manager(story: Story) -> Somebody:
    boss = await story.org.person("Bo Boss")
    await story.org.member(story.team_id, boss, "manager")
    return boss


async def elsewhere(story: Story, name: str = "Ed Elsewhere") -> Somebody:
    """Somebody who manages another team, and sees nothing of this one."""
    other = await story.org.person(name)
    await story.org.member(await story.org.team(name), other, "manager")
    return other


async def act(who: Somebody, take: object, verb: str, **body: Any) -> Any:
    return await who.client.post(f"/v1/takes/{take}/{verb}", json=body)


async def name(who: Somebody, take: object, *people: Somebody) -> Any:
    return await who.client.put(f"/v1/takes/{take}/reviewers", json={"person_ids": [str(one.id) for one in people]})


async def queue(who: Somebody) -> list[Body]:
    items: list[Body] = (await who.client.get("/v1/me/reviews")).json()["items"]
    return items


async def ids(who: Somebody) -> list[str]:
    return [item["take_id"] for item in await queue(who)]


async def set_take(story: Story, take: object, **values: Any) -> None:
    async with story.database.tenant(story.org.id) as session:
        mine = (Take.org_id == story.org.id) & (Take.id == take)
        await session.execute(update(Take).where(mine).values(**values))


async def events(story: Story, what: str) -> list[Event]:
    async with story.database.tenant(story.org.id) as session:
        query = select(Event).where(Event.org_id == story.org.id, Event.name == f"review.{what}")
        return list(await session.scalars(query.order_by(Event.at)))


async def waiting_take(story: Story, **values: Any) -> UUID:
    """A take that is in the queue: handed in, and the current one."""
    take = await make_take(story, **values)
    async with story.database.tenant(story.org.id) as session:
        await session.execute(
            text("UPDATE assignment SET state = 'submitted', current_take_id = :take WHERE org_id = :org AND id = :id"),
            {"take": take, "org": story.org.id, "id": story.assignment_id},
        )
    return take


async def test_a_claim_is_seen_by_others_and_ends_when_it_is_given_back(org: OrgKit) -> None:
    story = await make_story(org)
    boss, take = await second_manager(story), await waiting_take(story)
    claimed = await act(story.manager, take, "claim")
    assert (claimed.status_code, claimed.json()["claimed"]["person"]["id"]) == (200, str(story.manager.id))
    assert (await queue(boss))[0]["claimed"]["person"]["name"] == story.manager.name
    refused = await act(boss, take, "claim")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/take-claimed")
    assert (await act(boss, take, "release")).json()["claimed"]["person"]["id"] == str(story.manager.id)
    assert (await act(story.manager, take, "release")).json()["claimed"] is None
    assert (await act(boss, take, "claim")).status_code == 200


async def test_a_claim_is_taken_over_on_purpose_and_who_had_it_is_told(org: OrgKit) -> None:
    story = await make_story(org)
    boss, take = await second_manager(story), await waiting_take(story)
    await act(story.manager, take, "claim")
    assert (await act(boss, take, "claim", take_over=True)).json()["claimed"]["person"]["id"] == str(boss.id)
    assert [event.data.get("to") for event in await events(story, "claimed")] == [[], [str(story.manager.id)]]


async def test_a_claim_runs_out_by_itself(org: OrgKit) -> None:
    story = await make_story(org)
    boss, take = await second_manager(story), await waiting_take(story)
    await act(story.manager, take, "claim")
    await set_take(story, take, claimed_until=now() - HOUR)
    assert (await queue(boss))[0]["claimed"] is None
    assert (await act(boss, take, "claim")).status_code == 200


async def test_of_two_who_claim_at_once_one_has_it(org: OrgKit) -> None:
    story = await make_story(org)
    boss, take = await second_manager(story), await waiting_take(story)
    both = await asyncio.gather(act(story.manager, take, "claim"), act(boss, take, "claim"))
    assert sorted(answer.status_code for answer in both) == [200, 409]


async def test_who_begins_to_write_has_claimed_it(org: OrgKit) -> None:
    story = await make_story(org)
    boss, take = await second_manager(story), await waiting_take(story)
    await draft(take, story.manager)
    assert (await act(boss, take, "claim")).status_code == 409
    assert (await draft(take, boss))["state"] == "draft"  # a claim warns; it keeps nobody from writing


async def test_nobody_claims_their_own_take_or_what_is_reviewed(org: OrgKit) -> None:
    story = await make_story(org)
    take = await waiting_take(story)
    assert (await act(story.rep, take, "claim")).status_code == 403
    await make_critique(story, take)
    late = await act(story.manager, take, "claim")
    assert (late.status_code, late.json()["state"]) == (409, "reviewed")


async def test_who_is_named_sees_the_take_and_judges_it_as_a_manager(org: OrgKit) -> None:
    story = await make_story(org)
    expert, take = await elsewhere(story), await waiting_take(story)
    assert (await expert.client.get(f"/v1/takes/{take}")).status_code == 404
    named = await name(story.manager, take, expert)
    assert [one["id"] for one in named.json()["reviewers"]] == [str(expert.id)]
    assert (await ids(expert), (await queue(expert))[0]["named"]) == ([str(take)], True)
    assert await ids(story.manager) == []  # it waits for who was named
    critique = await make_critique(story, take, expert)
    assert critique["perspective"] == "manager"
    assert [event.data["to"] for event in await events(story, "named")] == [[str(expert.id)]]


async def test_who_is_named_no_more_sees_it_no_more(org: OrgKit) -> None:
    story = await make_story(org)
    expert, take = await elsewhere(story), await waiting_take(story)
    await name(story.manager, take, expert)
    await name(story.manager, take)
    assert (await expert.client.get(f"/v1/takes/{take}")).status_code == 404
    assert await ids(story.manager) == [str(take)]


@pytest.mark.parametrize("whom", ["rep", "peer", "nobody"])
async def test_only_who_manages_or_is_of_enablement_can_be_named(org: OrgKit, whom: str) -> None:
    story = await make_story(org)
    take, peer = await waiting_take(story), await org.person("Pat Peer")
    chosen = {"rep": str(story.rep.id), "peer": str(peer.id), "nobody": str(org.id)}[whom]
    refused = await story.manager.client.put(f"/v1/takes/{take}/reviewers", json={"person_ids": [chosen]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/person_ids/0")


async def test_what_a_challenge_names_is_named_on_what_is_handed_in(org: OrgKit) -> None:
    story = await make_story(org)
    expert = await elsewhere(story)
    path = f"/v1/challenges/{story.challenge_id}/reviewers"
    named = await story.manager.client.put(path, json={"person_ids": [str(expert.id)]})
    assert named.status_code == 200, named.text
    assert (await story.manager.client.get(path)).json() == named.json()
    take = await submitted(story)
    assert await ids(expert) == [take["id"]]


async def test_a_take_is_handed_over_with_its_claim(org: OrgKit) -> None:
    story = await make_story(org)
    expert, take = await elsewhere(story), await waiting_take(story)
    await act(story.manager, take, "claim")
    given = await act(story.manager, take, "hand-over", to=str(expert.id))
    assert (given.json()["claimed"], [one["id"] for one in given.json()["reviewers"]]) == (None, [str(expert.id)])
    again = await act(story.manager, take, "hand-over", to=str(expert.id))
    assert again.json() == given.json()
    assert len(await events(story, "handed_over")) == 1
    assert (await act(expert, take, "claim")).status_code == 200
    myself = await act(expert, take, "hand-over", to=str(expert.id))
    assert (myself.status_code, myself.json()["errors"][0]["pointer"]) == (422, "/to")


async def test_who_stops_managing_is_neither_named_nor_has_a_claim(org: OrgKit) -> None:
    story = await make_story(org)
    boss, take = await second_manager(story), await waiting_take(story)
    admin = await org.person(org_role="admin")
    await name(story.manager, take, boss)
    await act(boss, take, "claim")
    ended = await admin.client.delete(f"/v1/teams/{story.team_id}/members/{boss.id}")
    assert ended.status_code == 204, ended.text
    seen = (await story.manager.client.get(f"/v1/takes/{take}/review")).json()
    assert (seen["claimed"], seen["reviewers"]) == (None, [])
    assert await ids(story.manager) == [str(take)]


async def test_a_promise_is_made_when_a_take_is_handed_in(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    seen = (await story.manager.client.get(f"/v1/takes/{take['id']}/review")).json()
    assert seen["promised_at"] > now().isoformat()
    assert seen["overdue_s"] == 0


async def test_what_waits_longest_against_its_promise_comes_first(org: OrgKit) -> None:
    story, at = await make_story(org), now()
    first = await waiting_take(story)
    ria = await org.person("Ria")
    await org.member(story.team_id, ria)
    await set_take(story, first, submitted_at=at - 9 * HOUR, promised_at=at + 9 * HOUR)
    assert (await queue(story.manager))[0]["overdue_s"] == 0
    await set_take(story, first, promised_at=at - HOUR)
    [item] = await queue(story.manager)
    assert item["overdue_s"] == pytest.approx(3600, abs=60)
    assert item["waiting_s"] == pytest.approx(9 * 3600, abs=60)
    told = (await story.manager.client.get("/v1/me/reviews/waiting")).json()
    assert (told["takes"], told["overdue"], told["oldest_submitted_at"] is not None) == (1, 1, True)


async def test_a_promise_that_is_near_and_one_long_past_are_told_once(org: OrgKit) -> None:
    story = await make_story(org)
    above, region = await org.person("Abe Above"), await org.team("Region")
    await org.member(region, above, "manager")
    async with org.database.tenant(org.id) as session:
        await session.execute(
            text("UPDATE team SET parent_id = :above WHERE org_id = :org AND id = :id"),
            {"above": region, "org": org.id, "id": story.team_id},
        )
    take, at = await waiting_take(story), now()
    for promised_at in (at + HOUR, at + HOUR, at - 49 * HOUR, at - 49 * HOUR):
        await set_take(story, take, promised_at=promised_at)
        async with org.database.tenant(org.id) as session:
            await reviewing.tell(session, org.id, take)
    assert [event.data["to"] for event in await events(story, "promise_near")] == [[str(story.manager.id)]]
    assert [event.data["to"] for event in await events(story, "escalated")] == [[str(above.id)]]
    assert (await queue(story.manager))[0]["escalated_at"] is not None


async def test_the_sweep_finds_what_is_to_be_told(org: OrgKit) -> None:
    story = await make_story(org)
    take = await waiting_take(story)
    await set_take(story, take, promised_at=now() - HOUR)
    async with org.database.without_tenant() as session:
        found = await session.execute(text("SELECT * FROM reviews_to_tell(100000)"))
        assert take in {row.take_id for row in found}


async def test_the_time_to_feedback_of_a_team_and_its_reviewers(org: OrgKit) -> None:
    story, at = await make_story(org), now()
    boss = await second_manager(story)
    for number, (hours, writer) in enumerate(((1, story.manager), (3, story.manager), (10, boss)), start=1):
        take = await make_take(story, number=number)
        await set_take(story, take, submitted_at=at - hours * HOUR, promised_at=at + (5 - hours) * HOUR)
        await make_critique(story, take, writer)
    path = f"/v1/teams/{story.team_id}/time-to-feedback"
    told = (await story.manager.client.get(path)).json()
    assert (told["times"]["reviewed"], told["open"]) == (3, 0)
    assert told["times"]["median_minutes"] == pytest.approx(180, abs=2)
    assert (told["times"]["inside_promise"]["of"], round(told["times"]["inside_promise"]["value"], 2)) == (3, 0.67)
    by = {one["reviewer"]["id"]: one["times"] for one in told["reviewers"]}
    assert by[str(boss.id)]["median_minutes"] == pytest.approx(600, abs=2)
    assert by[str(story.manager.id)]["reviewed"] == 2
    assert (await story.rep.client.get(path)).status_code == 403


async def test_only_the_first_feedback_counts(org: OrgKit) -> None:
    story, at = await make_story(org), now()
    boss, take = await second_manager(story), await make_take(story)
    await set_take(story, take, submitted_at=at - HOUR)
    await make_critique(story, take)
    await make_critique(story, take, boss)
    await make_critique(story, take)
    told = (await story.manager.client.get(f"/v1/teams/{story.team_id}/time-to-feedback")).json()
    assert (told["times"]["reviewed"], [one["reviewer"]["id"] for one in told["reviewers"]]) == (
        1,
        [str(story.manager.id)],
    )


async def test_a_take_withdrawn_waits_for_nobody(org: OrgKit) -> None:
    story = await make_story(org)
    take = await submitted(story)
    assert await ids(story.manager) == [take["id"]]
    await story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    assert await ids(story.manager) == []
    assert (await story.manager.client.get("/v1/me/reviews/waiting")).json()["takes"] == 0
