import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from models.base import now
from models.challenge import Assignment
from models.event import Event
from tests.factories.challenges import (
    Cast,
    acted,
    assignment_for,
    hand_in,
    make_cast,
    published,
    to_people,
    to_teams,
)
from tests.factories.people import OrgKit, Somebody

DUE = "2150-08-01T15:00:00Z"
Body = dict[str, Any]


async def act(who: Somebody, challenge: Body, verb: str, **body: Any) -> Any:
    return await who.client.post(f"/v1/challenges/{challenge['id']}/assignments/{verb}", json=body)


async def results(who: Somebody, challenge: Body, verb: str, **body: Any) -> dict[str, str]:
    answer = await act(who, challenge, verb, **body)
    assert answer.status_code == 200, answer.text
    told = {item["person"]["name"]: item["result"] for item in answer.json()["items"]}
    assert answer.json()["changed"] == sum(result == "changed" for result in told.values())
    return told


async def team_of_three(org: OrgKit, **values: Any) -> tuple[Cast, list[Somebody], Body]:
    cast = await make_cast(org)
    others = [await cast.another_rep("Ria"), await cast.another_rep("Zoe")]
    return cast, others, await published(cast, audience=to_teams(cast.team_id), **values)


async def reminders(org: OrgKit) -> int:
    async with org.database.tenant(org.id) as session:
        query = select(func.count()).where(Event.org_id == org.id, Event.name == "assignment.reminded")
        return await session.scalar(query) or 0


async def test_who_has_something_to_do_gets_more_time(org: OrgKit) -> None:
    cast, [ria, _], challenge = await team_of_three(org, due_at="2150-07-01T15:00:00Z")
    await hand_in(org, ria, await assignment_for(ria, challenge, ria))
    told = await results(cast.manager, challenge, "extend", due_at=DUE)
    assert "Ria" not in told
    assert set(told.values()) == {"changed"}
    assert (await assignment_for(cast.manager, challenge, cast.rep))["due_at"] == DUE
    again = await results(cast.manager, challenge, "extend", due_at=DUE, person_ids=[str(ria.id), str(cast.rep.id)])
    assert again == {"Ria": "submitted", cast.rep.name: "unchanged"}
    back = await results(cast.manager, challenge, "extend", due_at=None)
    assert set(back.values()) == {"changed"}
    assert (await assignment_for(cast.manager, challenge, cast.rep))["due_at"] == "2150-07-01T15:00:00Z"


async def test_many_are_excused_and_expected_again(org: OrgKit) -> None:
    cast, people, challenge = await team_of_three(org)
    ids = [str(one.id) for one in people]
    assert await results(cast.manager, challenge, "excuse", person_ids=ids) == {"Ria": "changed", "Zoe": "changed"}
    assert await results(cast.manager, challenge, "excuse", person_ids=ids) == {"Ria": "unchanged", "Zoe": "unchanged"}
    assert (await assignment_for(cast.manager, challenge, people[0]))["state"] == "excused"
    await results(cast.manager, challenge, "excuse", person_ids=ids, excused=False)
    assert (await assignment_for(cast.manager, challenge, people[0]))["state"] == "open"


async def test_a_reminder_goes_to_each_once_a_day(org: OrgKit) -> None:
    cast, [ria, zoe], challenge = await team_of_three(org)
    await hand_in(org, ria, await assignment_for(ria, challenge, ria))
    assert set((await results(cast.manager, challenge, "remind")).values()) == {"changed"}
    told = await results(cast.manager, challenge, "remind", person_ids=[str(ria.id), str(zoe.id)])
    assert told == {"Ria": "submitted", "Zoe": "reminded_lately"}
    assert await reminders(org) == 2
    async with org.database.tenant(org.id) as session:
        of_zoe = (Assignment.org_id == org.id) & (Assignment.person_id == zoe.id)
        await session.execute(update(Assignment).where(of_zoe).values(reminded_at=now() - timedelta(days=1)))
    assert (await results(cast.manager, challenge, "remind"))["Zoe"] == "changed"


async def test_reminded_twice_at_once_is_reminded_once(org: OrgKit) -> None:
    cast, _, challenge = await team_of_three(org)
    both = await asyncio.gather(act(cast.manager, challenge, "remind"), act(cast.enablement, challenge, "remind"))
    assert sorted(answer.json()["changed"] for answer in both) == [0, 3]
    assert await reminders(org) == 3


async def test_one_person_named_whom_one_does_not_manage_stops_it(org: OrgKit) -> None:
    cast, [ria, _], _ = await team_of_three(org)
    south, stranger, boss = await org.team("South"), await org.person("Sam"), await org.person("Bo")
    await org.member(south, stranger)
    await org.member(south, boss, "manager")
    challenge = await published(cast, cast.enablement, audience=to_teams(cast.team_id, south))
    refused = await act(boss, challenge, "excuse", person_ids=[str(stranger.id), str(ria.id)])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/person_ids/1")
    assert (await assignment_for(cast.enablement, challenge, stranger))["state"] == "open"
    assert await results(boss, challenge, "excuse", person_ids=[str(stranger.id)]) == {"Sam": "changed"}


async def test_a_rep_runs_nothing(org: OrgKit) -> None:
    _, [ria, _], challenge = await team_of_three(org)
    for verb, body in (("extend", {"due_at": DUE}), ("excuse", {"person_ids": [str(ria.id)]}), ("remind", {})):
        assert (await act(ria, challenge, verb, **body)).status_code == 403


async def test_of_a_manager_who_is_a_rep_too_their_own_is_left_out(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, cast.enablement, audience=to_people(cast.manager, cast.rep))
    assert cast.manager.name not in await results(cast.manager, challenge, "extend", due_at=DUE)


async def test_a_closed_challenge_is_run_no_more(org: OrgKit) -> None:
    cast, _, challenge = await team_of_three(org)
    await acted(cast.manager, challenge, "close")
    refused = await act(cast.manager, challenge, "remind")
    assert (refused.status_code, refused.json()["state"]) == (409, "closed")


async def test_a_due_time_before_it_opens_is_refused(org: OrgKit) -> None:
    cast, _, challenge = await team_of_three(org, opens_at="2150-06-01T00:00:00Z")
    ids = [str(cast.rep.id)]
    refused = await act(cast.manager, challenge, "extend", due_at="2150-05-01T00:00:00Z", person_ids=ids)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/due_at")
