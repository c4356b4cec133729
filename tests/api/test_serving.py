"""The server around the application: whom it believes, and how it ends."""

import signal
from dataclasses import replace

import httpx
import pytest
from litestar import Litestar

from api.app import create_app
from api.draining import DrainingServer
from api.openapi.routes import cached
from api.parts import Parts
from api.run import server_config
from api.settings import SettingError, Settings, read_settings
from tests.client import Client, Document
from tests.factories.accounts import PASSWORD, account
from tests.factories.people import OrgKit

CHAIN = "198.51.100.9, 203.0.113.5, 10.9.9.9"


@pytest.mark.parametrize(
    ("peer", "trusted", "believed"),
    [
        ("127.0.0.1", "127.0.0.1,::1", "10.9.9.9"),
        ("10.1.2.3", "10.0.0.0/8, 192.0.2.7", "203.0.113.5"),
        ("192.0.2.7", "10.0.0.0/8, 192.0.2.7", "203.0.113.5"),
        ("192.0.2.8", "10.0.0.0/8, 192.0.2.7", "192.0.2.8"),
        ("192.0.2.8", "*", "198.51.100.9"),
    ],
)
async def test_only_a_trusted_proxy_says_who_signs_in(
    app: Litestar, settings: Settings, org: OrgKit, peer: str, trusted: str, believed: str
) -> None:
    who = await account(org)
    config = server_config(app, replace(settings, trusted_proxies=trusted))
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(peer, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        body = {"org": org.slug, "email": who.email, "password": PASSWORD}
        token = (await client.post("/v1/auth/sign-in", json=body, headers={"x-forwarded-for": CHAIN})).json()
        mine = await client.get("/v1/me/sessions", headers={"authorization": f"Bearer {token['access_token']}"})
    assert [session["address"] for session in mine.json()["items"]] == [believed]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRUSTED_PROXIES", "balancer.internal", "addresses and networks"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set"),
        ("DATABASE_POOLER", "session", "must be transaction"),
        ("DIRECT_URL", "postgres://x", "must begin with postgresql+asyncpg://"),
        ("DRAIN_S", "a while", "must be a whole number"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingError, match=f"^SHOWME_{name}") as caught:
        read_settings({f"SHOWME_{name}": value})
    assert said in str(caught.value)


def test_a_connection_that_rests_is_closed_by_the_balancer_and_not_under_its_next_request(
    app: Litestar, settings: Settings
) -> None:
    assert server_config(app, settings).timeout_keep_alive > 60


@pytest.fixture
def own_app(parts: Parts) -> Litestar:
    return create_app(parts)


def server_of(app: Litestar, settings: Settings, drain_s: float) -> DrainingServer:
    return DrainingServer(server_config(app, settings), app, drain_s)


async def ready(app: Litestar) -> tuple[int, str]:
    async with Client(app, Document(cached(app))) as client:
        answer = await client.get("/health/ready")
        assert (await client.get("/health/live")).status_code == 200
    return answer.status_code, answer.json()["status"]


async def test_asked_to_end_it_is_not_ready_and_goes_on_answering(own_app: Litestar, settings: Settings) -> None:
    server = server_of(own_app, settings, 3600)
    assert await ready(own_app) == (200, "ok")
    server.handle_exit(signal.SIGTERM, None)
    assert await ready(own_app) == (503, "draining")
    assert not await server.on_tick(1)
    assert (b"connection", b"close") in server.server_state.default_headers
    assert not await server.on_tick(10)  # once a second the headers are made anew
    assert (b"connection", b"close") in server.server_state.default_headers


@pytest.mark.parametrize(("drain_s", "signals"), [(0, [15]), (3600, [2]), (3600, [15, 15]), (3600, [15, 2])])
async def test_without_a_drain_or_asked_again_or_by_ctrl_c_it_ends_now(
    own_app: Litestar, settings: Settings, drain_s: float, signals: list[int]
) -> None:
    server = server_of(own_app, settings, drain_s)
    for number in signals:
        server.handle_exit(number, None)
    assert await server.on_tick(1)


async def test_when_it_has_drained_it_ends(own_app: Litestar, settings: Settings) -> None:
    server = server_of(own_app, settings, 1e-9)
    server.handle_exit(signal.SIGTERM, None)
    assert await server.on_tick(1)
