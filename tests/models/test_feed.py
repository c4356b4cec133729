"""The order of commits: no event is skipped, none comes twice, whatever overlaps."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

import pytest
from sqlalchemy import text

from api.embedded import Urls
from models.database import Database
from models.errors import GoneError, InvalidError
from models.event import Event, write_event
from models.feed import START, Batch, Cursor, cursor_of, events_after, kept_from, load, now_at, recipients
from models.ids import next_id
from models.team import Team
from tests.factories.people import OrgKit
from tests.factories.postgres import ask, write

WRITERS, EACH = 8, 25


async def read_on(database: Database, place: Cursor | None, limit: int = 500) -> Batch:
    async with database.without_tenant() as session:
        return await events_after(session, place, limit)


async def place_of(database: Database) -> Cursor:
    async with database.without_tenant() as session:
        return await now_at(session)


def names(batch: Batch, org: OrgKit) -> list[str]:
    return [event.name for event in batch.items if event.org_id == org.id]


async def test_of_two_that_overlap_neither_is_skipped_whichever_commits_first(org: OrgKit) -> None:
    """Each gets its id while both are open; who reads between the commits reads the rest afterwards."""
    for first, second in (("early", "late"), ("late", "early")):
        place = await place_of(org.database)
        opened = {name: org.database.tenant(org.id) for name in ("early", "late")}
        sessions = {name: await opened[name].__aenter__() for name in ("early", "late")}
        for name, session in sessions.items():
            write_event(session, Team(org_id=org.id, name="North"), name)
            await session.flush()
        before = await read_on(org.database, place)
        await opened[first].__aexit__(None, None, None)
        between = await read_on(org.database, before.next)
        await opened[second].__aexit__(None, None, None)
        after = await read_on(org.database, between.next)
        seen = [names(batch, org) for batch in (before, between, after)]
        assert sorted(chain.from_iterable(seen)) == ["team.early", "team.late"], seen
        assert seen[0] == []


async def test_many_who_write_at_once_and_one_who_reads_meanwhile(org: OrgKit) -> None:
    place, ended, seen = await place_of(org.database), asyncio.Event(), list[UUID]()
    places = [place]

    async def write_some(number: int) -> list[UUID]:
        made = []
        for count in range(EACH):
            async with org.database.tenant(org.id) as session:
                team = Team(org_id=org.id, name=f"{number}")
                write_event(session, team, "one")
                await session.flush()
                if count % 3 == number % 3:  # a transaction that stays open longer than others
                    await session.execute(text("SELECT pg_sleep(0.004)"))
                write_event(session, team, "two")
            made.append(team.id)
        return made

    async def read_all() -> None:
        last = False
        while not last:
            last = ended.is_set()
            batch = await read_on(org.database, places[-1], limit=7)
            seen.extend(event.id for event in batch.items if event.org_id == org.id)
            places.append(batch.next)
            last = last and not batch.more

    reading = asyncio.create_task(read_all())
    made = list(chain.from_iterable(await asyncio.gather(*map(write_some, range(WRITERS)))))
    ended.set()
    await reading
    assert len(seen) == len(set(seen)) == 2 * WRITERS * EACH
    order = [(place.xid, place.id) for place in places]
    assert order == sorted(order)
    async with org.database.tenant(org.id) as session:
        events = {row.id: row for row in await session.execute(text("SELECT id, subject_id, name FROM event"))}
    told = [(events[key].subject_id, events[key].name) for key in seen]
    assert sorted(told) == sorted((key, name) for key in made for name in ("team.one", "team.two"))
    assert [name for key in made[:3] for subject, name in told if subject == key] == ["team.one", "team.two"] * 3


async def test_pages_follow_each_other_and_say_whether_there_is_more(org: OrgKit) -> None:
    place = await place_of(org.database)
    async with org.database.tenant(org.id) as session:
        for count in range(5):
            write_event(session, Team(org_id=org.id, name="North"), f"n{count}")
    found = []
    batch = Batch([], place, more=True)
    while batch.more:
        batch = await read_on(org.database, batch.next, limit=2)
        found += names(batch, org)
    assert found == [f"team.n{count}" for count in range(5)]
    assert (await read_on(org.database, batch.next)).items == []


async def test_what_is_read_of_an_event_in_its_organization_is_whole(org: OrgKit) -> None:
    place, who = await place_of(org.database), [await org.person() for _ in range(2)]
    team = Team(org_id=org.id, name="North")
    async with org.database.tenant(org.id, who[0].id) as session:
        write_event(session, team, "named", to=[who[1].id], count=3)
    [happened] = [event for event in (await read_on(org.database, place)).items if event.name == "team.named"]
    assert (happened.org_id, happened.person_id, happened.circle, happened.others) == (org.id, None, "everyone", True)
    async with org.database.tenant(org.id) as session:
        [event] = await load(session, [happened])
        assert (event.subject_id, event.actor_id, event.v) == (team.id, who[0].id, 1)
        assert event.data == {"to": [str(who[1].id)], "count": 3}
        assert await recipients(session, [happened]) == {event.id: [who[1].id]}


async def test_a_cursor_is_written_as_it_is_read(database: Database) -> None:
    place = await place_of(database)
    again = cursor_of(str(place))
    assert (again.xid, again.id, again.server) == (place.xid, place.id, place.server)
    assert abs(again.at - place.at) <= timedelta(milliseconds=1)
    with pytest.raises(InvalidError):
        cursor_of(str(place)[:-4])


async def test_the_cursor_of_another_server_goes_on_from_its_time(org: OrgKit) -> None:
    """As after a restore, where transactions count from the beginning again."""
    await org.team()
    elsewhere = Cursor(2**40, UUID(int=0), datetime.now(UTC), 12345)
    async with org.database.tenant(org.id) as session:
        write_event(session, Team(org_id=org.id, name="North"), "there")
    batch = await read_on(org.database, elsewhere)
    found = names(batch, org)
    while batch.more:
        batch = await read_on(org.database, batch.next)
        found += names(batch, org)
    assert "team.there" in found
    long_ago = Cursor(5, UUID(int=0), datetime.now(UTC) + timedelta(days=2), 12345)
    assert names(await read_on(org.database, long_ago), org) == []


async def test_events_that_seem_to_come_from_a_time_ahead_take_their_place_now(org: OrgKit, urls: Urls) -> None:
    async with org.database.tenant(org.id) as session:
        write_event(session, Team(org_id=org.id, name="North"), "restored")
    ahead = f"UPDATE event SET xid = '99999999999' WHERE org_id = '{org.id}'"  # noqa: S608  # an id of ours
    write(urls.migrate, ahead)
    place = await place_of(org.database)
    assert "team.restored" not in names(await read_on(org.database, START), org)
    assert ask(urls.migrate, "SELECT mend_event_order()") >= 1
    assert names(await read_on(org.database, place), org) == ["team.restored"]
    assert ask(urls.migrate, "SELECT mend_event_order()") == 0


def a_month(name: str, first: str, end: str) -> str:
    return f"CREATE TABLE event_{name} PARTITION OF event FOR VALUES FROM ('{first} 00:00+00') TO ('{end} 00:00+00')"


async def test_months_that_are_over_long_enough_go_and_their_cursors_with_them(org: OrgKit, urls: Urls) -> None:
    """A month of the past is made, with an event in it; it is kept while it is within the days, and dropped behind."""
    write(urls.migrate, a_month("202401", "2024-01-01", "2024-02-01"))
    person, at = await org.person(), datetime(2024, 1, 15, tzinfo=UTC)
    async with org.database.tenant(org.id) as session:
        session.add(Event(org_id=org.id, id=next_id(), at=at, subject_id=person.id, name="person.old", data={}))
        write_event(session, Team(org_id=org.id, name="North"), "named", to=[person.id])
    named = f"event_recipient WHERE org_id = '{org.id}'"
    write(urls.migrate, f"UPDATE event_recipient SET event_at = '{at}' WHERE org_id = '{org.id}'")  # noqa: S608  # ours
    assert "person.old" in names(await read_on(org.database, None, limit=10_000), org)
    old = Cursor(5, UUID(int=0), at, (await place_of(org.database)).server)
    await read_on(org.database, old)
    days = (datetime.now(UTC) - datetime(2024, 2, 1, tzinfo=UTC)).days
    async with org.database.without_tenant() as session:
        drop = text("SELECT drop_event_partitions(:days)")
        assert list(await session.scalars(drop, {"days": days + 1})) == []
        assert await kept_from(session) == datetime(2024, 1, 1, tzinfo=UTC)
        assert list(await session.scalars(drop, {"days": days})) == ["event_202401"]
        assert await kept_from(session) > datetime(2024, 2, 1, tzinfo=UTC)
    with pytest.raises(GoneError) as gone:
        await read_on(org.database, old)
    assert cursor_of(gone.value.facts["latest"]).xid > 5
    assert ask(urls.migrate, f"SELECT count(*) FROM {named}") == 0  # noqa: S608  # likewise


async def test_a_month_that_is_being_read_is_left_for_the_next_time(org: OrgKit, urls: Urls) -> None:
    write(urls.migrate, a_month("202402", "2024-02-01", "2024-03-01"))
    drop = text("SELECT drop_event_partitions(30)")
    async with org.database.tenant(org.id) as reader:
        await reader.execute(text("SELECT count(*) FROM event"))
        async with org.database.without_tenant() as session:
            assert list(await session.scalars(drop)) == []
    async with org.database.without_tenant() as session:
        assert list(await session.scalars(drop)) == ["event_202402"]
