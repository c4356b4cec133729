"""The application in this process on a loop of its own, and an organization full of things to ask it about."""

import asyncio
import zlib
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx
import requests
from schemathesis import Case

from api.app import create_app
from api.auth import Tokens
from api.embedded import Urls
from api.parts import Parts
from api.settings import Settings
from media.storage import Storage
from models.database import Database
from tests.client import Document
from tests.factories.people import OrgKit, new_org
from tests.factories.relations import World, make_world
from tests.fuzz.operations import DOCUMENT, Ids, furnish, things

T = TypeVar("T")

ROLES = ("admin", "enablement", "manager", "rep")
# People end their sessions, leave and change their roles: from time to time begin again with others.
REQUESTS_A_WORLD = 150


class Home:
    """What is sent to, synchronously: the generator of requests knows no loops."""

    def __init__(self, urls: Urls, settings: Settings, storage: Storage, secret: bytes) -> None:
        self._urls = urls
        self._secret = secret
        self._loop = asyncio.new_event_loop()
        self._database = Database(urls.app)
        self._app: Any = create_app(Parts(settings, self._database, storage, secret))
        self._asked = 0
        self.ids: Ids = {}
        self.renew()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._run(self._client.aclose())
        self._run(self._database.dispose())
        self._run(self._loop.shutdown_default_executor())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def renew(self) -> None:
        """Make another organization with everyone and everything in it, and ask for these from now on."""
        self._asked = 0
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False), base_url="http://testserver"
        )
        world = self._run(self._make_world())
        self.ids = things(world)
        self._tokens = {role: world.people[role].client.headers["authorization"] for role in ROLES}

    async def _make_world(self) -> World:
        kits = []
        for _ in range(2):
            org = await new_org(self._urls.migrate)
            document = Document(DOCUMENT)
            kits.append(OrgKit(org.id, org.slug, self._database, Tokens(self._secret), document, self._app))
        world = await make_world(*kits)
        await furnish(world)
        return world

    def renew_when_worn(self) -> None:
        if self._asked >= REQUESTS_A_WORLD:
            self.renew()

    def send(self, case: Case[Any], role: str) -> httpx.Response:
        """Send a case as somebody of this role."""
        self._asked += 1
        kwargs = case.as_transport_kwargs(
            base_url="http://testserver", headers={**dict(case.headers), "Authorization": self._tokens[role]}
        )
        prepared = requests.Request(**{key: kwargs[key] for key in kwargs if key in REQUEST}).prepare()
        request = httpx.Request(
            prepared.method or "GET",
            prepared.url or "",
            headers=[(name.encode(), _raw(value)) for name, value in prepared.headers.items()],
            content=_bytes(prepared.body),
        )
        return self._run(self._client.send(request))


REQUEST = ("method", "url", "headers", "cookies", "params", "json", "data", "files")


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


def _bytes(body: Any) -> bytes | None:
    assert body is None or isinstance(body, (str, bytes))  # nothing of ours is streamed
    return body.encode() if isinstance(body, str) else body


def chosen(text: str, count: int) -> int:
    """Return a number below `count`, the same for the same text in every run."""
    return zlib.crc32(text.encode()) % count


def aimed(value: Any, ids: Ids, name: str = "", *, salt: str = "") -> Any:
    """Return a value whose ids are of things that exist, by the names of their fields: what was no id stays."""
    if isinstance(value, dict):
        return {key: aimed(part, ids, key, salt=salt) for key, part in value.items()}
    if isinstance(value, list):
        return [aimed(part, ids, name.removesuffix("s"), salt=f"{salt}{place}") for place, part in enumerate(value)]
    if name not in ids or not isinstance(value, str) or not _is_id(value):
        return value
    return str(ids[name][chosen(f"{value}{salt}", len(ids[name]))])


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return len(text) == 36
