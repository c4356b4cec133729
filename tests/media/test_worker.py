import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from api.embedded import EmbeddedPostgres, Urls
from media.jobs.process_asset import process_asset
from media.jobs.work_dir import own_folder
from media.local_store import LocalStorage
from media.storage import Storage
from media.worker import WorkerContext
from tests.factories.jobs import FAST, House, eventually, long_clip, own_database
from tests.stores import SECRET

READY = {"ready"}


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_worker")


class Gate(LocalStorage):
    """A store that holds downloads of one asset back until the gate is opened."""

    def __init__(self, of: Storage) -> None:
        assert isinstance(of, LocalStorage)
        super().__init__(of.folder, secret=SECRET, public_url="http://testserver")
        self.gated: set[str] = set()
        self.waiting, self.opened = asyncio.Event(), asyncio.Event()

    async def download(self, key: str, path: Path, *, sha256: bool = False) -> str | None:
        if any(part in self.gated for part in key.split("/")):
            self.waiting.set()
            await self.opened.wait()
        return await super().download(key, path, sha256=sha256)


def gated(house: House) -> tuple[Gate, WorkerContext]:
    gate = Gate(house.storage)
    return gate, replace(house.context, storage=gate, max_duration_ms=600_000)


async def test_a_running_worker_makes_an_upload_ready(house: House) -> None:
    async with house.working():
        id_ = await house.upload("plain.mp4")
        await eventually(lambda: house.state(id_), READY.__contains__)
        await eventually(house.statuses, [].__eq__)


async def test_a_job_starts_at_once_and_says_so_under_its_request(house: House) -> None:
    with capture_logs(processors=[merge_contextvars]) as said:
        async with house.working():
            await eventually(lambda: house.sql("SELECT count(*) FROM procrastinate_workers"), (3).__eq__)
            id_ = await house.upload("text.mp4")
            await eventually(lambda: house.state(id_), {"failed"}.__contains__)
    lines = [line for line in said if line.get("task") == "process_asset"]
    assert [line["event"] for line in lines] == ["job started", "job failed for good", "job ended"]
    assert {line["request_id"] for line in lines} == {"request-of-the-test"}
    assert lines[0]["asset_id"] == str(id_)
    assert lines[2]["ms"] > 0


async def test_a_quick_job_starts_while_every_long_slot_is_taken(house: House) -> None:
    gate, context = gated(house)
    busy, quick = await house.upload("plain.mp4"), await house.upload("plain.mp4")
    await process_asset(house.context, house.org.id, busy)
    await house.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'process_asset'")
    gate.gated = {str(busy)}
    async with house.working(context, long_slots=1):
        await asyncio.wait_for(gate.waiting.wait(), 30)
        await house.order("process_asset", quick)
        await eventually(lambda: house.state(quick), {"playable"}.__contains__)
        assert await house.state(busy) == "playable"
        gate.opened.set()


async def test_what_nothing_plays_without_starts_while_every_long_slot_is_taken(house: House) -> None:
    gate, context = gated(house)
    busy = await house.upload("plain.mp4")
    await process_asset(house.context, house.org.id, busy)
    await house.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'process_asset'")
    gate.gated = {str(busy)}
    async with house.working(context, long_slots=1):
        await asyncio.wait_for(gate.waiting.wait(), 30)
        first = await house.upload("hevc.mp4")
        await eventually(lambda: house.state(first), {"playable"}.__contains__)
        assert await house.state(busy) == "playable"
        gate.opened.set()


async def test_a_stop_hands_a_long_job_back_at_once_and_leaves_no_process(house: House) -> None:
    context = replace(house.context, max_duration_ms=600_000)
    async with house.working(context) as stop:
        id_ = await house.upload(long_clip())
        await eventually(_encoding, bool, "a ladder")
        started = time.monotonic()
        stop.set()
    assert time.monotonic() - started < 10
    assert await _encoding() == []
    assert await house.statuses() == [("make_ladder", "todo", 0)]
    assert (await house.state(id_), list(context.work_dir.glob("worker-*"))) == ("playable", [])
    assert await house.sql("SELECT count(*) FROM procrastinate_workers") == 0


async def test_a_job_handed_back_is_taken_up_by_the_next_worker(house: House) -> None:
    gate, context = gated(house)
    id_ = await house.upload("plain.mp4")
    gate.gated = {str(id_)}
    async with house.working(context, pace=replace(FAST, quick_grace_s=0.0)):
        await asyncio.wait_for(gate.waiting.wait(), 30)
    assert await house.statuses() == [("process_asset", "todo", 0)]
    async with house.working():
        await eventually(lambda: house.state(id_), READY.__contains__)


async def test_a_stop_lets_quick_jobs_end_and_takes_no_new_one(house: House) -> None:
    gate, context = gated(house)
    running, waiting = await house.upload("plain.mp4"), await house.upload("plain.mp4")
    gate.gated = {str(running)}
    async with house.working(context, quick_slots=1) as stop:
        await asyncio.wait_for(gate.waiting.wait(), 30)
        stop.set()
        gate.opened.set()
    assert (await house.state(running), await house.state(waiting)) == ("playable", "processing")
    assert await house.statuses() == [("process_asset", "todo", 0), ("make_ladder", "todo", 0)]


async def test_two_workers_share_one_queue(house: House, tmp_path: Path) -> None:
    ids = [await house.upload("silent.mp4") for _ in range(4)]
    async with house.working(), house.working(replace(house.context, work_dir=tmp_path / "other")):
        for id_ in ids:
            await eventually(lambda id_=id_: house.state(id_), READY.__contains__)  # type: ignore[misc]  # a default binds it now
        await eventually(house.statuses, [].__eq__)


async def test_a_worker_outlives_the_loss_of_its_connections(house: House) -> None:
    async with house.working():
        before = await house.upload("silent.mp4")
        await eventually(lambda: house.state(before), READY.__contains__)
        await _break_all_connections(house)
        after = await house.upload("silent.mp4")
        await eventually(lambda: house.state(after), READY.__contains__)


async def test_a_worker_outlives_a_database_that_is_away_for_a_while(house: House, own_urls: Urls) -> None:
    with capture_logs() as said:
        async with house.working():
            await eventually(lambda: house.sql("SELECT count(*) FROM procrastinate_workers"), (3).__eq__)
            await _let_in(own_urls, allowed=False)
            try:
                await eventually(lambda: _count(said, "the queue was lost, trying again"), bool)
            finally:
                await _let_in(own_urls, allowed=True)
            id_ = await house.upload("silent.mp4")
            await eventually(lambda: house.state(id_), READY.__contains__)


async def _let_in(urls: Urls, *, allowed: bool) -> None:
    """Let the database take connections, or end those there are and take no more."""
    url = make_url(urls.superuser)
    engine = create_async_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS {allowed}'))
        if not allowed:
            end = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            await connection.execute(end, {"name": url.database})
    await engine.dispose()


async def test_a_worker_waits_for_a_database_that_is_not_there(house: House) -> None:
    nowhere = replace(house.context, database_url=house.context.database_url + "-that-is-not-there")
    started = time.monotonic()
    with capture_logs() as said:
        async with house.working(nowhere) as stop:
            await eventually(lambda: _count(said, "the queue was lost, trying again"), bool)
            stop.set()
    assert time.monotonic() - started < 20


async def test_a_wrong_mail_server_ends_the_worker_before_it_begins(house: House) -> None:
    with pytest.raises(ValueError, match="must begin with smtp://"):
        async with house.working(replace(house.context, smtp_url="mail.example.com")):
            pass


async def test_what_a_dead_worker_left_is_removed_and_a_living_one_is_let_be(tmp_path: Path) -> None:
    dead = tmp_path / "work" / "worker-dead" / "job-1"
    dead.mkdir(parents=True)
    (dead / "source.bin").write_bytes(b"bytes")
    async with own_folder(tmp_path / "work") as first:
        (first / "source.bin").write_bytes(b"bytes")
        assert not dead.parent.exists()
        async with own_folder(tmp_path / "work") as second:
            assert first != second
            assert (first / "source.bin").exists()
        assert not second.exists()
    assert not first.exists()


async def _count(said: list[EventDict], event: str) -> int:
    return sum(1 for line in said if line["event"] == event)


async def _encoding() -> list[int]:
    """Return the children of this process that are an ffmpeg with a ladder."""
    return await asyncio.to_thread(_ladders)


def _ladders() -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv, status = (folder / "cmdline").read_bytes(), (folder / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if b"var_stream_map" in argv and status.rpartition(") ")[2].split()[1] == str(os.getpid()):
            found.append(int(folder.name))
    return found


async def _break_all_connections(house: House) -> None:
    await house.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )
