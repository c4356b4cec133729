"""Where a phone is tried out: an API in this process over a store, quick jobs when they are due, a rep a run."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from sqlalchemy import select

from api.accounts.passwords import hash_password
from api.app import create_app
from api.openapi.routes import cached
from api.parts import Parts
from api.settings import Settings
from media.jobs.engine import make_app, make_pool
from media.storage import MIN_PART_BYTES, Storage
from models.asset import Asset, Upload
from models.ids import new_id
from models.person import Person
from models.take import Response, Take
from models.team import Membership
from tests.client import Document
from tests.clips import clip
from tests.conftest import SECRET
from tests.factories.challenges import Cast, make_cast, published
from tests.factories.jobs import House
from tests.phone.phone import Account, Phone, sha256_of
from tests.phone.saved import Saved
from tests.phone.wire import Killed, TurnedClock, Wire
from tests.stores import NO_TLS

PASSWORD = "a long password"


def recording(path: Path, number: int = 0) -> Path:
    """Write a small video of two parts: what players skip fills it up, and tells one recording from another."""
    filler = number.to_bytes(4, "big") * (MIN_PART_BYTES // 4 + 5000)
    box = (len(filler) + 8).to_bytes(4, "big") + b"free" + filler
    path.write_bytes(clip("plain.mp4").read_bytes() + box)
    return path


@dataclass
class Rep:
    """Somebody with one thing in the inbox."""

    account: Account
    id: UUID


@dataclass
class World:
    """An organization, its API, and the folder in which its phones keep what they save."""

    house: House
    app: Litestar
    document: Document
    cast: Cast
    password_hash: str
    folder: Path
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    async def rep(self) -> Rep:
        """Make a rep, and assign a challenge to them."""
        org = self.cast.org
        row = Person(
            org_id=org.id,
            email=f"{new_id().hex}@example.com",
            name="Robin Rep",
            state="active",
            password_hash=self.password_hash,
        )
        async with org.database.tenant(org.id) as session:
            session.add(row)
            await session.flush()
            session.add(Membership(org_id=org.id, team_id=self.cast.team_id, person_id=row.id, role="rep"))
        await published(self.cast, audience={"person_ids": [str(row.id)]})
        return Rep(Account(org.slug, row.email, PASSWORD), row.id)

    def wire(self) -> Wire:
        app: Any = self.app  # the two libraries write the same types in other words
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        mounts = {"http://testserver": transport}
        client = httpx.AsyncClient(base_url="http://testserver", mounts=mounts, timeout=30, verify=NO_TLS)
        self.clients.append(client)
        return Wire(client, checked=self._check)

    def _check(self, answer: httpx.Response) -> None:
        self.document.check(answer.request.method, answer.request.url.path, answer)

    def phone(
        self,
        rep: Rep,
        video: Path,
        *,
        saved: Path,
        wire: Wire | None = None,
        clock: TurnedClock | None = None,
    ) -> Phone:
        wire, clock = wire or self.wire(), clock or TurnedClock()
        return Phone(saved, video, rep.account, wire, clock=clock, wait=self.work)

    async def work(self) -> None:
        """Run the quick jobs that are due; a ladder is none of a phone's business."""
        app, _ = make_app(self.house.context)
        async with make_pool(self.house.context.database_url) as pool, app.open_async(pool):
            await app.run_worker_async(
                queues=["quick"],
                wait=False,
                listen_notify=False,
                install_signal_handlers=False,
                delete_jobs="successful",
            )

    async def check(self, rep: Rep, *videos: Path) -> None:
        """Fail unless exactly one take was submitted, with one of these videos, and nothing else is left open."""
        org = self.cast.org
        async with org.database.tenant(org.id) as session:
            takes = (await session.scalars(select(Take).where(Take.org_id == org.id, Take.person_id == rep.id))).all()
            assert [take.state for take in takes] == ["submitted"]
            rows = await session.scalars(
                select(Asset)
                .join(Response, (Response.org_id == Asset.org_id) & (Response.asset_id == Asset.id))
                .where(Response.org_id == org.id, Response.take_id == takes[0].id)
            )
            [asset] = rows.all()
            others = await session.scalars(
                select(Asset.state).where(
                    Asset.org_id == org.id, Asset.owner_id == rep.id, Asset.id != asset.id, Asset.state != "deleted"
                )
            )
            uploads = await session.scalars(
                select(Upload).where(Upload.org_id == org.id, Upload.person_id == rep.id, Upload.state == "open")
            )
            assert (list(others), list(uploads)) == ([], [])
        assert asset.state == "playable"
        assert asset.sha256 in [sha256_of(video.read_bytes()) for video in videos]

    async def live(
        self,
        rep: Rep,
        video: Path,
        deaths: list[int],
        *,
        wipe: bool = False,
        before: Callable[[Wire], Any] | None = None,
    ) -> tuple[Saved, list[str]]:
        """Let a phone live and die: after that many calls of each life. Return what it saved, and all calls made."""
        made: list[str] = []
        saved = self.folder / f"{rep.id}.json"
        for last_call in [*deaths, None]:
            wire = self.wire()
            wire.last_call = last_call
            phone = self.phone(rep, video, saved=saved, wire=wire)
            try:
                return await phone.run(), made + wire.made
            except Killed:
                made += wire.made
            if wipe:
                saved.unlink(missing_ok=True)
        raise AssertionError("the last life has no end")


@asynccontextmanager
async def a_world(house: House, storage: Storage, settings: Settings, folder: Path) -> AsyncGenerator[World]:
    parts = Parts(replace(settings, part_size_bytes=MIN_PART_BYTES), house.database, storage, SECRET)
    app = create_app(parts)
    document = Document(cached(app))
    org = replace(house.org, app=app, document=document)
    world = World(house, app, document, await make_cast(org), await hash_password(PASSWORD), folder)
    try:
        yield world
    finally:
        for client in [*world.clients, *org.clients]:
            await client.aclose()
