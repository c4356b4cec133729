"""No secret is ever logged: a whole story, told to real processes that log everything, and then their logs searched."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from sqlalchemy.engine import make_url

from api.embedded import EmbeddedPostgres, Urls
from api.orgs import NewOrg, create_org
from api.settings import Settings
from api.up import wait_until_ready
from models.ids import new_id
from tests.clips import clip
from tests.factories.jobs import eventually, own_database
from tests.media.test_mail import PostOffice, post_office
from tests.processes import free_port, running
from tests.s3_shim import ACCESS_KEY, SECRET_KEY, S3Server, running_s3

SECRET = "the secret of a server, 32 bytes or more"
MAIL_PASSWORD = "the-password-of-the-mail-server"
METRICS_TOKEN = "the-token-of-the-metrics"
PASSWORDS = {name: f"a password of {name} {new_id().hex}" for name in ("ada", "robin", "robin-new", "riley", "wrong")}
SECRET_FIELDS = {"password", "token", "access_token", "refresh_token"}
URL = re.compile(r"https?://[^\s\"]+")


class Collector:
    """What a client sends and gets that nobody else may know."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    async def request(self, request: httpx.Request) -> None:
        self.secrets.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        if request.headers.get("content-type") == "application/json":
            self.look(json.loads(request.content))

    async def response(self, response: httpx.Response) -> None:
        await response.aread()
        if "json" in response.headers.get("content-type", ""):
            self.look(response.json())

    def look(self, found: Any, name: str = "") -> None:
        if isinstance(found, dict):
            for key, value in found.items():
                self.look(value, key)
        elif isinstance(found, list):
            for value in found:
                self.look(value, name)
        elif isinstance(found, str):
            self.secrets |= {found} if name in SECRET_FIELDS else set()
            for url in URL.findall(found):
                self.look_at_url(url)

    def look_at_url(self, url: str) -> None:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        self.secrets |= {query[key] for key in ("signature", "X-Amz-Signature", "X-Amz-Credential") if key in query}
        if ticket := re.match(r"/v1/media/([^/]+)/", parts.path):
            self.secrets.add(ticket[1])

    def hooks(self) -> dict[str, list[Any]]:
        return {"request": [self.request], "response": [self.response]}


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    """Where no other test has left a mail to be sent."""
    return own_database(cluster, "of_the_logs")


@pytest.fixture
async def server(tmp_path: Path, own_urls: Urls, s3: S3Server, office: PostOffice) -> AsyncIterator[str]:
    port = free_port()
    settings = {
        "data_dir": str(tmp_path / "data"),
        "database_url": own_urls.app,
        "store_url": s3.store_url,
        "port": str(port),
        "secret_key": SECRET,
        "smtp_url": f"smtp://postman:{MAIL_PASSWORD}@127.0.0.1:{office.port}",
        "metrics_token": METRICS_TOKEN,
        "log_format": "json",
        "log_level": "debug",
        "slow_query_ms": "1",
    }
    with ExitStack() as stack:
        for command in ("serve", "worker"):
            stack.enter_context(running(command, tmp_path, settings))
        await wait_until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"


class Story:
    def __init__(self, http: httpx.AsyncClient, slug: str, office: PostOffice, collector: Collector) -> None:
        self.http, self.slug, self.office, self.collector = http, slug, office, collector

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, token: str = "") -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await self.http.request(method, f"/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def sign_in(self, email: str, password: str, *, status: int = 200) -> Any:
        body = {"org": self.slug, "email": email, "password": password}
        return await self.call("POST", "/auth/sign-in", body, status=status)

    async def mailed(self, number: int) -> str:
        """Return the token of the link in the mail of this number."""

        async def received() -> int:
            return len(self.office.received)

        await eventually(received, lambda count: count >= number, f"mail {number}")
        token = str(self.office.received[number - 1].message.get_content()).partition("#token=")[2].split()[0]
        self.collector.secrets.add(unquote(token))
        return unquote(token)

    async def accounts(self) -> str:
        """Sign in, refresh, invite, reset; return a token of an admin."""
        await self.sign_in("ada@example.com", PASSWORDS["wrong"], status=401)
        first = await self.sign_in("ada@example.com", PASSWORDS["ada"])
        await self.call("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})
        await self.call("POST", "/auth/refresh", {"refresh_token": "made up by a thief"}, status=401)
        ada = str(first["access_token"])
        robin = {"name": "Robin", "email": "robin@example.com"}
        await self.call("POST", "/people", robin, status=201, token=ada)
        invited = {"token": await self.mailed(1), "password": PASSWORDS["robin"]}
        await self.call("POST", "/auth/accept-invitation", invited)
        asked = {"org": self.slug, "email": "robin@example.com"}
        await self.call("POST", "/auth/reset-password", asked, status=204)
        reset = {"token": await self.mailed(2), "password": PASSWORDS["robin-new"]}
        await self.call("POST", "/auth/reset-password", reset, status=204)
        await self.call("GET", "/me", status=401, token="made.up.by-a-thief")
        return ada

    async def announced(self, token: str) -> Any:
        size = clip("plain.mp4").stat().st_size
        body = {"filename": "talk.mp4", "content_type": "video/mp4", "size_bytes": size, "purpose": "prompt"}
        return await self.call("POST", "/uploads", body, status=201, token=token)

    async def video(self, token: str) -> None:
        """Upload one, and play it through its playlists."""
        upload = await self.announced(token)
        asked = {"parts": [{"part_number": 1}]}
        signed = await self.call("POST", f"/uploads/{upload['id']}/part-urls", asked, token=token)
        async with httpx.AsyncClient(trust_env=False) as store:
            put = await store.put(signed["items"][0]["url"], content=clip("plain.mp4").read_bytes())
            assert put.status_code == 200
        await self.call("POST", f"/uploads/{upload['id']}/complete", {}, token=token)

        async def asset() -> Any:
            return await self.call("GET", f"/assets/{upload['asset_id']}", token=token)

        ready = await eventually(asset, lambda found: found["state"] in ("ready", "failed"), "the video")
        assert ready["state"] == "ready"
        master = await self.http.get(ready["playback"]["hls_url"])
        assert master.status_code == 200
        for url in re.findall(r"^[^#\n].*$", master.text, re.MULTILINE):
            media = await self.http.get(str(httpx.URL(str(master.url)).join(url)))
            self.collector.look(media.text)
            assert media.status_code == 200

    async def failures(self, token: str, s3: S3Server) -> None:
        """What is refused: a mail, a metrics token; then a store that does not know us any more."""
        self.office.rcpt = "550 nobody of this name"
        riley = {"name": "Riley", "email": "riley@example.com", "password": PASSWORDS["riley"]}
        await self.call("POST", "/people", riley, status=201, token=token)
        await self.call("POST", "/people", {"name": "Kim", "email": "kim@example.com"}, status=201, token=token)
        headers = {"authorization": f"Bearer {METRICS_TOKEN}"}
        assert (await self.http.get("/metrics", headers=headers)).status_code == 200
        upload = await self.announced(token)
        s3.shim.secret_key = "another by now"
        asked = {"parts": [{"part_number": 1}]}
        await self.call("POST", f"/uploads/{upload['id']}/part-urls", asked, status=503, token=token)


def lines(folder: Path) -> list[dict[str, Any]]:
    texts = [(folder / f"{name}.log").read_text() for name in ("serve", "worker")]
    return [json.loads(line) for text in texts for line in text.splitlines()]


async def test_no_secret_is_ever_logged(
    server: str, tmp_path: Path, own_urls: Urls, settings: Settings, s3: S3Server, office: PostOffice
) -> None:
    slug = f"secrets-{new_id().hex[-8:]}"
    own = replace(settings, database_url=own_urls.app, migrate_url=own_urls.migrate)
    await create_org(own, NewOrg(slug, "Acme", "UTC", "ada@example.com", "Ada", PASSWORDS["ada"]))
    collector = Collector()
    async with httpx.AsyncClient(base_url=server, timeout=60, event_hooks=collector.hooks()) as http:
        story = Story(http, slug, office, collector)
        token = await story.accounts()
        await story.video(token)
        await story.failures(token, s3)

    async def bounced() -> Any:
        return [line for line in lines(tmp_path) if "550" in json.dumps(line)]

    await eventually(bounced, bool, "the mail that nobody takes")
    secrets = collector.secrets | set(PASSWORDS.values()) | {SECRET, MAIL_PASSWORD, METRICS_TOKEN, SECRET_KEY}
    secrets |= {ACCESS_KEY, str(make_url(own_urls.app).password), str(make_url(own_urls.migrate).password)}
    written = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines(tmp_path))
    events = {line["event"] for line in lines(tmp_path)}
    assert any(line["event"] == "request" and {"org", "person"} <= set(line) for line in lines(tmp_path))
    slow = [line for line in lines(tmp_path) if line["event"] == "slow query"]
    assert {"statement", "ms", "request_id"} <= set(slow[-1])
    assert any("session" in line["statement"] for line in slow)
    assert {
        "signed in",
        "sign-in refused",
        "request",
        "job started",
        "job ended",
        "slow query",
        "the store does not answer",
    } <= events
    assert len([secret for secret in secrets if len(secret) > 15]) > 25
    assert [secret for secret in secrets if len(secret) > 5 and secret in written] == []
