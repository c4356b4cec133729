"""When a challenge opens and is due: for all at once, or at the same wall time in each person's zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.assignments import open_due
from models.base import now
from tests.factories.challenges import (
    acted,
    after_now,
    assignment_changed,
    assignment_for,
    assignments,
    change,
    changed,
    drafted,
    hand_in,
    holders,
    inbox,
    instant,
    join,
    make_cast,
    post,
    published,
    set_row,
    start_take,
    to_teams,
)
from tests.factories.people import OrgKit

# So far ahead that no run of these tests is later.
SUMMER, WINTER = "2150-07-01T17:00:00", "2150-01-15T17:00:00"


def there(wall_time: str, zone: str) -> datetime:
    return datetime.fromisoformat(wall_time).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize("due_local", [SUMMER, WINTER])
async def test_a_local_due_time_is_the_same_wall_time_in_each_zone(
    make_org: Callable[..., Any], due_local: str
) -> None:
    org = await make_org("Europe/Lisbon")
    cast = await make_cast(org)
    zones = {"Berta": "Europe/Berlin", "Nora": "America/New_York", "Kavi": "Asia/Kolkata", "Sia": "Pacific/Apia"}
    for name, zone in zones.items():
        await cast.another_rep(name, zone)
    challenge = await published(cast, due_local=due_local)
    due = {one["person"]["name"]: instant(one["due_at"]) for one in await assignments(cast.manager, challenge)}
    expected = {name: there(due_local, zone) for name, zone in zones.items()}
    assert due == {**expected, "Robin Rep": there(due_local, "Europe/Lisbon")}
    assert len(set(due.values())) == 5
    assert (challenge["due_local"], challenge["due_at"]) == (due_local, None)


async def test_clocks_that_are_turned_move_the_instant_and_not_the_wall_time(org: OrgKit) -> None:
    cast = await make_cast(org, time_zone="Europe/Berlin")
    found = []
    for due_local in (SUMMER, WINTER):
        challenge = await published(cast, due_local=due_local)
        found.append(instant((await assignment_for(cast.rep, challenge, cast.rep))["due_at"]).hour)
    assert found == [15, 16]


async def test_a_due_instant_is_one_for_all(org: OrgKit) -> None:
    cast = await make_cast(org, time_zone="Asia/Tokyo")
    await cast.another_rep(time_zone="America/Lima")
    challenge = await published(cast, due_at="2150-07-01T12:00:00-05:00")
    due = {instant(one["due_at"]) for one in await assignments(cast.manager, challenge)}
    assert due == {datetime(2150, 7, 1, 17, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("dates", "pointer"),
    [
        ({"due_at": "2150-07-01T12:00:00Z", "due_local": SUMMER}, "/due_local"),
        ({"opens_at": "2150-07-02T12:00:00Z", "due_at": "2150-07-01T12:00:00Z"}, "/due_at"),
        ({"opens_at": "2150-07-01T12:00:00Z", "due_at": "2150-07-01T12:00:00Z"}, "/due_at"),
        ({"opens_at": "2150-07-03T12:00:00Z", "due_local": SUMMER}, "/due_local"),
        ({"due_at": "9000-07-01T12:00:00Z"}, "/due_at"),
        ({"opens_at": "0001-01-01T00:00:00+14:00"}, "/opens_at"),
        ({"due_local": "1999-07-01T12:00:00"}, "/due_local"),
        ({"due_local": "2150-02-30T12:00:00"}, "/due_local"),
        ({"due_local": "2150-07-01T25:00:00"}, "/due_local"),
        ({"due_local": "2150-07-01T12:00:00Z"}, "/due_local"),
        ({"due_at": "2150-07-01T12:00:00"}, "/due_at"),
        ({"due_at": "tomorrow"}, "/due_at"),
    ],
)
async def test_dates_that_cannot_be_are_pointed_at(org: OrgKit, dates: dict[str, Any], pointer: str) -> None:
    cast = await make_cast(org)
    refused = await post(cast.manager, cast.body(**dates))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    changing = await change(cast.manager, await drafted(cast), **dates)
    assert (changing.status_code, changing.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_local_due_time_that_some_zones_still_have_before_them_is_published(org: OrgKit) -> None:
    cast = await make_cast(org)
    local = (now() - timedelta(hours=6)).replace(tzinfo=None, microsecond=0).isoformat()
    await cast.another_rep("Lia", "Pacific/Pago_Pago")
    challenge = await published(cast, due_local=local)
    due = {one["person"]["name"]: one["due_at"] for one in await assignments(cast.manager, challenge)}
    assert due["Robin Rep"] is None
    assert instant(due["Lia"]) == there(local, "Pacific/Pago_Pago")


async def test_nobody_is_due_before_it_opens(org: OrgKit) -> None:
    cast = await make_cast(org, time_zone="Asia/Tokyo")
    await cast.another_rep("Nora", "America/New_York")
    challenge = await published(cast, opens_at="2150-07-01T12:00:00Z", due_local=SUMMER)
    due = {one["person"]["name"]: one["due_at"] for one in await assignments(cast.manager, challenge)}
    assert due["Robin Rep"] is None
    assert instant(due["Nora"]) == datetime(2150, 7, 1, 21, tzinfo=UTC)


async def test_one_kind_of_due_time_takes_the_place_of_the_other(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast, due_at="2150-07-01T12:00:00Z")
    local = await changed(cast.manager, challenge, due_local=SUMMER)
    assert (local["due_at"], local["due_local"]) == (None, SUMMER)
    back = await changed(cast.manager, local, due_at="2150-07-01T12:00:00Z")
    assert (back["due_at"], back["due_local"]) == ("2150-07-01T12:00:00Z", None)
    none = await changed(cast.manager, back, due_at=None)
    assert (none["due_at"], none["due_local"]) == (None, None)


async def test_a_due_time_is_held_against_the_opening_that_was_there(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast, opens_at="2150-07-01T12:00:00Z")
    refused = await change(cast.manager, challenge, due_at="2150-06-01T12:00:00Z")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/due_at")


async def test_an_opening_is_held_against_the_due_time_that_was_there(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast, due_at="2150-07-01T12:00:00Z")
    refused = await change(cast.manager, challenge, opens_at="2150-08-01T12:00:00Z")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/opens_at")


async def test_what_opens_later_is_scheduled_and_not_in_the_inbox(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, opens_at=after_now(days=1))
    assert await holders(cast.manager, challenge) == {"Robin Rep": "scheduled"}
    assert await inbox(cast.rep) == []
    waiting = (await inbox(cast.rep, state="scheduled"))[0]
    refused = await cast.rep.client.post(f"/v1/assignments/{waiting['id']}/takes", json={})
    assert (refused.status_code, refused.json()["state"]) == (409, "scheduled")


async def test_what_has_come_to_open_is_open_before_anybody_has_moved_it(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, opens_at=after_now(days=1))
    waiting = (await inbox(cast.rep, state="scheduled"))[0]
    await set_row(org, waiting, opens_at=now() - timedelta(seconds=1))
    assert [item["state"] for item in await inbox(cast.rep)] == ["open"]
    assert [item["id"] for item in await inbox(cast.rep, state="open")] == [waiting["id"]]
    assert await inbox(cast.rep, state="scheduled") == []
    assert await holders(cast.manager, challenge) == {"Robin Rep": "open"}
    counted = (await cast.manager.client.get(f"/v1/challenges/{challenge['id']}")).json()["counts"]
    assert counted == {"open": 1}
    async with org.database.tenant(org.id) as session:
        assert await open_due(session, org.id, [waiting["id"]]) == 1
        assert await open_due(session, org.id, [waiting["id"]]) == 0
    assert (await start_take(cast.rep, waiting))["number"] == 1


async def test_new_dates_count_for_everyone_without_a_due_time_of_their_own(org: OrgKit) -> None:
    cast = await make_cast(org)
    ria = await cast.another_rep("Ria", "Asia/Tokyo")
    challenge = await published(cast, due_at="2150-07-01T12:00:00Z")
    own = "2150-09-01T12:00:00Z"
    await assignment_changed(cast.manager, await assignment_for(cast.manager, challenge, cast.rep), due_at=own)
    challenge = await changed(cast.manager, challenge, due_local=SUMMER)
    due = {one["person"]["name"]: instant(one["due_at"]) for one in await assignments(cast.manager, challenge)}
    assert due == {"Robin Rep": instant(own), "Ria": there(SUMMER, "Asia/Tokyo")}
    before = await assignment_for(cast.manager, challenge, ria)
    await changed(cast.manager, challenge, due_local=None)
    after = await assignment_for(cast.manager, challenge, ria)
    assert (after["due_at"], after["version"]) == (None, before["version"] + 1)


async def test_a_new_opening_moves_only_what_nobody_has_begun(org: OrgKit) -> None:
    cast = await make_cast(org)
    await cast.another_rep("Ria")
    challenge = await published(cast)
    await start_take(cast.rep, await assignment_for(cast.rep, challenge, cast.rep))
    challenge = await changed(cast.manager, challenge, opens_at=after_now(days=1))
    assert await holders(cast.manager, challenge) == {"Robin Rep": "in_progress", "Ria": "scheduled"}
    await changed(cast.manager, challenge, opens_at=None)
    assert await holders(cast.manager, challenge) == {"Robin Rep": "in_progress", "Ria": "open"}


async def test_dates_of_a_published_challenge_change_and_those_of_a_closed_one_do_not(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await acted(cast.manager, await published(cast), "close")
    refused = await change(cast.manager, challenge, due_at=after_now(days=1))
    assert (refused.status_code, refused.json()["state"]) == (409, "closed")


async def test_who_joins_after_it_was_due_has_no_due_time(org: OrgKit) -> None:
    cast = await make_cast(org)
    admin, late = await org.person(org_role="admin"), await org.person("Lea Late")
    challenge = await published(cast, audience=to_teams(cast.team_id, joiners="include"))
    await changed(cast.manager, challenge, due_at=after_now(days=-1))
    await join(admin, cast.team_id, late)
    mine = (await inbox(late))[0]
    assert (mine["due_at"], mine["overdue"]) == (None, False)
    assert [(one["due_at"] is None, one["overdue"]) for one in await inbox(cast.rep)] == [(False, True)]


async def test_a_take_handed_in_on_time_is_not_late_when_the_due_time_is_later(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, due_at=after_now(days=1))
    await hand_in(org, cast.rep, await assignment_for(cast.rep, challenge, cast.rep))
    challenge = await changed(cast.manager, challenge, due_at=after_now(days=-1))
    assert (await assignment_for(cast.manager, challenge, cast.rep))["late"]
    await changed(cast.manager, challenge, due_at=after_now(days=2))
    assert not (await assignment_for(cast.manager, challenge, cast.rep))["late"]
