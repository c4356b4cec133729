"""What becomes of work when people leave, come back, or change teams."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from models.base import now
from models.challenge import Assignment
from tests.factories.challenges import (
    acted,
    assignment_for,
    hand_in,
    inbox,
    make_cast,
    published,
    start_take,
    to_teams,
)
from tests.factories.people import OrgKit, Somebody


async def moved(org: OrgKit, who: Somebody, state: str) -> None:
    """Let somebody leave the organization, or come back, as an admin does."""
    admin = await org.person(org_role="admin")
    tag = (await admin.client.get(f"/v1/people/{who.id}")).headers["etag"]
    answer = await admin.client.patch(f"/v1/people/{who.id}", json={"state": state}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text


async def team_changed(org: OrgKit, who: Somebody, old: Any, new: Any) -> None:
    admin = await org.person(org_role="admin")
    assert (await admin.client.delete(f"/v1/teams/{old}/members/{who.id}")).status_code == 204
    joined = await admin.client.put(f"/v1/teams/{new}/members/{who.id}", json={"role": "rep"})
    assert joined.status_code == 200, joined.text


async def state_of(who: Somebody, challenge: dict[str, Any], person: Somebody) -> str:
    return str((await assignment_for(who, challenge, person))["state"])


async def queue(who: Somebody) -> list[str]:
    return [item["take_id"] for item in (await who.client.get("/v1/me/reviews")).json()["items"]]


async def test_what_is_open_closes_with_who_leaves_and_comes_back_with_them(org: OrgKit) -> None:
    cast = await make_cast(org)
    untouched, begun = await published(cast), await published(cast)
    item = await assignment_for(cast.rep, begun, cast.rep)
    await start_take(cast.rep, item)
    await moved(org, cast.rep, "left")
    for challenge in (untouched, begun):
        assert await state_of(cast.manager, challenge, cast.rep) == "closed"
    await moved(org, cast.rep, "active")
    assert await state_of(cast.enablement, untouched, cast.rep) == "open"
    assert await state_of(cast.enablement, begun, cast.rep) == "in_progress"


async def test_nobody_comes_back_overdue(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, due_at="2150-07-01T15:00:00Z")
    await moved(org, cast.rep, "left")
    async with org.database.tenant(org.id) as session:
        mine = (Assignment.org_id == org.id) & (Assignment.person_id == cast.rep.id)
        await session.execute(update(Assignment).where(mine).values(due_at=now() - timedelta(days=1)))
    await moved(org, cast.rep, "active")
    item = await assignment_for(cast.enablement, challenge, cast.rep)
    assert (item["due_at"], item["overdue"]) == (None, False)


async def test_a_take_of_who_left_waits_for_nobody_until_they_are_back(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    take = await hand_in(org, cast.rep, await assignment_for(cast.rep, challenge, cast.rep))
    assert await queue(cast.manager) == [take["id"]]
    await moved(org, cast.rep, "left")
    assert await queue(cast.manager) == []
    assert (await cast.manager.client.get(f"/v1/takes/{take['id']}")).status_code == 200
    await moved(org, cast.rep, "active")
    assert await queue(cast.manager) == [take["id"]]


async def test_reopening_a_challenge_does_not_reach_who_has_left(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    await moved(org, cast.rep, "left")
    await acted(cast.manager, challenge, "close", "reopen")
    assert await state_of(cast.manager, challenge, cast.rep) == "closed"


async def test_a_challenge_closed_meanwhile_stays_closed_until_it_is_reopened(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    await moved(org, cast.rep, "left")
    await acted(cast.manager, challenge, "close")
    await moved(org, cast.rep, "active")
    assert await state_of(cast.enablement, challenge, cast.rep) == "closed"
    await acted(cast.manager, challenge, "reopen")
    assert await state_of(cast.enablement, challenge, cast.rep) == "open"


async def test_who_changes_teams_keeps_what_they_have_and_its_managers_review_it(org: OrgKit) -> None:
    cast, south, boss = await make_cast(org), await org.team("South"), await org.person("Bo")
    await org.member(south, boss, "manager")
    begun = await published(cast)
    joiners = await published(cast, cast.enablement, audience=to_teams(south, joiners="include"))
    item = await assignment_for(cast.rep, begun, cast.rep)
    await team_changed(org, cast.rep, cast.team_id, south)
    assert {one["challenge"]["id"] for one in await inbox(cast.rep)} == {begun["id"], joiners["id"]}
    take = await hand_in(org, cast.rep, item)
    assert (await queue(cast.manager), await queue(boss)) == ([take["id"]], [])


async def test_a_manager_who_stops_managing_loses_the_queue_at_once_and_the_next_one_has_it(org: OrgKit) -> None:
    cast, boss = await make_cast(org), await org.person("Bo")
    take = await hand_in(org, cast.rep, await assignment_for(cast.rep, await published(cast), cast.rep))
    admin = await org.person(org_role="admin")
    await admin.client.delete(f"/v1/teams/{cast.team_id}/members/{cast.manager.id}")
    await org.member(cast.team_id, boss, "manager")
    assert (await queue(cast.manager), await queue(boss)) == ([], [take["id"]])
    assert (await cast.manager.client.get(f"/v1/takes/{take['id']}")).status_code == 404
