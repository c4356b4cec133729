"""The audit of practice takes finds each way in which a row could show one, and finds nothing where all is well."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset
from models.audits import _practice_questions, practice_seen, practice_seen_anywhere
from models.base import now
from models.challenge import Assignment, Prompt
from models.critique import Critique, Moment
from models.event import Event, EventRecipient
from models.ids import new_id
from models.take import Response, Take
from tests.factories.people import OrgKit
from tests.factories.takes import Story, make_asset, make_story, make_take


class UndoneError(Exception):
    """What was written so far is not to stay."""


@asynccontextmanager
async def undone(story: Story) -> AsyncIterator[AsyncSession]:
    """Open a transaction of which nothing stays: no other test is to find what is broken here."""
    with suppress(UndoneError):
        async with story.database.tenant(story.org.id) as session:
            yield session
            raise UndoneError


@pytest.fixture
async def story(org: OrgKit) -> Story:
    return await make_story(org)


async def practised(story: Story) -> Take:
    take_id = await make_take(story, "draft", practice=True)
    await make_take(story)
    async with story.database.tenant(story.org.id) as session:
        return await session.get_one(Take, (story.org.id, take_id))


async def response_to(session: AsyncSession, take: Take) -> Response:
    query = select(Response).where(Response.org_id == take.org_id, Response.take_id == take.id)
    return (await session.scalars(query)).one()


async def critique_it(session: AsyncSession, story: Story, take: Take) -> str:
    session.add(
        Critique(
            org_id=take.org_id,
            take_id=take.id,
            reviewer_id=story.manager.id,
            perspective="manager",
            rubric_version_id=story.rubric_version_id,
        )
    )
    return "practice: critique.take_id"


async def remark_on_it(session: AsyncSession, story: Story, take: Take) -> str:
    at = {"take_id": take.id, "prompt_id": story.prompts[0], "author_id": story.manager.id}
    session.add(Moment(org_id=take.org_id, start_ms=0, body="Here", tone="strength", **at))
    return "practice: moment.take_id"


async def wait_for_it(session: AsyncSession, story: Story, take: Take) -> str:
    row = (Assignment.org_id == take.org_id) & (Assignment.id == story.assignment_id)
    await session.execute(update(Assignment).where(row).values(current_take_id=take.id))
    return "practice: assignment.current_take_id"


async def open_it(session: AsyncSession, story: Story, take: Take) -> str:
    del story
    row = (Take.org_id == take.org_id) & (Take.id == take.id)
    await session.execute(update(Take).where(row).values(opened_at=now()))
    return "practice: take"


async def ask_with_its_video(session: AsyncSession, story: Story, take: Take) -> str:
    prompt = await session.get_one(Prompt, (take.org_id, story.prompts[0]))
    prompt.asset_id = (await response_to(session, take)).asset_id
    return "practice: prompt.asset_id"


async def answer_with_another_s(session: AsyncSession, story: Story, take: Take) -> str:
    asset = await session.get_one(Asset, (take.org_id, (await response_to(session, take)).asset_id))
    asset.owner_id = story.manager.id
    return "practice: response.asset_id"


async def tell_its_team(session: AsyncSession, story: Story, take: Take) -> str:
    session.add(
        Event(org_id=take.org_id, subject_id=take.id, name="take.x", person_id=story.rep.id, team_id=story.team_id)
    )
    return "practice: event"


async def tell_another(session: AsyncSession, story: Story, take: Take) -> str:
    session.add(Event(org_id=take.org_id, subject_id=take.id, name="take.x", person_id=story.manager.id))
    return "practice: event"


async def tell_one_by_name(session: AsyncSession, story: Story, take: Take) -> str:
    event = Event(org_id=take.org_id, id=new_id(), subject_id=take.id, name="take.x", person_id=story.rep.id)
    session.add(event)
    await session.flush()
    at = {"event_id": event.id, "event_at": event.at, "person_id": story.manager.id}
    session.add(EventRecipient(org_id=take.org_id, **at))
    return "practice: event_recipient"


BREACHES: list[Callable[..., Any]] = [
    critique_it,
    remark_on_it,
    wait_for_it,
    open_it,
    ask_with_its_video,
    answer_with_another_s,
    tell_its_team,
    tell_another,
    tell_one_by_name,
]


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
async def test_it_finds(story: Story, breach: Callable[..., Any]) -> None:
    take = await practised(story)
    async with undone(story) as session:
        assert await practice_seen(session, story.org.id) == []
        what = await breach(session, story, take)
        await session.flush()
        found = await practice_seen(session, story.org.id)
        assert [(one.org_id, one.what) for one in found] == [(story.org.id, what)]


async def test_what_was_handed_in_is_none_of_its_business(story: Story) -> None:
    take_id = await make_take(story)
    async with undone(story) as session:
        take = await session.get_one(Take, (story.org.id, take_id))
        for breach in (critique_it, remark_on_it, wait_for_it, open_it, tell_its_team, tell_one_by_name):
            await breach(session, story, take)
        await session.flush()
        assert await practice_seen(session, story.org.id) == []


async def test_a_practice_video_that_then_counts_is_no_finding(org: OrgKit, story: Story) -> None:
    take = await practised(story)
    counted = await make_take(story, number=2)
    async with org.database.tenant(org.id) as session:
        asset_id = (await response_to(session, take)).asset_id
        theirs = (Response.org_id == org.id) & (Response.take_id == counted)
        await session.execute(update(Response).where(theirs).values(asset_id=asset_id))
        assert await practice_seen(session, org.id) == []


async def test_it_asks_every_table_that_knows_of_takes_or_videos(story: Story) -> None:
    asked = " ".join(str(question) for question in _practice_questions(story.org.id))
    for table in ("critique", "moment", "assignment", "segment", "skill_observation", "model_answer", "attachment"):
        assert f"FROM {table}" in asked


async def test_all_organizations_are_asked(story: Story) -> None:
    take = await practised(story)
    await make_asset(story.org, story.rep.id)
    async with story.database.tenant(story.org.id) as session:
        await open_it(session, story, take)
    found = await practice_seen_anywhere(story.database)
    assert ("practice: take", take.id) in [(one.what, one.id) for one in found]
    async with story.database.tenant(story.org.id) as session:
        row = (Take.org_id == take.org_id) & (Take.id == take.id)
        await session.execute(update(Take).where(row).values(opened_at=None))
