"""Teams nest; who is rep or manager of one is dated, and what one sees follows from it at once."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from models.event import Event
from models.ids import new_id
from models.team import Membership, Team
from tests.factories.accounts import answered, refused
from tests.factories.people import OrgKit, Somebody
from tests.factories.rushes import at_once
from tests.factories.takes import make_story, make_take

Body = dict[str, Any]


async def admin_of(org: OrgKit) -> Somebody:
    return await org.person("Ada Admin", "admin")


async def post(who: Somebody, name: str, **values: Any) -> httpx.Response:
    return await who.client.post("/v1/teams", json={"name": name, **values})


async def added(admin: Somebody, name: str, parent: Body | None = None) -> Body:
    return answered(await post(admin, name, parent_id=parent["id"] if parent else None), 201)


async def patch(who: Somebody, team: Body, match: str = "*", **values: Any) -> httpx.Response:
    return await who.client.patch(f"/v1/teams/{team['id']}", json=values, headers={"if-match": match})


async def hang(admin: Somebody, team: Body, parent: Body | None) -> httpx.Response:
    return await patch(admin, team, parent_id=parent["id"] if parent else None)


async def put(who: Somebody, team_id: object, person: Somebody, role: str = "rep") -> httpx.Response:
    return await who.client.put(f"/v1/teams/{team_id}/members/{person.id}", json={"role": role})


async def remove(who: Somebody, team_id: object, person: Somebody) -> httpx.Response:
    return await who.client.delete(f"/v1/teams/{team_id}/members/{person.id}")


async def members(who: Somebody, team_id: object) -> list[tuple[str, str]]:
    body = answered(await who.client.get(f"/v1/teams/{team_id}"))
    return [(member["name"], member["role"]) for member in body["members"]]


async def rows(org: OrgKit, person: Somebody) -> list[Membership]:
    query = select(Membership).where(Membership.org_id == org.id, Membership.person_id == person.id)
    async with org.database.tenant(org.id) as session:
        return list(await session.scalars(query.order_by(Membership.from_at, Membership.until_at)))


async def test_an_admin_adds_teams_at_the_top_and_below(org: OrgKit) -> None:
    admin = await admin_of(org)
    region = await added(admin, "Region")
    north = await added(admin, "North", region)
    assert (region["parent_id"], north["parent_id"]) == (None, region["id"])


@pytest.mark.parametrize("org_role", ["enablement", "member"])
async def test_only_admins_run_teams(org: OrgKit, org_role: str) -> None:
    admin, who, rep = await admin_of(org), await org.person(org_role=org_role), await org.person()
    team = await added(admin, "North")
    await put(admin, team["id"], who, "manager")
    await put(admin, team["id"], rep)
    answers = [
        await post(who, "South"),
        await patch(who, team, name="South"),
        await put(who, team["id"], rep, "manager"),
        await remove(who, team["id"], rep),
    ]
    assert [refused(answer) for answer in answers] == [(403, "forbidden")] * 4


async def test_the_same_id_again_answers_with_the_team_as_it_is(org: OrgKit) -> None:
    admin, key = await admin_of(org), str(new_id())
    first = await post(admin, "North", id=key)
    await patch(admin, first.json(), name="Far North")
    again = await post(admin, "North", id=key)
    assert (first.status_code, again.status_code, again.json()["name"]) == (201, 200, "Far North")
    assert refused(await post(await admin_of(org), "North", id=key)) == (409, "id-taken")


async def test_a_parent_that_is_not_there_is_refused(org: OrgKit) -> None:
    admin = await admin_of(org)
    team = await added(admin, "North")
    for answer in (
        await post(admin, "South", parent_id=str(new_id())),
        await patch(admin, team, parent_id=str(new_id())),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/parent_id")


async def test_a_team_is_renamed_and_hung_elsewhere(org: OrgKit) -> None:
    admin = await admin_of(org)
    east, west = await added(admin, "East"), await added(admin, "West")
    team = await added(admin, "North", east)
    moved = answered(await patch(admin, team, name="Far North", parent_id=west["id"]))
    assert (moved["name"], moved["parent_id"]) == ("Far North", west["id"])
    assert answered(await hang(admin, team, None))["parent_id"] is None
    query = select(Event.data).where(Event.org_id == org.id, Event.name == "team.moved").order_by(Event.at, Event.id)
    async with org.database.tenant(org.id) as session:
        told = list(await session.scalars(query))
    assert told == [{"from": east["id"], "to": west["id"]}, {"from": west["id"], "to": None}]


async def test_a_change_names_the_version_it_saw(org: OrgKit) -> None:
    admin = await admin_of(org)
    team = await added(admin, "North")
    seen = (await admin.client.get(f"/v1/teams/{team['id']}")).headers["etag"]
    answered(await patch(admin, team, seen, name="Far North"))
    stale = await patch(admin, team, seen, name="South")
    assert (refused(stale), stale.json()["current"]["name"]) == ((412, "precondition-failed"), "Far North")
    silent = await admin.client.patch(f"/v1/teams/{team['id']}", json={"name": "South"})
    assert refused(silent) == (428, "precondition-required")


async def test_a_team_is_never_below_itself(org: OrgKit) -> None:
    admin = await admin_of(org)
    top = await added(admin, "Top")
    middle = await added(admin, "Middle", top)
    bottom = await added(admin, "Bottom", middle)
    for parent in (top, middle, bottom):
        assert refused(await hang(admin, top, parent)) == (409, "team-cycle")
    assert answered(await hang(admin, bottom, top))["parent_id"] == top["id"]


async def test_two_moves_at_once_close_no_circle(org: OrgKit) -> None:
    admin = await admin_of(org)
    one, two = await added(admin, "One"), await added(admin, "Two")
    keys = [UUID(one["id"]), UUID(two["id"])]
    answers = await at_once(org, Team, keys, hang(admin, one, two), hang(admin, two, one))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_teams_are_listed_by_name_in_pages_and_by_parent_for_everyone(org: OrgKit) -> None:
    admin, member = await admin_of(org), await org.person()
    region = await added(admin, "Region")
    for name in ("South", "North", "East"):
        await added(admin, name, region)
    first = answered(await member.client.get("/v1/teams", params={"limit": 3}))
    rest = answered(await member.client.get("/v1/teams", params={"limit": 3, "cursor": first["next_cursor"]}))
    below = answered(await member.client.get("/v1/teams", params={"parent_id": region["id"]}))
    assert [team["name"] for team in first["items"] + rest["items"]] == ["East", "North", "Region", "South"]
    assert [team["name"] for team in below["items"]] == ["East", "North", "South"]


async def test_a_member_joins_and_is_told_since_when(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    body = answered(await put(admin, team_id, rep))
    [row] = await rows(org, rep)
    assert (body["id"], body["role"], body["name"]) == (str(rep.id), "rep", "Robin Rep")
    assert (row.role, row.until_at) == ("rep", None)


async def test_the_same_role_again_changes_nothing(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    first = answered(await put(admin, team_id, rep))
    assert answered(await put(admin, team_id, rep)) == first
    assert len(await rows(org, rep)) == 1


async def test_another_role_ends_one_row_and_starts_another_at_the_same_time(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    await put(admin, team_id, rep)
    answered(await put(admin, team_id, rep, "manager"))
    before, after = await rows(org, rep)
    assert (before.role, after.role, before.until_at, after.until_at) == ("rep", "manager", after.from_at, None)
    assert await members(admin, team_id) == [("Robin Rep", "manager")]


async def test_joining_and_leaving_are_events_by_who_did_it(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    await put(admin, team_id, rep)
    await put(admin, team_id, rep, "manager")
    await remove(admin, team_id, rep)
    query = select(Event).where(Event.org_id == org.id, Event.name.startswith("membership."))
    async with org.database.tenant(org.id) as session:
        told = list(await session.scalars(query.order_by(Event.at, Event.id)))
    assert [(event.name, event.data["role"]) for event in told] == [
        ("membership.started", "rep"),
        ("membership.ended", "rep"),
        ("membership.started", "manager"),
        ("membership.ended", "manager"),
    ]
    assert {event.actor_id for event in told} == {admin.id}
    assert {(event.data["team_id"], event.data["person_id"]) for event in told} == {(str(team_id), str(rep.id))}


async def test_a_removed_member_may_be_removed_again_and_come_back(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    await put(admin, team_id, rep)
    assert [(await remove(admin, team_id, rep)).status_code for _ in range(2)] == [204, 204]
    assert await members(admin, team_id) == []
    answered(await put(admin, team_id, rep))
    assert [row.until_at is None for row in await rows(org, rep)] == [False, True]


async def test_a_person_put_into_a_team_many_times_at_once_is_in_it_once(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    answers = await asyncio.gather(*(put(admin, team_id, rep, role) for role in ("rep", "manager") * 3))
    assert {answer.status_code for answer in answers} == {200}
    assert len([row for row in await rows(org, rep) if row.until_at is None]) == 1


async def test_a_person_is_rep_in_one_team_and_manager_of_another(org: OrgKit) -> None:
    admin, who = await admin_of(org), await org.person()
    north, south = await org.team("North"), await org.team("South")
    await put(admin, north, who)
    await put(admin, south, who, "manager")
    teams = answered(await who.client.get("/v1/me"))["teams"]
    assert [(team["name"], team["role"]) for team in teams] == [("North", "rep"), ("South", "manager")]


async def test_who_left_joins_nothing(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    await admin.client.patch(f"/v1/people/{rep.id}", json={"state": "left"}, headers={"if-match": "*"})
    answer = await put(admin, team_id, rep)
    assert (refused(answer), answer.json()["state"]) == ((409, "person-left"), "left")


async def test_who_joins_while_they_leave_is_in_no_team_afterwards(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    leave = admin.client.patch(f"/v1/people/{rep.id}", json={"state": "left"}, headers={"if-match": "*"})
    joined, left = await asyncio.gather(put(admin, team_id, rep), leave)
    assert (joined.status_code in {200, 409}, left.status_code) == (True, 200)
    assert [row for row in await rows(org, rep) if row.until_at is None] == []


async def test_neither_team_nor_person_of_nobody_is_there(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    nobody = Somebody(org.id, new_id(), "", "", rep.client)
    for absent, who in ((new_id(), rep), (team_id, nobody), (new_id(), nobody)):
        assert refused(await put(admin, absent, who)) == (404, "not-found")
        assert refused(await remove(admin, absent, who)) == (404, "not-found")
    pool: Any = org.database.engine.pool
    assert pool.checkedout() == 0


async def test_a_role_that_is_none_is_refused(org: OrgKit) -> None:
    admin, rep, team_id = await admin_of(org), await org.person(), await org.team()
    answer = await put(admin, team_id, rep, "captain")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/role")


async def test_everyone_sees_a_team_but_only_members_they_see(org: OrgKit) -> None:
    admin, team_id = await admin_of(org), await org.team()
    rep, peer, outsider = await org.person("Rep"), await org.person("Peer"), await org.person("Outsider")
    enablement = await org.person("Eve", "enablement")
    for who in (rep, peer):
        await put(admin, team_id, who)
    everyone = [("Peer", "rep"), ("Rep", "rep")]
    seen = [await members(who, team_id) for who in (admin, enablement, rep, outsider)]
    assert seen == [everyone, everyone, everyone, []]


async def may_see(who: Somebody, take_id: UUID) -> bool:
    return (await who.client.get(f"/v1/takes/{take_id}")).status_code == 200


async def test_a_manager_sees_a_teams_work_from_the_day_they_manage_it_until_they_do_not(org: OrgKit) -> None:
    admin, story, who = await admin_of(org), await make_story(org), await org.person("Nora New")
    take_id = await make_take(story)
    before = await may_see(who, take_id)
    await put(admin, story.team_id, who, "manager")
    during = await may_see(who, take_id)
    await put(admin, story.team_id, who, "rep")
    as_rep = await may_see(who, take_id)
    assert (before, during, as_rep) == (False, True, False)


async def test_a_manager_sees_the_work_of_teams_far_below_as_they_are_hung(org: OrgKit) -> None:
    admin, story, who = await admin_of(org), await make_story(org), await org.person("Rhea Region")
    take_id = await make_take(story)
    region = await added(admin, "Region")
    area = await added(admin, "Area", region)
    await put(admin, region["id"], who, "manager")
    assert not await may_see(who, take_id)
    await hang(admin, {"id": str(story.team_id)}, area)
    assert await may_see(who, take_id)
    await hang(admin, area, None)
    assert not await may_see(who, take_id)


async def test_a_rep_above_a_team_sees_nothing_of_it(org: OrgKit) -> None:
    admin, story, who = await admin_of(org), await make_story(org), await org.person()
    region = await added(admin, "Region")
    await hang(admin, {"id": str(story.team_id)}, region)
    await put(admin, region["id"], who)
    assert not await may_see(who, await make_take(story))


async def test_work_stays_with_the_team_it_was_done_in(org: OrgKit) -> None:
    admin, story, other = await admin_of(org), await make_story(org), await org.person("Olga Other")
    take_id, south = await make_take(story), await org.team("South")
    await put(admin, south, other, "manager")
    await remove(admin, story.team_id, story.rep)
    await put(admin, south, story.rep)
    assert (await may_see(story.manager, take_id), await may_see(other, take_id)) == (True, False)
