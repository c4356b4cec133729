"""The stream of changes: as they happen, none lost between two connections, and it ends when it must."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

import api.auth
import api.changes.hub
import api.changes.stream
from api.auth import Caller
from api.changes.hub import Hub
from api.embedded import Urls
from api.parts import Parts
from models.feed import Cursor
from models.hints import GATHER_S, MOST, Hints, orgs_of
from models.ids import new_id
from tests.factories.people import OrgKit, Somebody
from tests.factories.postgres import write
from tests.factories.streams import DEADLINE_S, served, streaming
from tests.factories.takes import Story, make_story, started, submitted


@pytest.fixture
async def url(app: Litestar) -> AsyncIterator[str]:
    async with served(app) as address:
        yield address


@pytest.fixture
async def story(org: OrgKit) -> Story:
    return await make_story(org)


def token(who: Somebody) -> str:
    return str(who.client.headers["authorization"])


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for gives no event
            await asyncio.sleep(0.01)


async def test_what_happens_comes_as_it_happens_to_those_it_is_for(url: str, story: Story) -> None:
    async with streaming(url, token(story.rep)) as rep, streaming(url, token(story.manager)) as manager:
        take = await submitted(story)
        of_rep = [await rep.change() for _ in range(4)]
        assert of_rep[0]["type"] == "take.draft"
        of_manager = [await manager.change()]
        while of_manager[-1]["type"] != "take.submitted":
            of_manager.append(await manager.change())
    assert of_manager[-1]["subject"] == {"kind": "take", "id": take["id"]}
    assert "take.draft" not in [one["type"] for one in of_manager]
    listed = (await story.rep.client.get("/v1/me/changes", params={"limit": 100})).json()["items"]
    assert [one for one in listed if one["id"] in {change["id"] for change in of_rep}] == of_rep


async def test_who_comes_back_has_missed_nothing_and_hears_nothing_twice(url: str, story: Story) -> None:
    async with streaming(url, token(story.rep)) as blocks:
        await started(story)
        first = await blocks.change()
        last_id = blocks.last_id
    await started(story, practice=True)
    async with streaming(url, token(story.rep), last_id) as blocks:
        rest = [await blocks.change() for _ in range(2)]
    assert [first["type"], *[one["type"] for one in rest]] == ["take.draft", "assignment.in_progress", "take.draft"]
    assert len({one["id"] for one in [first, *rest]}) == 3


async def test_a_stream_without_a_place_begins_now(url: str, story: Story) -> None:
    await started(story)
    async with streaming(url, token(story.rep)) as blocks:
        await started(story, practice=True)
        assert (await blocks.change())["type"] == "take.draft"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await blocks.change()


async def test_a_place_that_is_none_or_too_old_is_a_problem_and_no_stream(url: str, story: Story) -> None:
    old = str(Cursor(5, UUID(int=0), datetime(2020, 1, 1, tzinfo=UTC), 1))
    async with httpx.AsyncClient(base_url=url, headers={"authorization": token(story.rep)}) as client:
        for said, status, kind in (("nowhere", 422, "invalid"), (old, 410, "cursor-too-old")):
            answer = await client.get("/v1/events", headers={"last-event-id": said})
            assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
        assert answer.json()["latest"]
        refused = await client.get("/v1/events", headers={"authorization": "Bearer nobody"})
        assert refused.status_code == 401


async def test_a_hint_brings_it_at_once(url: str, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.changes.hub, "POLL_S", 600.0)
    monkeypatch.setattr(api.changes.stream, "HEARTBEAT_S", 600.0)
    async with streaming(url, token(story.rep)) as blocks:
        await started(story)
        assert (await blocks.change())["type"] == "take.draft"


async def test_without_hints_it_comes_a_little_later(
    app: Litestar, parts: Parts, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler: nobody listens there."""
    monkeypatch.setattr(api.changes.stream, "HEARTBEAT_S", 600.0)
    monkeypatch.setattr(api.changes.hub, "POLL_S", 0.05)
    pooled = replace(parts.settings, database_pooler="transaction", direct_url="")
    monkeypatch.setitem(app.state, "hub", Hub(parts.database, pooled))
    async with served(app) as url, streaming(url, token(story.rep)) as blocks:
        await started(story)
        assert (await blocks.change())["type"] == "take.draft"


async def test_the_connection_for_hints_is_made_anew(
    url: str, urls: Urls, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.changes.hub, "POLL_S", 600.0)
    monkeypatch.setattr(api.changes.hub, "AGAIN_S", 0.05)
    monkeypatch.setattr(api.changes.stream, "HEARTBEAT_S", 600.0)
    async with streaming(url, token(story.rep)) as blocks:
        await started(story)
        assert (await blocks.change())["type"] == "take.draft"
        write(urls.superuser, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
        await started(story, practice=True)
        assert [(await blocks.change())["type"] for _ in range(2)] == ["assignment.in_progress", "take.draft"]


async def test_it_says_that_it_lives(url: str, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.changes.stream, "HEARTBEAT_S", 0.05)
    async with streaming(url, token(story.rep)) as blocks:
        reading = asyncio.create_task(blocks.change())
        await until(lambda: blocks.comments >= 3)
        await started(story)
        assert (await reading)["type"] == "take.draft"


async def test_it_ends_when_the_token_does(
    url: str, org: OrgKit, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.auth, "ACCESS_LIFE", timedelta(seconds=2))
    async with org.database.tenant(org.id) as session:
        session_id = await session.scalar(
            text("SELECT id FROM session WHERE org_id = :org AND person_id = :who"),
            {"org": org.id, "who": story.rep.id},
        )
    short = org.tokens.issue(Caller(org.id, story.rep.id, session_id))
    async with streaming(url, f"Bearer {short}") as blocks:
        assert await blocks.end() == "token-expired"


async def test_it_ends_when_its_caller_signs_out(url: str, story: Story) -> None:
    async with streaming(url, token(story.rep)) as blocks:
        assert (await story.rep.client.post("/v1/auth/sign-out")).status_code == 204
        assert await blocks.end() == "signed-out"


async def test_the_server_ends_it_before_it_ends_itself(app: Litestar, story: Story) -> None:
    async with served(app) as url, streaming(url, token(story.rep)) as blocks:
        app.state.draining = True
        assert await blocks.end() == "shutdown"
        async with httpx.AsyncClient(base_url=url, headers={"authorization": token(story.rep)}) as client:
            answer = await client.get("/v1/events")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


async def test_of_too_many_of_one_person_the_oldest_ends(
    app: Litestar, url: str, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.changes.hub, "MOST_PER_PERSON", 2)
    async with (
        streaming(url, token(story.manager)),
        streaming(url, token(story.rep)) as first,
        streaming(url, token(story.rep)) as second,
        streaming(url, token(story.rep)),
    ):
        assert await first.end() == "replaced"
        await started(story)
        assert (await second.change())["type"] == "take.draft"
        await until(lambda: app.state.hub.count == 3)


async def test_who_goes_away_leaves_nothing_behind(app: Litestar, url: str, story: Story) -> None:
    async with streaming(url, token(story.rep)):
        assert app.state.hub.count == 1
    await until(lambda: app.state.hub.count == 0)
    await until(lambda: not app.state.hub.reads)
    async with streaming(url, token(story.rep)) as blocks:
        await started(story)
        assert (await blocks.change())["type"] == "take.draft"


async def test_a_burst_of_commits_is_hinted_at_together() -> None:
    said: list[str] = []

    async def notify(payload: str) -> None:
        said.append(payload)

    hints, orgs = Hints(notify), [new_id() for _ in range(3)]
    for _ in range(50):
        for org_id in orgs:
            hints.give(org_id)
        await asyncio.sleep(0)
    await asyncio.sleep(GATHER_S * 3)
    assert len(said) == 2
    assert [orgs_of(one) for one in said] == [frozenset(orgs)] * 2
    for _ in range(MOST + 1):
        hints.give(new_id())
    await until(lambda: len(said) == 3)
    assert orgs_of(said[-1]) is None
    await hints.close()
