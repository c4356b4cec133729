"""The sweep posts what series have due, in every organization, and one that fails keeps no other from it."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from api.embedded import EmbeddedPostgres, Urls
from media import sweeps
from media.sweeps import ERRANDS
from models.base import now
from models.challenge import Assignment, Challenge
from models.series import Occurrence, Series
from models.team import Audience, AudienceTeam
from tests.factories.jobs import House, own_database
from tests.factories.takes import Story, make_story


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_series")


async def put_series(house: House, story: Story, *, first_ago: timedelta) -> UUID:
    """Make a series to the story's team, whose first challenge was due so long ago."""
    org_id = house.org.id
    first = now() - first_ago
    async with house.database.tenant(org_id) as session:
        audience = Audience(org_id=org_id)
        session.add(audience)
        await session.flush()
        session.add(AudienceTeam(org_id=org_id, audience_id=audience.id, team_id=story.team_id))
        series = Series(
            org_id=org_id,
            title="Again",
            challenge_id=story.challenge_id,
            audience_id=audience.id,
            responsible_id=story.manager.id,
            created_by=story.manager.id,
            unit="week",
            every=1,
            first_local=first.replace(tzinfo=None),
            next_at=first,
        )
        session.add(series)
    return series.id


async def posted(house: House, series_id: UUID) -> list[UUID]:
    query = select(Occurrence.challenge_id).where(Occurrence.series_id == series_id, Occurrence.org_id == house.org.id)
    async with house.database.tenant(house.org.id) as session:
        return list(await session.scalars(query))


def test_it_is_an_errand_of_each_round() -> None:
    assert [one.every_s for one in ERRANDS if one.sweep is sweeps.post_series] == [0.0]


async def test_what_is_due_is_posted_once_to_its_people(house: House) -> None:
    story = await make_story(house.org)
    series_id = await put_series(house, story, first_ago=timedelta(minutes=1))
    for _ in range(2):
        await sweeps.post_series(house.context)
    [challenge_id] = await posted(house, series_id)
    async with house.database.tenant(house.org.id) as session:
        challenge = await session.get_one(Challenge, (house.org.id, challenge_id))
        people = await session.scalars(
            select(Assignment.person_id).where(
                Assignment.challenge_id == challenge_id, Assignment.org_id == house.org.id
            )
        )
        assert (challenge.state, challenge.title, list(people)) == ("published", "Again", [story.rep.id])


async def test_what_is_not_due_waits(house: House) -> None:
    story = await make_story(house.org)
    series_id = await put_series(house, story, first_ago=timedelta(minutes=-5))
    await sweeps.post_series(house.context)
    assert await posted(house, series_id) == []


async def test_one_that_cannot_be_posted_keeps_no_other_from_it(house: House) -> None:
    story = await make_story(house.org)
    broken = await put_series(house, story, first_ago=timedelta(minutes=2))
    async with house.database.tenant(house.org.id) as session:
        row = await session.get_one(Series, (house.org.id, broken))
        row.posted = 2**31 - 1  # there is no greater number
    good = await put_series(house, story, first_ago=timedelta(minutes=1))
    await sweeps.post_series(house.context)
    assert (len(await posted(house, broken)), len(await posted(house, good))) == (0, 1)
    async with house.database.tenant(house.org.id) as session:
        mine = Challenge.org_id == house.org.id
        assert await session.scalar(select(func.count()).select_from(Challenge).where(mine)) == 2
