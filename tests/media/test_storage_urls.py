"""What a signed URL allows, and all it does not, over real HTTP on both stores."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from media.signing import ROUND_S, url_expires_at
from media.storage import SignedRequest, Storage
from tests.stores import ASSET, KEY, SMALL, Clock, begin, send, sha256_of

BODY = bytes(range(256)) * 40
EIGHT_HOURS_S = 8 * ROUND_S


@pytest.fixture
async def url(store: Storage) -> str:
    await store.put_bytes(KEY, BODY, "video/mp4")
    return store.sign_get(KEY, expires_in_s=600)


def with_query(url: str, change: Callable[[str, str], str]) -> str:
    pairs = [(name, change(name, value)) for name, value in parse_qsl(urlsplit(url).query)]
    return url.partition("?")[0] + "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)


async def test_a_url_reads_the_object(http: httpx.AsyncClient, url: str) -> None:
    response = await http.get(url)
    assert (response.status_code, response.content) == (200, BODY)
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-99", 0, 99), ("10000-", 10000, 10239), ("-40", 10200, 10239), ("10000-99999", 10000, 10239), ("5-5", 5, 5)],
)
async def test_a_range_is_that_range(http: httpx.AsyncClient, url: str, asked: str, first: int, last: int) -> None:
    response = await http.get(url, headers={"range": f"bytes={asked}"})
    assert (response.status_code, response.content) == (206, BODY[first : last + 1])
    assert response.headers["content-range"] == f"bytes {first}-{last}/10240"
    assert response.headers["content-length"] == str(last - first + 1)


async def test_a_range_behind_the_end_is_refused(http: httpx.AsyncClient, url: str) -> None:
    assert (await http.get(url, headers={"range": "bytes=10240-"})).status_code == 416


async def test_what_is_known_is_not_sent_again(http: httpx.AsyncClient, url: str) -> None:
    etag = (await http.get(url)).headers["etag"]
    response = await http.get(url, headers={"if-none-match": etag})
    assert (response.status_code, response.content) == (304, b"")


async def test_a_url_may_name_the_type_and_the_download(store: Storage, http: httpx.AsyncClient, url: str) -> None:
    named = store.sign_get(KEY, expires_in_s=60, content_type="video/webm", download_name='Übung "1" / €.webm')
    response = await http.get(named)
    assert response.status_code == 200
    assert response.headers["content-type"] == "video/webm"
    disposition = response.headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert "filename*=UTF-8''%C3%9Cbung%20%221%22%20%2F%20%E2%82%AC.webm" in disposition


async def test_an_expired_url_is_refused(store: Storage, http: httpx.AsyncClient, clock: Clock) -> None:
    await store.put_bytes(KEY, BODY, "video/mp4")
    clock.ahead_s = -600 - ROUND_S - 1
    stale = store.sign_get(KEY, expires_in_s=600)
    clock.ahead_s = 0
    assert (await http.get(stale)).status_code == 403


async def test_an_expired_part_is_refused_and_not_kept(store: Storage, http: httpx.AsyncClient, clock: Clock) -> None:
    upload = await begin(store, http)
    clock.ahead_s = -61
    stale = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    clock.ahead_s = 0
    assert (await send(http, stale, SMALL)).status_code == 403
    assert await store.list_parts(KEY, upload.id) == []


async def test_a_url_of_another_key_is_refused(store: Storage, http: httpx.AsyncClient, url: str) -> None:
    await store.put_bytes(ASSET + "playable.mp4", BODY, "video/mp4")
    assert (await http.get(url.replace("source.bin", "playable.mp4"))).status_code == 403


async def test_every_field_of_a_url_is_covered_by_its_signature(store: Storage, http: httpx.AsyncClient) -> None:
    await store.put_bytes(KEY, BODY, "video/mp4")
    url = store.sign_get(KEY, expires_in_s=600, content_type="video/mp4", download_name="a.mp4")
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    for changed in names:
        forged = with_query(url, lambda name, value, changed=changed: value + "1" if name == changed else value)  # type: ignore[misc]  # bound now
        assert (await http.get(forged)).status_code in (400, 403), changed
    assert (await http.get(url)).status_code == 200


async def test_a_field_added_to_a_url_is_refused(store: Storage, http: httpx.AsyncClient, url: str) -> None:
    for name in ("response-content-type", "content_type", "download_name"):
        response = await http.get(f"{url}&{name}=text%2Fhtml")
        assert response.status_code == 403 or "html" not in response.headers["content-type"]
        assert "content-disposition" not in response.headers


async def test_an_unsigned_request_is_refused(http: httpx.AsyncClient, url: str) -> None:
    assert (await http.get(url.partition("?")[0])).status_code == 403
    assert (await http.put(url.partition("?")[0], content=SMALL)).status_code == 403


async def test_a_url_to_read_does_not_write(store: Storage, http: httpx.AsyncClient, url: str) -> None:
    for method in ("PUT", "DELETE", "POST"):
        assert (await http.request(method, url, content=SMALL)).status_code in (403, 405)
    assert await store.read_bytes(KEY) == BODY


async def test_a_url_to_write_does_not_read(store: Storage, http: httpx.AsyncClient) -> None:
    await store.put_bytes(KEY, BODY, "video/mp4")
    upload = await begin(store, http)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    assert (await http.get(signed.url)).status_code == 403


async def test_a_part_url_is_for_its_part_only(store: Storage, http: httpx.AsyncClient) -> None:
    upload, other = await begin(store, http), await begin(store, http)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    forged = [
        with_query(signed.url, lambda name, value: "2" if name in ("partNumber", "part_number") else value),
        signed.url.replace(upload.id, other.id),
    ]
    for url in forged:
        assert (await http.put(url, content=SMALL)).status_code == 403
    assert await store.list_parts(KEY, upload.id) == await store.list_parts(KEY, other.id) == []


async def test_a_part_of_another_size_is_refused_and_not_kept(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    for data in (SMALL + b"1", SMALL[:-1], SMALL * 100_000, b""):
        assert (await send(http, signed, data)).status_code in (400, 403)
    longer = with_query(signed.url, lambda name, value: value + "0" if name == "size_bytes" else value)
    unsigned = with_query(signed.url, lambda name, value: "host" if name == "X-Amz-SignedHeaders" else value)
    for url in {longer, unsigned} - {signed.url}:
        assert (await http.put(url, content=SMALL * 10)).status_code == 403
    assert await store.list_parts(KEY, upload.id) == []
    assert (await send(http, signed, SMALL)).status_code == 200


async def test_the_checksum_cannot_be_left_out_nor_changed(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http, checksum=True)
    checksum = sha256_of(SMALL)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), checksum_sha256=checksum, expires_in_s=60)
    bare = SignedRequest(signed.url, signed.method, signed.expires_at)
    other = SignedRequest(signed.url, "PUT", signed.expires_at, {"x-amz-checksum-sha256": sha256_of(SMALL[::-1])})
    assert (await send(http, bare, SMALL)).status_code == 403
    assert (await send(http, other, SMALL[::-1])).status_code == 403
    assert await store.list_parts(KEY, upload.id) == []


async def test_urls_repeat_within_the_hour_so_that_caches_hit(store: Storage, clock: Clock) -> None:
    clock.ahead_s = ROUND_S - clock() % ROUND_S + 1
    first = store.sign_get(KEY, expires_in_s=EIGHT_HOURS_S)
    clock.ahead_s += ROUND_S - 60
    assert store.sign_get(KEY, expires_in_s=EIGHT_HOURS_S) == first
    clock.ahead_s += 60
    assert store.sign_get(KEY, expires_in_s=EIGHT_HOURS_S) != first


@pytest.mark.parametrize(
    ("life_s", "more_s"), [(EIGHT_HOURS_S, ROUND_S), (4 * ROUND_S, ROUND_S), (600, 150), (20, 5), (1, 1)]
)
async def test_a_url_lives_as_long_as_asked_and_little_more(
    store: Storage, clock: Clock, life_s: int, more_s: int
) -> None:
    for minutes in range(0, 60, 7):
        clock.ahead_s = minutes * 60
        left_s = url_expires_at(store.sign_get(KEY, expires_in_s=life_s)).timestamp() - clock()
        assert life_s <= left_s + 1 <= life_s + more_s + 2


async def test_a_part_says_when_its_url_ends(store: Storage, clock: Clock) -> None:
    signed = store.sign_part(KEY, "0" * 32, 1, size_bytes=len(SMALL), expires_in_s=600)
    assert signed.expires_at == url_expires_at(signed.url)
    assert abs(signed.expires_at.timestamp() - clock() - 600) < 5


async def test_browsers_may_read_and_write_across_origins(store: Storage, http: httpx.AsyncClient, url: str) -> None:
    upload = await begin(store, http)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-type,x-amz-checksum-sha256",
    }
    preflight = await http.options(signed.url, headers=asked)
    assert preflight.is_success
    assert preflight.headers["access-control-allow-origin"] in ("*", asked["origin"])
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    response = await http.get(url, headers={"origin": asked["origin"]})
    assert response.headers["access-control-allow-origin"] in ("*", asked["origin"])


async def test_many_read_at_once(http: httpx.AsyncClient, url: str) -> None:
    responses = await asyncio.gather(*(http.get(url) for _ in range(20)))
    assert {response.content for response in responses} == {BODY}
