from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.app import create_app
from api.openapi.routes import cached
from api.parts import Parts
from media.storage import open_storage
from models.database import Database
from tests.client import Client, Document
from tests.conftest import SECRET


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that does not answer."""
    database = Database("postgresql+asyncpg://nobody:x@127.0.0.1:1/none")
    yield database
    await database.dispose()


async def test_a_server_that_runs_is_live_and_ready(anonymous: Client) -> None:
    assert (await anonymous.get("/health/live")).json()["status"] == "ok"
    ready = await anonymous.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok", "store": "ok"})


async def test_it_says_which_part_is_down(parts: Parts, nowhere: Database) -> None:
    app = create_app(replace(parts, database=nowhere))
    async with Client(app, Document(cached(app))) as client:
        ready = await client.get("/health/ready")
        live = await client.get("/health/live")
    assert (ready.status_code, ready.json()["status"]) == (503, "down")
    assert ready.json()["parts"]["database"].startswith("down: ")
    assert ready.json()["parts"]["store"] == "ok"
    assert live.status_code == 200


async def test_a_store_that_is_gone_is_said(parts: Parts, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    storage = open_storage(f"file:{folder}", secret=SECRET, public_url="http://testserver")
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_text("a file where the folder was")
    app = create_app(replace(parts, storage=storage))
    async with Client(app, Document(cached(app))) as client:
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "ok")
    assert ready.json()["parts"]["store"].startswith("down: ")


async def test_each_answer_carries_a_request_id_the_clients_own_if_it_is_sane(anonymous: Client) -> None:
    assert (await anonymous.get("/health/live", headers={"x-request-id": "phone-17"})).headers[
        "x-request-id"
    ] == "phone-17"
    made = (await anonymous.get("/health/live", headers={"x-request-id": "no good\x7f"})).headers["x-request-id"]
    assert len(made) == 32


async def test_a_path_nobody_knows_is_a_problem(anonymous: Client) -> None:
    answer = await anonymous.get("/v1/nothing-here")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert answer.json()["request_id"]


async def test_a_method_nobody_knows_is_a_problem(anonymous: Client) -> None:
    answer = await anonymous.delete("/health/live")
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")


async def test_while_the_database_is_away_a_client_is_told_to_come_back(parts: Parts, nowhere: Database) -> None:
    app = create_app(replace(parts, database=nowhere))
    async with Client(app, Document(cached(app))) as client:
        body = {"org": "acme", "email": "robin@example.com", "password": "a password"}
        answer = await client.post("/v1/auth/sign-in", json=body)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after_s"] > 0
