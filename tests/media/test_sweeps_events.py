"""Sweeps of events: old months go, what a restore put out of order is read again, old critiques are completed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from api.embedded import EmbeddedPostgres, Urls
from media import sweeps
from models.critique import Critique
from models.feed import events_after, kept_from, now_at
from models.take import Take
from tests.factories.jobs import House, a_house, folder_store, own_database
from tests.factories.postgres import write
from tests.factories.takes import make_story, make_take


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_event_sweeps")


@pytest.fixture
async def house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path), tmp_path) as made:
        yield made


async def test_months_older_than_events_are_kept_are_dropped(house: House, own_urls: Urls) -> None:
    bounds = "FROM ('2024-01-01 00:00+00') TO ('2024-02-01 00:00+00')"
    write(own_urls.migrate, f"CREATE TABLE event_202401 PARTITION OF event FOR VALUES {bounds}")
    for days, year in ((36_500, 2024), (400, None)):
        await sweeps.drop_old_events(replace(house.context, event_retention_days=days))
        async with house.database.without_tenant() as session:
            found = await kept_from(session)
        assert (found.year == 2024) == (year == 2024)


async def test_events_of_another_server_are_read_again(house: House, own_urls: Urls) -> None:
    await house.org.team()
    await house.org.person()
    write(own_urls.migrate, "UPDATE event SET xid = '99999999999'")
    async with house.database.without_tenant() as session:
        place = await now_at(session)
    await sweeps.mend_events(house.context)
    async with house.database.without_tenant() as session:
        found = await events_after(session, place, 500)
    assert [event.name for event in found.items if event.org_id == house.org.id] == ["person.active"]


async def test_critiques_of_the_release_before_learn_whose_take_it_is(house: House) -> None:
    story = await make_story(house.org)
    take_id = await make_take(story)
    async with house.database.tenant(house.org.id) as session:
        take = await session.get_one(Take, (house.org.id, take_id))
        old = Critique(
            org_id=house.org.id,
            take_id=take.id,
            reviewer_id=story.manager.id,
            perspective="manager",
            rubric_version_id=story.rubric_version_id,
        )
        session.add(old)
    await sweeps.fill_critiques(house.context)
    async with house.database.tenant(house.org.id) as session:
        query = text("SELECT person_id, team_id FROM critique WHERE org_id = :org AND id = :id")
        [row] = await session.execute(query, {"org": house.org.id, "id": old.id})
    assert (row.person_id, row.team_id) == (story.rep.id, UUID(str(story.team_id)))
