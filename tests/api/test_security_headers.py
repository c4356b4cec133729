"""What each answer tells a browser, whoever asked for what."""

import base64
import hashlib
import re
from dataclasses import replace
from typing import Any

import pytest

from api.app import create_app
from api.parts import Parts
from api.security_headers import EVERYWHERE
from media.local_store import LocalStorage
from media.storage import Storage
from tests.client import Client, Document
from tests.factories.people import OrgKit
from tests.stores import KEY

LOCKED = {"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}


def policy(answer: Any) -> set[str]:
    return set(answer.headers["content-security-policy"].split("; "))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/v1/me", 401),
        ("GET", "/v1/nothing-here", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/health/live", 405),
        ("TRACE", "/health/live", 405),
        ("POST", "/v1/auth/sign-in", 422),
        ("GET", "/store/nobody/knows", 403),
    ],
)
async def test_each_answer_is_locked_and_not_kept(anonymous: Client, method: str, path: str, status: int) -> None:
    answer = await anonymous.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get_list(name) for name in EVERYWHERE} == {
        name: [value] for name, value in EVERYWHERE.items()
    }
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert policy(answer) == LOCKED


async def test_what_is_somebodys_own_is_not_kept(org: OrgKit) -> None:
    robin = await org.person()
    answer = await robin.client.get("/v1/me")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


async def test_a_server_reached_over_tls_asks_for_tls_from_then_on(parts: Parts, document: Document) -> None:
    settings = replace(parts.settings, public_url="https://showme.example")
    async with Client(create_app(replace(parts, settings=settings)), document) as client:
        answer = await client.get("/health/live")
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_a_server_without_tls_does_not(anonymous: Client) -> None:
    assert "strict-transport-security" not in (await anonymous.get("/health/live")).headers


async def test_the_page_to_read_the_document_has_its_one_style(anonymous: Client) -> None:
    page = await anonymous.get("/docs")
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy(page) == LOCKED | {f"style-src 'sha256-{digest}'"}
    assert " style=" not in page.text
    assert page.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("claimed", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "video/mp4\n"])
async def test_an_object_is_never_run_whatever_its_type_says(anonymous: Client, storage: Storage, claimed: str) -> None:
    assert isinstance(storage, LocalStorage)
    await storage.put_bytes(KEY, b"<script>alert(1)</script>", claimed)
    answer = await anonymous.get(storage.sign_get(KEY, expires_in_s=600))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private, max-age=")


async def test_an_object_can_be_embedded_by_another_site(anonymous: Client, storage: Storage) -> None:
    await storage.put_bytes(KEY, b"a film", "video/mp4")
    answer = await anonymous.get(storage.sign_get(KEY, expires_in_s=600))
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
