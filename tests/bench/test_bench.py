"""The bench asks for what is there: its data is valid, and each of its requests is answered."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import httpx

from api.app import create_app
from api.auth import Caller, Tokens
from api.embedded import EmbeddedPostgres
from api.parts import Parts
from api.settings import Settings
from media.storage import Storage
from models.database import Database
from tests.bench.data import Scale, make_world
from tests.bench.reads import KINDS
from tests.conftest import SECRET
from tests.factories.jobs import own_database

SMALL = Scale(orgs=3, people=48, challenges=3, bright_spots=12, reps_a_team=3)


async def test_each_read_of_the_bench_finds_something(
    cluster: EmbeddedPostgres, settings: Settings, storage: Storage
) -> None:
    urls = await asyncio.to_thread(own_database, cluster, "of_the_bench")
    world, database, tokens = await make_world(urls.migrate, SMALL), Database(urls.app), Tokens(SECRET)
    app: Any = create_app(
        Parts(replace(settings, database_url=urls.app, migrate_url=urls.migrate), database, storage, SECRET)
    )
    found = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        for kind, make in KINDS.items():
            asks = make(world, random.Random(1))[:8]
            bearers = [tokens.issue(Caller(ask.who.org_id, ask.who.person_id, ask.who.session_id)) for ask in asks]
            answers = [
                await client.get(ask.path, headers={"authorization": f"Bearer {bearer}"})
                for ask, bearer in zip(asks, bearers, strict=True)
            ]
            assert {answer.status_code for answer in answers} == {200}
            found[kind] = any(body.get("items", body.get("skills", "id" in body)) for body in map(_body, answers))
    await database.dispose()
    assert found == dict.fromkeys(KINDS, True)


def _body(answer: httpx.Response) -> dict[str, object]:
    body: dict[str, object] = answer.json()
    return body
