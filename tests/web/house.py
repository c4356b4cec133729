"""`showme up` over one of the two stores, with a rep who has something to answer, and a page that speaks to it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from api.demo.org import REP, SLUG, Speaker, demo_password, ensure_demo, token
from api.parts import store_of
from api.settings import Settings, secret_key
from api.up import wait_until_ready
from media.storage import MIN_PART_BYTES
from tests.factories.jobs import eventually
from tests.processes import free_port, running
from tests.s3_shim import S3Server, running_s3
from tests.web.cors import BucketCors
from tests.web.page_server import serving_page
from tests.web.wire import Wire, a_wire

URL_LIFE_S = 20


@dataclass(frozen=True)
class House:
    """`page` is the page's origin. The bytes come and go over `wire`, at another: the API's or the bucket's."""

    page: str
    wire: Wire
    settings: Settings

    @property
    def account(self) -> dict[str, str]:
        return {"org": SLUG, "email": REP, "password": demo_password(self.settings.data_dir)}

    def log(self) -> str:
        """Return the last that `showme up` wrote."""
        return (self.settings.data_dir.parent / "up.log").read_text()[-3000:]

    @asynccontextmanager
    async def rep(self) -> AsyncIterator[Speaker]:
        async with httpx.AsyncClient(base_url=self.page, timeout=60) as client:
            yield Speaker(client, await token(client, SLUG, REP, self.account["password"]))

    async def stored(self, asset: str, key_of: Callable[[UUID, UUID], str]) -> bytes:
        """Return what the store has of a video of the rep's under one of its keys."""
        async with self.rep() as rep:
            org = (await rep.get("/v1/me"))["org"]["id"]
        storage = store_of(self.settings, secret_key(self.settings))
        try:
            return await storage.read_bytes(key_of(UUID(org), UUID(asset)))
        finally:
            await storage.close()

    async def upload(self, video: bytes) -> str:
        """Bring a video of one part for the rep, and return the asset it becomes."""
        about = {"filename": "IMG_0001.MP4", "content_type": "video/mp4", "size_bytes": len(video)}
        async with self.rep() as rep, httpx.AsyncClient(timeout=60) as store:
            upload = await rep.post("/v1/uploads", about)
            path = f"/v1/uploads/{upload['id']}"
            [part] = (await rep.post(f"{path}/part-urls", {"parts": [{"part_number": 1}]}))["items"]
            (await store.put(part["url"], content=video)).raise_for_status()
            await rep.post(f"{path}/complete", {})
        return str(upload["asset_id"])

    async def ready(self, asset: str) -> dict[str, Any]:
        """Return the asset when all its renditions are there."""
        async with self.rep() as rep:

            async def look() -> dict[str, Any]:
                found: dict[str, Any] = await rep.get(f"/v1/assets/{asset}")
                return found

            found = await eventually(look, lambda found: found["state"] == "ready" or found["problem"], "the ladder")
        assert found["problem"] is None, self.log()
        return found


@contextmanager
def a_folder() -> Iterator[Path]:
    """Make one that others may pass: else root's database would be kept in another place, and stay there."""
    with TemporaryDirectory(prefix="house-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def a_house(store: str, **others: str) -> AsyncIterator[House]:
    port = free_port()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(a_folder())
        wire = await stack.enter_async_context(a_wire(port))
        values = {"data_dir": str(folder / "data"), "port": str(port), "public_url": wire.origin}
        if store == "bucket":
            bucket = stack.enter_context(a_bucket())
            wire = await stack.enter_async_context(a_wire(urlsplit(bucket.endpoint).port or 0))
            values["store_url"] = f"{bucket.store_url}&public_endpoint={wire.origin}"
        tuned = {"media_url_life_s": str(URL_LIFE_S), "part_size_bytes": str(MIN_PART_BYTES)}
        stack.enter_context(running("up", folder, values | tuned | others))
        settings = Settings(folder / "data", public_url=values["public_url"], store_url=values.get("store_url", ""))
        await wait_until_ready(settings.base_url)
        await ensure_demo(settings)
        page = stack.enter_context(serving_page(f"http://127.0.0.1:{port}"))
        yield House(page, wire, settings)


@contextmanager
def a_bucket() -> Iterator[S3Server]:
    """Run an S3 that asks the bucket's own rules what a browser may do. The bucket itself is left to be made."""
    with running_s3() as server:
        server.bucket += "-of-the-browser"
        server.shim.app = BucketCors(server, server.shim.app)
        yield server
