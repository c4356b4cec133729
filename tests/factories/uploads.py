"""A phone that uploads: over HTTP to the API, and by the URLs it is given to the store itself."""

import asyncio
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from sqlalchemy import text

from api.app import create_app
from api.parts import Parts
from api.settings import Settings
from media.storage import MIN_PART_BYTES, Storage
from models.asset import Asset, Upload
from models.database import Database
from tests.conftest import SECRET
from tests.factories.people import OrgKit, Somebody
from tests.stores import BIG, SMALL, sha256_of

PIECES = [BIG, BIG[::-1], SMALL]
SIZE = sum(len(piece) for piece in PIECES)
FILE: dict[str, Any] = {"filename": "IMG_0042.MOV", "content_type": "video/quicktime", "size_bytes": SIZE}


def new_app(store: Storage, database: Database, settings: Settings) -> Litestar:
    """Make an application over a store, as a process that has just started would."""
    return create_app(Parts(replace(settings, part_size_bytes=MIN_PART_BYTES), database, store, SECRET))


@cache
def _app(database: Database, settings: Settings) -> Litestar:
    nowhere: Any = None
    return new_app(nowhere, database, settings)


def app_over(store: Storage, database: Database, settings: Settings) -> Litestar:
    """Put one application over the store of this test: making one takes longer than most tests."""
    app = _app(database, settings)
    app.state.storage = store
    return app


@dataclass
class Phone:
    """Somebody's phone with a file of three parts on it, of which one is short."""

    org: OrgKit
    person: Somebody
    store: Storage
    http: httpx.AsyncClient
    checksums: bool = False
    pieces: list[bytes] = field(default_factory=lambda: list(PIECES))
    upload: dict[str, Any] = field(default_factory=dict)
    etags: dict[int, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"/v1/uploads/{self.upload['id']}"

    @property
    def asset_id(self) -> UUID:
        return UUID(self.upload["asset_id"])

    async def announce(self, **body: Any) -> httpx.Response:
        return await self.person.client.post("/v1/uploads", json=FILE | body)

    async def start(self, **body: Any) -> dict[str, Any]:
        made = await self.announce(**body)
        assert made.status_code == 201, made.text
        self.upload = made.json()
        return self.upload

    async def ask(self, *numbers: int, **body: Any) -> httpx.Response:
        """Ask for the URLs of parts."""
        parts = [self._part(number) for number in numbers]
        return await self.person.client.post(f"{self.url}/part-urls", json={"parts": parts, **body})

    def _part(self, number: int) -> dict[str, Any]:
        checksum = {"checksum_sha256": sha256_of(self.pieces[number - 1])} if self.checksums else {}
        return {"part_number": number, **checksum}

    async def sign(self, number: int) -> dict[str, Any]:
        answer = await self.ask(number)
        assert answer.status_code == 200, answer.text
        signed: dict[str, Any] = answer.json()["items"][0]
        return signed

    async def put(self, signed: dict[str, Any], data: bytes) -> httpx.Response:
        return await self.http.request(signed["method"], signed["url"], headers=signed["headers"], content=data)

    async def send(self, number: int) -> None:
        put = await self.put(await self.sign(number), self.pieces[number - 1])
        assert put.status_code == 200, put.text
        self.etags[number] = put.headers["etag"]

    async def send_as_is(self, number: int, data: bytes) -> None:
        """Bring a part by a URL that the API would not give: one for these bytes, be they as many as they are."""
        row = await self.row()
        checksum = sha256_of(data) if self.checksums else None
        signed = self.store.sign_part(
            self.key, row.multipart_id, number, size_bytes=len(data), checksum_sha256=checksum, expires_in_s=60
        )
        put = await self.http.request(signed.method, signed.url, headers=signed.headers, content=data)
        assert put.status_code == 200, put.text

    async def send_all(self) -> None:
        await self.send(1)  # decides about checksums
        await asyncio.gather(self.send(3), self.send(2))

    async def seen(self) -> dict[str, Any]:
        answer = await self.person.client.get(self.url)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def complete(self, **body: Any) -> httpx.Response:
        return await self.person.client.post(f"{self.url}/complete", json=body)

    async def join(self) -> None:
        """Have the store join the parts behind the API's back, as before an answer that was lost."""
        row = await self.row()
        parts = await self.store.list_parts(self.key, row.multipart_id)
        wanted = [
            (part.part_number, part.etag, sha256_of(self.pieces[part.part_number - 1]) if self.checksums else None)
            for part in parts
        ]
        await self.store.complete_multipart(self.key, row.multipart_id, wanted)

    @property
    def key(self) -> str:
        return f"{self.org.id}/assets/{self.asset_id}/source.bin"

    async def row(self) -> Upload:
        async with self.org.database.tenant(self.org.id) as session:
            return await session.get_one(Upload, (self.org.id, UUID(self.upload["id"])))

    async def asset(self) -> Asset:
        async with self.org.database.tenant(self.org.id) as session:
            return await session.get_one(Asset, (self.org.id, self.asset_id))

    async def change(self, **values: Any) -> None:
        """Write to the row of the upload, as time would."""
        async with self.org.database.tenant(self.org.id) as session:
            row = await session.get_one(Upload, (self.org.id, UUID(self.upload["id"])))
            for name, value in values.items():
                setattr(row, name, value)

    async def jobs(self) -> list[str]:
        """Return the jobs of its asset, in the order they were deferred."""
        async with self.org.database.without_tenant() as session:
            rows = await session.execute(
                text("SELECT task_name FROM queue.procrastinate_jobs WHERE args ->> 'asset_id' = :asset ORDER BY id"),
                {"asset": self.upload["asset_id"]},
            )
        return [row.task_name for row in rows]


async def make_phone(org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings, **options: Any) -> Phone:
    """Make a phone of somebody new, against an application over this store."""
    kit = replace(org, app=app_over(store, org.database, settings))
    return Phone(kit, await kit.person(), store, http, **options)


def restarted(phone: Phone, settings: Settings) -> Phone:
    """Return the phone after it and the server were restarted: it remembers the upload's id, and nothing else."""
    app = new_app(phone.store, phone.org.database, settings)
    token = phone.person.client.headers["authorization"].removeprefix("Bearer ")
    kit = replace(phone.org, app=app)
    person = replace(phone.person, client=kit.client(token))
    return replace(phone, org=kit, person=person, upload={**phone.upload}, etags={})
