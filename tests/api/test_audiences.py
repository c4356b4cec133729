"""Whom a challenge reaches: who may address them, who gets a copy, and what becomes of it when the audience changes."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update

from api.challenges.reach import assign_joiners
from models.person import Person
from models.team import Membership, Team
from tests.factories.challenges import (
    Cast,
    act,
    acted,
    add,
    assignment_for,
    assignments,
    change,
    changed,
    copies,
    drafted,
    get_challenge,
    holders,
    inbox,
    join,
    leave,
    make_cast,
    post,
    published,
    start_take,
    to_people,
    to_teams,
)
from tests.factories.people import OrgKit, Somebody

EVERYONE = {"everyone": True}


async def member(org: OrgKit, team_id: UUID, name: str, role: str = "rep") -> Somebody:
    person = await org.person(name)
    await org.member(team_id, person, role)
    return person


async def test_a_manager_addresses_what_they_manage_and_nothing_else(org: OrgKit) -> None:
    cast = await make_cast(org)
    below, south = await org.team("Below", cast.team_id), await org.team("South")
    stranger, near = await member(org, south, "Sam"), await member(org, below, "Nea")
    for audience in (to_teams(cast.team_id, below, include_subteams=True), to_people(cast.rep, near), {}):
        assert (await post(cast.manager, cast.body(audience=audience))).status_code == 201
    for audience in (EVERYONE, to_teams(cast.team_id, south), to_people(cast.rep, stranger)):
        refused = await post(cast.manager, cast.body(audience=audience))
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/audience-not-managed")
        assert (await change(cast.manager, await drafted(cast), audience=audience)).status_code == 403


async def test_enablement_addresses_anyone(org: OrgKit) -> None:
    cast = await make_cast(org)
    south = await org.team("South")
    stranger = await member(org, south, "Sam")
    for audience in (EVERYONE, to_teams(cast.team_id, south), to_people(stranger)):
        assert (await post(cast.enablement, cast.body(audience=audience))).status_code == 201


async def test_a_manager_who_lost_the_team_does_not_publish_to_it(org: OrgKit) -> None:
    cast = await make_cast(org)
    draft = await drafted(cast)
    await leave(org, cast.manager, left=False)
    await member_again(org, cast)
    refused = await act(cast.manager, draft, "publish")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/audience-not-managed")
    assert await copies(org, draft) == 0


async def member_again(org: OrgKit, cast: Cast) -> None:
    await org.member(await org.team("Other"), cast.manager, "manager")


async def test_teams_and_people_who_are_not_there_are_pointed_at(org: OrgKit) -> None:
    cast = await make_cast(org)
    gone = await member(org, cast.team_id, "Gus")
    await leave(org, gone)
    archived = await org.team("Old")
    async with org.database.tenant(org.id) as session:
        await session.execute(
            update(Team).where(Team.org_id == org.id, Team.id == archived).values(archived_at=text("now()"))
        )
    for audience, pointer in (
        (to_people(cast.rep, gone), "/audience/person_ids/1"),
        (to_teams(cast.team_id, archived), "/audience/team_ids/1"),
    ):
        refused = await post(cast.enablement, cast.body(audience=audience))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_draft_is_given_to_nobody(org: OrgKit) -> None:
    cast = await make_cast(org)
    assert await copies(org, await drafted(cast)) == 0
    assert await inbox(cast.rep) == []


async def test_a_team_means_its_reps_of_now(org: OrgKit) -> None:
    cast = await make_cast(org)
    await member(org, cast.team_id, "Max", "manager")
    moved = await member(org, cast.team_id, "Mo")
    await leave(org, moved, left=False)
    await leave(org, await member(org, cast.team_id, "Gus"))
    challenge = await published(cast)
    assert await holders(cast.enablement, challenge) == {"Robin Rep": "open"}


@pytest.mark.parametrize(("include_subteams", "expected"), [(False, {"Robin Rep"}), (True, {"Robin Rep", "B", "C"})])
async def test_teams_below_count_when_the_audience_says_so(
    org: OrgKit, expected: set[str], *, include_subteams: bool
) -> None:
    cast = await make_cast(org)
    below = await org.team("Below", cast.team_id)
    await member(org, below, "B")
    await member(org, await org.team("Far below", below), "C")
    challenge = await published(cast, audience=to_teams(cast.team_id, include_subteams=include_subteams))
    assert set(await holders(cast.manager, challenge)) == expected


async def test_everyone_means_the_reps_of_all_teams(org: OrgKit) -> None:
    cast = await make_cast(org)
    await member(org, await org.team("South"), "Sam")
    await org.person("Teamless")
    challenge = await published(cast, cast.enablement, audience=EVERYONE)
    assert set(await holders(cast.enablement, challenge)) == {"Robin Rep", "Sam"}


async def test_a_person_named_gets_it_whatever_they_are(org: OrgKit) -> None:
    cast = await make_cast(org)
    alone = await org.person("Ali Alone")
    challenge = await published(cast, cast.enablement, audience=to_people(cast.manager, alone))
    teams = {one["person"]["name"]: one["team_id"] for one in await assignments(cast.enablement, challenge)}
    assert teams == {"Mona Manager": str(cast.team_id), "Ali Alone": None}
    assert len(await inbox(alone)) == 1


async def test_somebody_invited_gets_it_before_they_have_accepted(org: OrgKit) -> None:
    cast = await make_cast(org)
    async with org.database.tenant(org.id) as session:
        row = Person(org_id=org.id, name="Ina Invited", email="ina@example.com", state="invited")
        session.add(row)
        await session.flush()
        session.add(Membership(org_id=org.id, team_id=cast.team_id, person_id=row.id, role="rep"))
    assert await holders(cast.manager, await published(cast)) == {"Robin Rep": "open", "Ina Invited": "open"}


async def test_who_is_reached_in_several_ways_has_one_copy_in_a_team_of_who_asks(org: OrgKit) -> None:
    cast = await make_cast(org)
    other = await org.team("Other")
    await org.member(other, cast.rep)
    audience = to_teams(cast.team_id, other) | to_people(cast.rep)
    challenge = await published(cast, cast.enablement, audience=audience)
    assert await copies(org, challenge) == 1
    mine = await published(cast, audience=to_people(cast.rep))
    assert [one["team_id"] for one in await assignments(cast.manager, mine)] == [str(cast.team_id)]


async def test_a_manager_sees_the_assignments_of_their_teams_only(org: OrgKit) -> None:
    cast = await make_cast(org)
    south = await org.team("South")
    sam, boss = await member(org, south, "Sam"), await member(org, south, "Bo", "manager")
    challenge = await published(cast, cast.enablement, audience=to_teams(cast.team_id, south))
    seen = [set(await holders(who, challenge)) for who in (cast.enablement, cast.manager, boss, sam)]
    assert seen == [{"Robin Rep", "Sam"}, {"Robin Rep"}, {"Sam"}, {"Sam"}]


async def test_a_wider_audience_gets_it_too(org: OrgKit) -> None:
    cast = await make_cast(org)
    south = await org.team("South")
    await member(org, south, "Sam")
    challenge = await published(cast, cast.enablement)
    body = await changed(cast.enablement, challenge, audience=to_teams(cast.team_id, south))
    assert await holders(cast.enablement, challenge) == {"Robin Rep": "open", "Sam": "open"}
    assert set(body["audience"]["team_ids"]) == {str(cast.team_id), str(south)}


async def test_a_narrower_audience_closes_what_nobody_has_begun_and_a_wider_one_brings_it_back(org: OrgKit) -> None:
    cast = await make_cast(org)
    ria = await cast.another_rep("Ria")
    challenge = await published(cast)
    await start_take(ria, await assignment_for(ria, challenge, ria))
    challenge = await changed(cast.manager, challenge, audience={})
    assert await holders(cast.manager, challenge) == {"Robin Rep": "closed", "Ria": "in_progress"}
    await changed(cast.manager, challenge, audience=to_teams(cast.team_id))
    assert await holders(cast.manager, challenge) == {"Robin Rep": "open", "Ria": "in_progress"}
    assert await copies(org, challenge) == 2


async def test_who_has_left_the_team_keeps_the_copy_while_the_team_is_asked(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    await leave(org, cast.rep, left=False)
    challenge = await changed(cast.manager, challenge, audience=to_teams(cast.team_id, include_subteams=True))
    assert await holders(cast.enablement, challenge) == {"Robin Rep": "open"}


async def test_another_audience_reaches_joiners_only_where_it_takes_them(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    await cast.another_rep("Jo Joiner")
    body = await changed(cast.manager, challenge, audience=to_teams(cast.team_id, include_subteams=True))
    assert set(await holders(cast.manager, challenge)) == {"Robin Rep"}
    await changed(cast.manager, body, audience=to_teams(cast.team_id, joiners="include"))
    assert set(await holders(cast.manager, challenge)) == {"Robin Rep", "Jo Joiner"}


@pytest.mark.parametrize(("joiners", "expected"), [("include", 1), ("exclude", 0)])
async def test_a_new_rep_gets_what_takes_joiners(org: OrgKit, joiners: str, expected: int) -> None:
    cast = await make_cast(org)
    admin, new = await org.person(org_role="admin"), await org.person("Nia New", time_zone="Asia/Tokyo")
    challenge = await published(cast, audience=to_teams(cast.team_id, joiners=joiners), due_local="2150-07-01T17:00:00")
    await join(admin, cast.team_id, new)
    await join(admin, cast.team_id, new)
    items = await inbox(new)
    assert [item["challenge"]["id"] for item in items] == [challenge["id"]] * expected
    assert [(item["team_id"], item["due_at"]) for item in items] == [
        (str(cast.team_id), "2150-07-01T08:00:00Z")
    ] * expected


@pytest.mark.parametrize(
    ("audience", "expected"),
    [("the team", 0), ("the team and below", 1), ("everyone", 1), ("another team", 0), ("the team below", 1)],
)
async def test_a_joiner_is_reached_through_the_teams_above_where_they_include_subteams(
    org: OrgKit, audience: str, expected: int
) -> None:
    cast = await make_cast(org)
    below = await org.team("Far below", await org.team("Below", cast.team_id))
    admin, new = await org.person(org_role="admin"), await org.person("Nia New")
    audiences: dict[str, dict[str, Any]] = {
        "the team": to_teams(cast.team_id),
        "the team and below": to_teams(cast.team_id, include_subteams=True),
        "everyone": {"everyone": True},
        "another team": to_teams(await org.team("South"), include_subteams=True),
        "the team below": to_teams(below),
    }
    await published(cast, cast.enablement, audience=audiences[audience] | {"joiners": "include"})
    await join(admin, below, new)
    assert len(await inbox(new)) == expected


async def test_a_manager_gets_it_when_they_become_rep(org: OrgKit) -> None:
    cast = await make_cast(org)
    admin, somebody = await org.person(org_role="admin"), await org.person()
    challenge = await published(cast, audience=to_teams(cast.team_id, joiners="include"))
    await join(admin, cast.team_id, somebody, "manager")
    assert await inbox(somebody) == []
    await join(admin, cast.team_id, somebody, "rep")
    await join(admin, cast.team_id, somebody, "manager")
    assert [item["challenge"]["id"] for item in await inbox(somebody)] == [challenge["id"]]


async def test_who_moves_on_keeps_the_copy_and_gets_no_second_one(org: OrgKit) -> None:
    cast = await make_cast(org)
    admin, south = await org.person(org_role="admin"), await org.team("South")
    challenge = await published(cast, cast.enablement, audience=EVERYONE | {"joiners": "include"})
    await join(admin, south, cast.rep)
    assert [one["team_id"] for one in await assignments(cast.enablement, challenge)] == [str(cast.team_id)]


async def test_a_joiner_gets_neither_drafts_nor_what_has_ended(org: OrgKit) -> None:
    cast = await make_cast(org)
    admin, new = await org.person(org_role="admin"), await org.person("Nia New")
    audience = to_teams(cast.team_id, joiners="include")
    draft = await drafted(cast, audience=audience)
    ended = await acted(cast.manager, await published(cast, audience=audience), "close")
    await join(admin, cast.team_id, new)
    assert await inbox(new) == []
    await acted(cast.manager, ended, "reopen")
    assert [item["challenge"]["id"] for item in await inbox(new)] == [ended["id"]]
    await acted(cast.manager, draft, "publish")
    assert len(await inbox(new)) == 2


async def test_who_joined_while_it_was_closed_is_left_out_where_joiners_are(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await acted(cast.manager, await published(cast), "close")
    await cast.another_rep("Jo Joiner")
    await acted(cast.manager, challenge, "reopen")
    assert await holders(cast.manager, challenge) == {"Robin Rep": "open"}


async def test_who_joins_while_it_is_published_gets_it(org: OrgKit) -> None:
    """The one who comes second waits for the first, and sees what it did."""
    cast = await make_cast(org)
    new = await org.person("Nia New")
    draft = await drafted(cast, audience=to_teams(cast.team_id, joiners="include"))
    async with org.database.tenant(org.id) as session:
        session.add(Membership(org_id=org.id, team_id=cast.team_id, person_id=new.id, role="rep"))
        assert await assign_joiners(session, org.id, cast.team_id, [new.id]) == 0
        publishing = asyncio.create_task(act(cast.manager, draft, "publish"))
        await somebody_waits(org)
    assert (await publishing).status_code == 200
    assert len(await inbox(new)) == 1


async def somebody_waits(org: OrgKit) -> None:
    async with asyncio.timeout(20):
        while True:
            async with org.database.without_tenant() as session:
                waiting = text("SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() LIMIT 1")
                if await session.scalar(waiting):
                    return
            await asyncio.sleep(0)


async def test_joining_and_changing_audiences_at_once_never_wait_for_each_other_in_a_circle(org: OrgKit) -> None:
    cast = await make_cast(org)
    admin, south = await org.person(org_role="admin"), await org.team("South")
    people = [await org.person(f"Person {number}") for number in range(4)]
    challenges = [
        await published(cast, cast.enablement, audience=to_people(*people, joiners="include")) for _ in range(3)
    ]
    wider = to_teams(cast.team_id, south, joiners="include")
    joining = [join(admin, team, person) for person in people for team in (cast.team_id, south)]
    changing = [change(cast.enablement, challenge, audience=wider | to_people(*people)) for challenge in challenges]
    answers = await asyncio.gather(*joining, *changing)
    assert {answer.status_code for answer in answers if answer is not None} == {200}
    assert [await copies(org, challenge) for challenge in challenges] == [5, 5, 5]


async def test_people_named_later_are_part_of_the_audience(org: OrgKit) -> None:
    cast = await make_cast(org)
    guest = await org.person("Gast")
    challenge = await published(cast, cast.enablement)
    assert (await add(cast.enablement, challenge, guest)).status_code == 201
    body = (await get_challenge(cast.enablement, challenge)).json()
    assert (body["audience"]["person_ids"], body["version"]) == ([str(guest.id)], challenge["version"] + 1)
    await changed(cast.enablement, body, audience=to_teams(cast.team_id))
    assert await holders(cast.enablement, challenge) == {"Robin Rep": "open", "Gast": "closed"}
