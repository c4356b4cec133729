"""A worker's world: a database and a store of its own, so that no other test's jobs are run, and what to ask of it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, select, text, update

from api.auth import Tokens
from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.jobs.assets import order
from media.jobs.engine import make_app, make_pool
from media.local_store import LocalStorage
from media.storage import Storage, StorageUnavailable
from media.worker import Pace, WorkerContext, run_worker
from models.asset import Asset, Rendition, Upload
from models.base import now
from models.bright_spot import BrightSpot, Consent, Segment
from models.database import Database
from models.event import Event
from models.ids import new_id
from models.migrate import migrate
from models.take import Response
from models.team import Audience
from tests.client import Document
from tests.clips import TOOLS, clip, ffmpeg
from tests.factories.people import OrgKit, new_org
from tests.factories.takes import Story, make_story, make_take
from tests.stores import SECRET

DEADLINE_S = 60.0
FAST = Pace(heartbeat_s=0.5, stalled_s=30.0, reap_s=0.2, sweep_s=0.2, quick_grace_s=10.0, reconnect_s=0.1)

T = TypeVar("T")


def own_database(cluster: EmbeddedPostgres, name: str) -> Urls:
    # A module may be set up twice in one process.
    return cluster.create_database(f"{name}_{new_id().hex}", template=_template(cluster))


@cache
def _template(cluster: EmbeddedPostgres) -> str:
    """Migrate one database for all: to copy it takes a tenth of the time."""
    name = f"migrated_{new_id().hex}"
    urls = cluster.create_database(name)
    migrate(urls.migrate, urls.app)
    return name


def folder_store(folder: Path) -> LocalStorage:
    return LocalStorage(folder, secret=SECRET, public_url="http://testserver")


@cache
def long_clip() -> bytes:
    """Return more than a minute in 720p: nobody makes its ladder in the time a test takes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        ffmpeg("-stream_loop", "20", "-i", str(clip("hd.mp4")), "-c", "copy", str(path))
        return path.read_bytes()


async def eventually(read: Callable[[], Awaitable[T]], holds: Callable[[T], object], what: str = "it") -> T:
    """Return what is read, as soon as it is what is waited for."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = await read()
        if holds(found):
            return found
        assert time.monotonic() < deadline, f"{what} does not happen: {found!r}"
        await asyncio.sleep(0.02)


class Refusing(LocalStorage):
    """A store that is down for the next `times` uploads of keys with this ending, or for ever."""

    def __init__(self, of: Storage, ending: str, times: int | None = None) -> None:
        assert isinstance(of, LocalStorage)
        super().__init__(of.folder, secret=SECRET, public_url="http://testserver")
        self.ending, self.times, self.refused = ending, times, 0

    async def upload(self, path: Path, key: str, content_type: str) -> None:
        if key.endswith(self.ending) and (self.times is None or self.refused < self.times):
            self.refused += 1
            raise StorageUnavailable("The store is down.")
        await super().upload(path, key, content_type)


@dataclass
class House:
    """One organization, its store, and a worker that runs when it is told to."""

    context: WorkerContext
    org: OrgKit

    @property
    def storage(self) -> Storage:
        return self.context.storage

    @property
    def database(self) -> Database:
        return self.context.database

    # What is there

    async def asset(self, id_: UUID) -> Asset:
        async with self.database.tenant(self.org.id) as session:
            return await session.get_one(Asset, (self.org.id, id_))

    async def state(self, id_: UUID) -> str:
        return (await self.asset(id_)).state

    async def renditions(self, id_: UUID) -> dict[str, Rendition]:
        async with self.database.tenant(self.org.id) as session:
            rows = await session.scalars(
                select(Rendition).where(Rendition.org_id == self.org.id, Rendition.asset_id == id_)
            )
            return {row.name: row for row in rows}

    async def events(self, id_: UUID) -> list[str]:
        async with self.database.tenant(self.org.id) as session:
            rows = await session.scalars(
                select(Event.name).where(Event.org_id == self.org.id, Event.subject_id == id_).order_by(Event.at)
            )
            return list(rows)

    async def objects(self, id_: UUID) -> list[str]:
        prefix = keys.asset_prefix(self.org.id, id_)
        return [key.removeprefix(prefix) for key in await self.storage.list_keys(prefix)]

    async def jobs(self) -> list[Row[Any]]:
        async with self.database.without_tenant() as session:
            query = (
                "SELECT id, task_name, status::text, attempts, args, scheduled_at, worker_id FROM procrastinate_jobs"
            )
            return list((await session.execute(text(f"{query} ORDER BY id"))).all())

    async def statuses(self) -> list[tuple[str, str, int]]:
        """Return `(task, status, attempts)` of each job there is; those that succeeded are gone."""
        return [(job.task_name, job.status, job.attempts) for job in await self.jobs()]

    # What is done

    async def upload(self, source: str | bytes, **values: Any) -> UUID:
        """Bring a clip of CLIPS, or bytes, as far as a completed upload does: `processing`, its job deferred."""
        data = source if isinstance(source, bytes) else clip(source).read_bytes()
        id_ = await self.put_asset("processing", processing_at=now())
        await self.storage.put_bytes(keys.source(self.org.id, id_), data, "video/mp4")
        async with self.database.tenant(self.org.id) as session:
            asset = await session.get_one(Asset, (self.org.id, id_))
            session.add(completed(asset, len(data), **values))
            session.info["request_id"] = "request-of-the-test"
            await order(session, "process_asset", id_)
        return id_

    async def put_asset(self, state: str, **values: Any) -> UUID:
        owner_id = values.pop("owner_id", None) or (await self.org.person()).id
        row = Asset(org_id=self.org.id, owner_id=owner_id, state=state, **{"purpose": "response", **values})
        async with self.database.tenant(self.org.id) as session:
            session.add(row)
        return row.id

    async def order(self, task: str, id_: UUID) -> None:
        async with self.database.tenant(self.org.id) as session:
            await order(session, task, id_)

    async def set(self, id_: UUID, **values: Any) -> None:
        async with self.database.tenant(self.org.id) as session:
            asset = await session.get_one(Asset, (self.org.id, id_))
            for name, value in values.items():
                setattr(asset, name, value)

    async def drain(self, context: WorkerContext | None = None) -> None:
        """Run jobs until none is due, those included that they defer; what is to be tried again is due later."""
        app, _ = make_app(context or self.context)
        async with make_pool(self.context.database_url) as pool, app.open_async(pool):
            while await self._due():
                await app.run_worker_async(
                    wait=False, listen_notify=False, install_signal_handlers=False, delete_jobs="successful"
                )

    async def _due(self) -> bool:
        async with self.database.without_tenant() as session:
            query = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
            return bool(await session.scalar(text(f"{query} AND coalesce(scheduled_at, now()) <= now()")))

    async def run_again(self, context: WorkerContext | None = None) -> None:
        """Let the time pass until the next tries, and run them."""
        await self.sql("UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 s' WHERE status = 'todo'")
        await self.drain(context)

    async def sql(self, statement: str, **values: Any) -> Any:
        async with self.database.without_tenant() as session:
            found: Any = await session.execute(text(statement), values)
            return found.scalar() if found.returns_rows else None

    async def leave_behind(self, task: str, id_: UUID, *, attempts: int) -> int:
        """Put a job into the state that a worker leaves it in when it is killed, and return its id."""
        await self.order(task, id_)
        worker = await self.sql(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '5 minutes') RETURNING id"
        )
        job: int = await self.sql(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker, attempts = :attempts"
            " WHERE task_name = :task AND args ->> 'asset_id' = :id RETURNING id",
            worker=worker,
            attempts=attempts,
            task=task,
            id=str(id_),
        )
        return job

    @asynccontextmanager
    async def working(
        self, context: WorkerContext | None = None, *, quick_slots: int = 2, long_slots: int = 1, pace: Pace = FAST
    ) -> AsyncGenerator[asyncio.Event]:
        """Run a real worker until the event is set, or the block ends."""
        stop = asyncio.Event()
        running = asyncio.create_task(
            run_worker(context or self.context, quick_slots=quick_slots, long_slots=long_slots, stop=stop, pace=pace)
        )
        try:
            yield stop
        finally:
            stop.set()
            await running


async def hand_in(house: House, *assets: UUID) -> tuple[Story, UUID]:
    """Make a submitted take whose responses are these assets."""
    story = await make_story(house.org, prompts=len(assets))
    take_id = await make_take(story)
    async with house.database.tenant(house.org.id) as session:
        for prompt_id, asset_id in zip(story.prompts, assets, strict=True):
            await session.execute(
                update(Response)
                .where(Response.org_id == house.org.id, Response.take_id == take_id, Response.prompt_id == prompt_id)
                .values(asset_id=asset_id)
            )
    return story, take_id


async def make_bright_spot(
    house: House, story: Story, take_id: UUID, ranges: Sequence[tuple[int, int, int]], *, state: str = "ready"
) -> tuple[UUID, UUID]:
    """Make one of `(prompt, start_ms, end_ms)` segments with its consent; return it and its clip, `processing`."""
    org_id = house.org.id
    audience = Audience(org_id=org_id)
    spot = BrightSpot(
        org_id=org_id,
        maker_id=story.manager.id,
        title="A good opening",
        kind="positioning",
        state=state,
        audience_id=audience.id,
    )
    clip_id = await house.put_asset("processing", purpose="clip", owner_id=story.manager.id)
    async with house.database.tenant(org_id) as session:
        session.add(audience)
        await session.flush()
        session.add(spot)
        await session.flush()
        session.add_all(
            Segment(
                org_id=org_id,
                bright_spot_id=spot.id,
                position=place,
                take_id=take_id,
                prompt_id=story.prompts[prompt],
                person_id=story.rep.id,
                start_ms=start,
                end_ms=end,
            )
            for place, (prompt, start, end) in enumerate(ranges)
        )
        consent = {"person_id": story.rep.id, "cut": 1, "granted": True}
        session.add(Consent(org_id=org_id, bright_spot_id=spot.id, **consent))
        spot.clip_asset_id = clip_id
        (await session.get_one(Asset, (org_id, clip_id))).bright_spot_id = spot.id
    return spot.id, clip_id


def completed(asset: Asset, size_bytes: int, **values: Any) -> Upload:
    return Upload(
        org_id=asset.org_id,
        asset_id=asset.id,
        person_id=asset.owner_id,
        filename="talk.mp4",
        content_type="video/mp4",
        size_bytes=max(1, size_bytes),
        part_size_bytes=8 << 20,
        part_count=1,
        **{"state": "completed", "completed_at": now(), "expires_at": now() + timedelta(days=7), **values},
    )


@asynccontextmanager
async def a_house(urls: Urls, storage: Storage, folder: Path) -> AsyncGenerator[House]:
    """Open a house on a queue that is empty."""
    database = Database(urls.app)
    context = WorkerContext(
        database=database,
        database_url=urls.app,
        storage=storage,
        tools=TOOLS,
        work_dir=folder / "work",
        secret=SECRET,
        base_url="http://testserver",
        smtp_url="",
        mail_from="Showme <showme@localhost>",
        max_duration_ms=60_000,
    )
    made = await new_org(urls.migrate)
    org = OrgKit(made.id, made.slug, database, Tokens(SECRET), Document({"paths": {}}), None)
    house = House(context, org)
    await house.sql("DELETE FROM procrastinate_jobs")
    await house.sql("DELETE FROM procrastinate_workers")
    try:
        yield house
    finally:
        for client in org.clients:
            await client.aclose()
        await database.dispose()
