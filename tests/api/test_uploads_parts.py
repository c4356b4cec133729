"""Parts, sent to the store by the URLs the API gives: in any order, again, in parallel, and after a restart."""

import asyncio
import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.embedded import Urls
from api.settings import Settings
from media.receiving import sweep_upload
from media.storage import LocalStorage, Storage
from models.asset import UploadPart
from models.base import now
from models.database import Database
from tests.conftest import SECRET
from tests.factories.people import OrgKit
from tests.factories.uploads import Phone, make_phone, restarted
from tests.stores import BIG, SMALL, Clock, sha256_of


@pytest.fixture
async def phone(org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings) -> Phone:
    made = await make_phone(org, store, http, settings)
    await made.start()
    return made


@pytest.fixture
async def careful(org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings) -> Phone:
    """A phone that sends checksums."""
    made = await make_phone(org, store, http, settings, checksums=True)
    await made.start()
    return made


def numbers_of(upload: dict[str, Any]) -> list[int]:
    return [part["part_number"] for part in upload["parts"]]


async def test_parts_are_listed_with_what_they_are(phone: Phone) -> None:
    assert (await phone.seen())["parts"] == []
    await phone.send(3)
    await phone.send(1)
    seen = await phone.seen()
    assert [(part["part_number"], part["size_bytes"], part["etag"]) for part in seen["parts"]] == [
        (1, len(BIG), phone.etags[1]),
        (3, len(SMALL), phone.etags[3]),
    ]
    assert seen["received_bytes"] == len(BIG) + len(SMALL)


async def test_a_part_sent_again_replaces_itself(phone: Phone) -> None:
    signed = await phone.sign(3)
    assert [(await phone.put(signed, data)).status_code for data in (SMALL[::-1], SMALL)] == [200, 200]
    [part] = (await phone.seen())["parts"]
    assert part["etag"] == f'"{hashlib.md5(SMALL, usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("checksums", [False, True])
async def test_a_url_takes_the_bytes_of_its_part_and_no_byte_more_or_less(
    org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings, *, number: int, checksums: bool
) -> None:
    phone = await make_phone(org, store, http, settings, checksums=checksums)
    await phone.start()
    own = phone.pieces[number - 1]
    for data in (own + b"x", own[:-1], BIG * 3, b""):
        phone.pieces[number - 1] = data  # with a checksum that is right
        assert (await phone.put(await phone.sign(number), data)).status_code in (400, 403)
    assert (await phone.seen())["received_bytes"] == 0
    phone.pieces[number - 1] = own
    await phone.send(number)
    assert (await phone.seen())["received_bytes"] == len(own)


async def test_many_urls_are_asked_for_at_once_and_used_in_parallel(phone: Phone) -> None:
    items = (await phone.ask(3, 1, 2)).json()["items"]
    assert [item["part_number"] for item in items] == [3, 1, 2]
    puts = await asyncio.gather(*(phone.put(item, phone.pieces[item["part_number"] - 1]) for item in items))
    assert [put.status_code for put in puts] == [200] * 3
    assert numbers_of(await phone.seen()) == [1, 2, 3]


async def test_first_urls_asked_for_at_once_belong_to_one_upload(phone: Phone) -> None:
    signed = await asyncio.gather(phone.sign(1), phone.sign(2), phone.sign(3))
    for item in signed:
        assert (await phone.put(item, phone.pieces[item["part_number"] - 1])).status_code == 200
    assert numbers_of(await phone.seen()) == [1, 2, 3]


async def test_an_upload_goes_on_after_phone_and_server_were_restarted(phone: Phone, settings: Settings) -> None:
    await phone.send(2)
    again = restarted(phone, settings)
    assert numbers_of(await again.seen()) == [2]
    await again.send(1)
    await again.send(3)
    assert numbers_of(await again.seen()) == [1, 2, 3]
    assert (await again.complete()).json()["state"] == "processing"


async def test_a_url_that_was_signed_before_a_restart_still_holds(phone: Phone, settings: Settings) -> None:
    signed = await phone.sign(1)
    again = restarted(phone, settings)
    assert (await again.put(signed, BIG)).status_code == 200
    assert numbers_of(await again.seen()) == [1]


async def test_urls_hold_as_long_as_was_asked(phone: Phone) -> None:
    for valid_for_s in (60, 7 * 24 * 3600):
        [item] = (await phone.ask(1, valid_for_s=valid_for_s)).json()["items"]
        holds = datetime.fromisoformat(item["expires_at"]) - datetime.now(UTC)
        assert abs(holds - timedelta(seconds=valid_for_s)) < timedelta(seconds=30)


async def test_an_expired_url_is_refused_and_another_takes_its_place(phone: Phone, clock: Clock) -> None:
    clock.ahead_s = -3600
    [stale] = (await phone.ask(1, valid_for_s=60)).json()["items"]
    clock.ahead_s = 0
    assert (await phone.put(stale, BIG)).status_code == 403
    await phone.send(1)
    assert numbers_of(await phone.seen()) == [1]


async def test_a_checksum_travels_in_the_headers_and_other_bytes_are_refused(careful: Phone) -> None:
    signed = await careful.sign(1)
    assert sha256_of(BIG) in signed["headers"].values()
    assert (await careful.put(signed, BIG[::-1])).status_code == 400
    assert (await careful.seen())["parts"] == []
    assert (await careful.put(signed, BIG)).status_code == 200


async def test_a_new_checksum_of_a_part_replaces_the_one_before(careful: Phone) -> None:
    await careful.send(3)
    careful.pieces[2] = SMALL[::-1]
    await careful.send(3)
    async with careful.org.database.tenant(careful.org.id) as session:
        rows = await session.scalars(select(UploadPart.checksum_sha256).where(UploadPart.org_id == careful.org.id))
        assert rows.all() == [sha256_of(SMALL[::-1])]


@pytest.mark.parametrize("checksums", [True, False])
async def test_every_part_has_a_checksum_or_none_has(phone: Phone, checksums: bool) -> None:
    phone.checksums = checksums
    await phone.send(1)
    phone.checksums = not checksums
    refused = await phone.ask(2)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/checksum-mode")
    phone.checksums = checksums
    await phone.send(2)


async def test_first_urls_that_contradict_each_other_leave_one_winner(phone: Phone) -> None:
    answers = await asyncio.gather(phone.ask(1), replace(phone, checksums=True).ask(1))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


CHECKSUM = sha256_of(BIG)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"parts": []}, "/parts"),
        ({"parts": [{"part_number": 1}] * 1001}, "/parts"),
        ({"parts": [{"part_number": 0}]}, "/parts/0/part_number"),
        ({"parts": [{"part_number": 1}, {"part_number": 4}]}, "/parts/1/part_number"),
        ({"parts": [{"part_number": 10_001}]}, "/parts/0/part_number"),
        ({"parts": [{"part_number": 2}, {"part_number": 1}, {"part_number": 2}]}, "/parts/2/part_number"),
        ({"parts": [{"part_number": 1, "checksum_sha256": "short"}]}, "/parts/0/checksum_sha256"),
        ({"parts": [{"part_number": 1, "checksum_sha256": CHECKSUM + "\n"}]}, "/parts/0/checksum_sha256"),
        (
            {"parts": [{"part_number": 1, "checksum_sha256": base64.b64encode(b"x" * 31).decode()}]},
            "/parts/0/checksum_sha256",
        ),
        (
            {"parts": [{"part_number": 1, "checksum_sha256": CHECKSUM}, {"part_number": 2}]},
            "/parts/1/checksum_sha256",
        ),
        ({"parts": [{"part_number": 1}], "valid_for_s": 59}, "/valid_for_s"),
        ({"parts": [{"part_number": 1}], "valid_for_s": 7 * 24 * 3600 + 1}, "/valid_for_s"),
        ({"parts": [{"part_number": 1, "size": 3}]}, "/parts/0/size"),
    ],
)
async def test_a_wrong_request_for_urls_names_what_is_wrong(
    org: OrgKit, storage: Storage, http: httpx.AsyncClient, settings: Settings, body: dict[str, Any], pointer: str
) -> None:
    phone = await make_phone(org, storage, http, settings)
    await phone.start()
    refused = await phone.person.client.post(f"{phone.url}/part-urls", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await phone.row()).multipart_id == ""


async def test_an_upload_lives_longer_while_parts_are_asked_for(phone: Phone) -> None:
    soon = now() + timedelta(hours=1)
    await phone.change(expires_at=soon)
    await phone.sign(1)
    assert (await phone.row()).expires_at > soon + timedelta(days=6)


async def test_an_upload_lives_no_longer_than_a_bucket_keeps_its_parts(phone: Phone) -> None:
    began, ends = now() - timedelta(days=12), now() + timedelta(hours=1)
    await phone.change(created_at=began, expires_at=ends)
    await phone.sign(1)
    assert (await phone.row()).expires_at == began + timedelta(days=13)


async def test_an_upload_whose_time_is_over_takes_no_parts_though_it_was_not_swept_yet(phone: Phone) -> None:
    await phone.change(expires_at=now() - timedelta(seconds=1))
    refused = await phone.ask(1)
    assert (refused.status_code, refused.json()["state"]) == (409, "expired")


async def test_an_upload_that_was_given_up_takes_no_parts(phone: Phone) -> None:
    await phone.send(1)
    await phone.person.client.delete(phone.url)
    refused = await phone.ask(2)
    assert (refused.status_code, refused.json()["state"]) == (409, "aborted")
    assert (await phone.seen())["parts"] == []


async def test_an_upload_whose_parts_the_store_has_forgotten_begins_anew(careful: Phone) -> None:
    await careful.send(1)
    lost = (await careful.row()).multipart_id
    await careful.store.abort_multipart(careful.key, lost)
    seen = await careful.seen()
    assert (seen["state"], seen["parts"], seen["received_bytes"]) == ("open", [], 0)
    await careful.send_all()
    assert (await careful.row()).multipart_id != lost
    assert (await careful.complete()).status_code == 200


async def test_a_store_that_does_not_answer_is_503_and_loses_nothing(
    org: OrgKit, http: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    away = LocalStorage(tmp_path / "store", secret=SECRET, public_url="http://testserver")
    (away.folder / "multiparts").rename(tmp_path / "elsewhere")
    phone = await make_phone(org, away, http, settings)
    await phone.start()
    refused = await phone.ask(1)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert int(refused.headers["retry-after"]) > 0
    (tmp_path / "elsewhere").rename(away.folder / "multiparts")
    assert (await phone.ask(1)).status_code == 200
    await away.close()


async def test_the_api_serves_the_embedded_store_whose_parts_may_be_longer_than_its_own_bodies(
    org: OrgKit, storage: Storage
) -> None:
    rep = await org.person()
    phone = Phone(org, rep, storage, rep.client, pieces=[BIG])
    await phone.start(size_bytes=len(BIG))
    await phone.send(1)
    assert (await phone.complete()).json()["state"] == "processing"


class Watched:
    """A store that notes how many connections are in use while it is spoken to."""

    def __init__(self, store: Storage, database: Database) -> None:
        self.store, self.database = store, database
        self.held: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        pool: Any = self.database.engine.pool
        self.held[name] = max(self.held.get(name, 0), pool.checkedout())
        return getattr(self.store, name)


async def test_no_transaction_is_held_while_the_store_is_spoken_to(
    org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings, urls: Urls
) -> None:
    database = Database(urls.app)
    watched: Any = Watched(store, database)
    phone = await make_phone(replace(org, database=database), watched, http, settings)
    await phone.start()
    for number in (1, 2, 3):  # one after the other: of several at once each would see what the others hold
        await phone.send(number)
    await phone.seen()
    assert (await phone.complete()).status_code == 200
    await phone.start()
    await phone.send(1)
    await phone.change(expires_at=now())
    await sweep_upload(database, watched, org.id, (await phone.row()).id)
    assert (await phone.row()).state == "expired"
    assert set(watched.held) >= {"create_multipart", "list_parts", "complete_multipart", "abort_multipart", "sign_part"}
    assert set(watched.held.values()) == {0}
    await database.dispose()
