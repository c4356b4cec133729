import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.factories.challenges import (
    acted,
    add,
    after_now,
    assignment_changed,
    assignment_for,
    assignments,
    change_assignment,
    changed,
    copy_of,
    drafted,
    get_assignment,
    hand_in,
    holders,
    inbox,
    leave,
    make_cast,
    published,
    start_take,
    to_people,
    to_teams,
)
from tests.factories.people import OrgKit
from tests.factories.takes import fresh


async def test_an_assignment_is_seen_by_its_rep_their_managers_and_enablement(
    org: OrgKit, make_org: Callable[..., Any]
) -> None:
    cast, other = await make_cast(org), await make_cast(await make_org())
    item = await copy_of(cast)
    peer, admin = await cast.another_rep(), await org.person(org_role="admin")
    boss = await org.person()
    await org.member(await org.team("South"), boss, "manager")
    for who in (cast.rep, cast.manager, cast.enablement):
        assert await get_assignment(who, item) == item
    for who in (peer, boss, admin, other.enablement):
        assert (await who.client.get(f"/v1/assignments/{item['id']}")).status_code == 404
        assert (await change_assignment(who, item, excused=True)).status_code == 404


async def test_a_manager_gives_one_person_more_time_and_takes_it_back(org: OrgKit) -> None:
    cast = await make_cast(org)
    ria = await cast.another_rep("Ria")
    challenge = await published(cast, due_local="2150-07-01T17:00:00")
    item = await assignment_for(cast.manager, challenge, cast.rep)
    more = await assignment_changed(cast.manager, item, due_at="2150-08-01T17:00:00+02:00")
    assert (more["due_at"], more["due_at_own"], more["version"]) == ("2150-08-01T15:00:00Z", True, 2)
    assert (await assignment_for(cast.manager, challenge, ria))["due_at"] == "2150-07-01T17:00:00Z"
    back = await assignment_changed(cast.manager, more, due_at=None)
    assert (back["due_at"], back["due_at_own"]) == ("2150-07-01T17:00:00Z", False)


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"due_at": "2150-08-01T17:00:00"}, "/due_at"),
        ({"due_at": "8000-08-01T17:00:00Z"}, "/due_at"),
        ({"due_at": "2150-01-01T00:00:00Z"}, "/due_at"),
        ({"excused": None}, "/excused"),
        ({"state": "done"}, "/state"),
    ],
)
async def test_a_change_that_cannot_be_is_pointed_at(org: OrgKit, patch: dict[str, Any], pointer: str) -> None:
    cast = await make_cast(org)
    item = await assignment_for(cast.manager, await published(cast, opens_at="2150-02-01T00:00:00Z"), cast.rep)
    refused = await change_assignment(cast.manager, item, **patch)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await get_assignment(cast.manager, item) == item


async def test_nobody_extends_or_excuses_themselves(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, cast.enablement, audience=to_people(cast.rep, cast.manager, cast.enablement))
    for who in (cast.rep, cast.manager, cast.enablement):
        own = await assignment_for(who, challenge, who)
        assert (await change_assignment(who, own, due_at=after_now(days=9))).status_code == 403
        assert (await change_assignment(who, own, excused=True)).status_code == 403


async def test_an_excuse_takes_it_out_of_the_inbox_and_back(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    await start_take(cast.rep, item)
    excused = await assignment_changed(cast.manager, await get_assignment(cast.manager, item), excused=True)
    assert (excused["state"], await inbox(cast.rep)) == ("excused", [])
    again = await assignment_changed(cast.manager, excused, excused=True)
    assert again == excused
    assert (
        await cast.rep.client.post(f"/v1/assignments/{item['id']}/takes", json={"practice": True})
    ).status_code == 409
    back = await assignment_changed(cast.manager, excused, excused=False)
    assert (back["state"], len(await inbox(cast.rep))) == ("in_progress", 1)
    assert await assignment_changed(cast.manager, back, excused=False) == back


async def test_what_was_handed_in_stays_through_an_excuse(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    take = await hand_in(org, cast.rep, item)
    excused = await assignment_changed(cast.manager, await get_assignment(cast.manager, item), excused=True)
    back = await assignment_changed(cast.manager, excused, excused=False)
    assert (excused["current_take_id"], back["state"], back["current_take_id"]) == (take["id"], "submitted", take["id"])


async def test_an_excuse_outlives_the_end_of_the_challenge(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    item = await assignment_for(cast.manager, challenge, cast.rep)
    excused = await assignment_changed(cast.manager, item, excused=True)
    await acted(cast.manager, challenge, "close")
    assert await get_assignment(cast.manager, item) == excused
    closed = await assignment_changed(cast.manager, excused, excused=False)
    assert closed["state"] == "closed"
    await acted(cast.manager, challenge, "reopen")
    assert (await get_assignment(cast.manager, item))["state"] == "open"


async def test_both_can_change_at_once(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    body = await assignment_changed(cast.manager, item, due_at="2150-08-01T17:00:00Z", excused=True)
    assert (body["due_at"], body["state"]) == ("2150-08-01T17:00:00Z", "excused")


async def test_a_change_names_the_version_it_saw(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    blind = await cast.manager.client.patch(f"/v1/assignments/{item['id']}", json={"excused": True})
    assert (blind.status_code, blind.json()["type"]) == (428, "/problems/precondition-required")
    await start_take(cast.rep, item)
    stale = await change_assignment(cast.manager, item, excused=True)
    current = stale.json()["current"]
    assert (stale.status_code, current.pop("next_steps")) == (412, [])
    assert current == await get_assignment(cast.manager, item)
    assert current["state"] == "in_progress"


async def test_of_two_who_change_it_at_once_one_is_told(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    answers = await asyncio.gather(
        *(change_assignment(who, item, due_at="2150-08-01T17:00:00Z") for who in (cast.manager, cast.enablement))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_closing_and_changing_at_once_end_in_order(org: OrgKit) -> None:
    cast = await make_cast(org)
    people = [cast.rep, *[await cast.another_rep(f"Rep {number}") for number in range(3)]]
    challenge = await published(cast)
    items = [await assignment_for(cast.manager, challenge, person) for person in people]
    closing = acted(cast.manager, challenge, "close")
    changing = [change_assignment(cast.enablement, item, excused=True) for item in items]
    _, answers = await asyncio.gather(closing, asyncio.gather(*changing))
    assert {answer.status_code for answer in answers} <= {200, 412}
    assert set((await holders(cast.manager, challenge)).values()) <= {"excused", "closed"}


async def test_people_are_added_to_what_is_published(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, due_at="2150-07-01T12:00:00Z")
    guest = await org.person("Gast")
    await org.member(await org.team("South"), guest)
    added = await add(cast.enablement, challenge, guest, cast.rep, guest)
    assert added.status_code == 201
    assert [(one["person"]["name"], one["due_at"]) for one in added.json()["items"]] == [
        ("Gast", "2150-07-01T12:00:00Z"),
        ("Robin Rep", "2150-07-01T12:00:00Z"),
    ]
    assert len(await inbox(guest)) == 1
    again = await add(cast.enablement, challenge, guest)
    assert (again.status_code, [one["person"]["name"] for one in again.json()["items"]]) == (200, ["Gast"])


@pytest.mark.parametrize(("verbs", "state"), [((), "draft"), (("publish", "close"), "closed")])
async def test_nobody_is_added_to_what_is_not_published(org: OrgKit, verbs: tuple[str, ...], state: str) -> None:
    cast = await make_cast(org)
    challenge = await acted(cast.manager, await drafted(cast), *verbs)
    refused = await add(cast.manager, challenge, cast.rep)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-move")
    assert (refused.json()["state"], state in refused.json()["detail"]) == (state, True)


async def test_a_manager_adds_people_they_manage_and_nobody_else(org: OrgKit) -> None:
    cast = await make_cast(org)
    stranger, new = await org.person(), await cast.another_rep("Nia New")
    challenge = await published(cast, audience=to_people(cast.rep))
    assert (await add(cast.manager, challenge, new)).status_code == 201
    refused = await add(cast.manager, challenge, new, stranger)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/audience-not-managed")
    assert set(await holders(cast.enablement, challenge)) == {"Robin Rep", "Nia New"}


async def test_people_who_are_not_there_are_pointed_at(org: OrgKit, make_org: Callable[..., Any]) -> None:
    cast, other = await make_cast(org), await make_cast(await make_org())
    challenge = await published(cast)
    gone = await cast.another_rep()
    await leave(org, gone)
    for person in (gone, other.rep):
        refused = await add(cast.enablement, challenge, cast.rep, person)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/person_ids/1")
    url = f"/v1/challenges/{challenge['id']}/assignments"
    for people in ([], [fresh() for _ in range(101)]):
        refused = await cast.enablement.client.post(url, json={"person_ids": people})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/person_ids")


async def test_who_is_excused_stays_so_when_added_again_and_who_is_left_out_comes_back(org: OrgKit) -> None:
    cast = await make_cast(org)
    ria = await cast.another_rep("Ria")
    challenge = await published(cast)
    item = await assignment_for(cast.manager, challenge, cast.rep)
    await assignment_changed(cast.manager, item, excused=True)
    await changed(cast.manager, challenge, audience=to_people())
    assert await holders(cast.manager, challenge) == {"Robin Rep": "excused", "Ria": "closed"}
    await add(cast.manager, challenge, cast.rep, ria)
    assert await holders(cast.manager, challenge) == {"Robin Rep": "excused", "Ria": "open"}


async def test_the_assignments_of_a_challenge_are_listed_by_name_and_state(org: OrgKit) -> None:
    cast = await make_cast(org)
    zoe, abe = await cast.another_rep("Zoe"), await cast.another_rep("Abe")
    challenge = await published(cast)
    await hand_in(org, zoe, await assignment_for(zoe, challenge, zoe))
    assert list(await holders(cast.manager, challenge)) == ["Abe", "Robin Rep", "Zoe"]
    submitted = await assignments(cast.manager, challenge, state="submitted")
    assert [one["person"]["name"] for one in submitted] == ["Zoe"]
    assert list(await holders(abe, challenge)) == ["Abe"]


async def test_pages_of_a_challenge_s_assignments_miss_nobody_of_the_same_name(org: OrgKit) -> None:
    cast = await make_cast(org)
    for _ in range(4):
        await cast.another_rep("Robin Rep")
    challenge = await published(cast)
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        url = f"/v1/challenges/{challenge['id']}/assignments"
        page = (await cast.manager.client.get(url, params=query)).json()
        found += [one["id"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(found) == len(set(found)) == 5


async def test_who_does_not_see_the_challenge_sees_no_assignments(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, audience=to_teams(cast.team_id))
    outsider = await org.person()
    answer = await outsider.client.get(f"/v1/challenges/{challenge['id']}/assignments")
    assert answer.status_code == 404
