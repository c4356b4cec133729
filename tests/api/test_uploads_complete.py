"""Completing: once, twice, at once, and after an answer that was lost; and what it does to a take."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.settings import Settings
from media.storage import Storage, StoredPart
from models.event import Event
from tests.factories.people import OrgKit
from tests.factories.takes import make_story
from tests.factories.uploads import PIECES, SIZE, Phone, app_over, make_phone
from tests.stores import SMALL, Clock, LocalServer, sha256_of


@pytest.fixture(params=[False, True], ids=["plain", "checksums"])
def checksums(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def phone(org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings, checksums: bool) -> Phone:
    made = await make_phone(org, store, http, settings, checksums=checksums)
    await made.start()
    return made


async def arrived(phone: Phone) -> bool:
    """Return whether the object is whole, the rows say so, and one job has been deferred."""
    row, asset = await phone.row(), await phone.asset()
    assert await phone.store.read_bytes(phone.key) == b"".join(phone.pieces)
    assert (row.state, row.received_bytes, asset.state) == ("completed", SIZE, "processing")
    assert None not in {row.completed_at, asset.processing_at}
    return await phone.jobs() == ["process_asset"]


async def test_what_is_there_becomes_the_asset_without_naming_the_parts(phone: Phone) -> None:
    await phone.send_all()
    answer = await phone.complete()
    assert (answer.status_code, answer.json()["id"]) == (200, phone.upload["asset_id"])
    assert answer.json()["state"] == "processing"
    assert await arrived(phone)


async def test_no_body_is_needed(phone: Phone) -> None:
    await phone.send_all()
    assert (await phone.person.client.post(f"{phone.url}/complete")).status_code == 200
    assert await arrived(phone)


@pytest.mark.parametrize("dress", ["{}", 'W/"{}"', '"{}"'])
async def test_parts_may_be_named_in_any_order_and_their_etags_in_any_dress(phone: Phone, dress: str) -> None:
    await phone.send_all()
    named = [
        {"part_number": number, "etag": dress.format(etag.strip('"'))}
        for number, etag in sorted(phone.etags.items(), reverse=True)
    ]
    assert (await phone.complete(parts=named)).status_code == 200
    assert await arrived(phone)


async def test_the_whole_files_checksum_is_kept_for_the_worker(phone: Phone) -> None:
    await phone.send_all()
    digest = sha256_of(b"".join(PIECES))
    assert (await phone.complete(sha256=digest)).status_code == 200
    assert (await phone.row()).sha256 == digest


async def test_parts_that_are_missing_are_named_and_nothing_is_lost(phone: Phone) -> None:
    await phone.send(2)
    refused = await phone.complete()
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/upload-incomplete")
    assert (refused.json()["missing"], refused.json()["state"]) == (["1", "3"], "open")
    await phone.send(1)
    await phone.send(3)
    assert (await phone.complete()).status_code == 200
    assert await arrived(phone)


async def test_an_upload_of_which_nothing_was_sent_lacks_everything(phone: Phone) -> None:
    assert (await phone.complete()).json()["missing"] == ["1", "2", "3"]


async def test_parts_of_a_wrong_size_are_named(phone: Phone) -> None:
    await phone.send_all()
    for number, data in ((2, PIECES[1] + b"more"), (3, SMALL[:-1])):
        await phone.send_as_is(number, data)
    refused = await phone.complete()
    assert (refused.status_code, refused.json()["missing"]) == (409, ["2", "3"])
    await phone.send(2)
    await phone.send(3)
    assert (await phone.complete()).status_code == 200
    assert await arrived(phone)


async def test_parts_that_are_others_than_named_or_not_named_are_missing(phone: Phone) -> None:
    await phone.send_all()
    named = [{"part_number": 1, "etag": phone.etags[1]}, {"part_number": 3, "etag": phone.etags[1]}]
    refused = await phone.complete(parts=named)
    assert (refused.status_code, refused.json()["missing"]) == (409, ["2", "3"])
    assert (await phone.row()).state == "open"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"parts": [{"part_number": 4, "etag": "x"}]}, "/parts/0/part_number"),
        ({"parts": [{"part_number": 1, "etag": "x"}, {"part_number": 1, "etag": "y"}]}, "/parts/1/part_number"),
        ({"parts": [{"part_number": 1}]}, "/parts/0/etag"),
        ({"sha256": "no digest"}, "/sha256"),
        ({"size": 1}, "/size"),
    ],
)
async def test_a_wrong_request_names_what_is_wrong(
    org: OrgKit, storage: Storage, http: httpx.AsyncClient, settings: Settings, body: dict[str, Any], pointer: str
) -> None:
    phone = await make_phone(org, storage, http, settings)
    await phone.start()
    refused = await phone.complete(**body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] in {pointer, pointer.rpartition("/")[0]}


async def test_done_again_it_answers_with_the_asset_in_whatever_state_that_is(phone: Phone) -> None:
    await phone.send_all()
    first, again = await phone.complete(), await phone.complete()
    assert (again.status_code, again.json()) == (200, first.json())
    async with phone.org.database.tenant(phone.org.id) as session:
        asset = await session.merge(await phone.asset())
        asset.move("playable")
    later = await phone.complete(parts=[])
    assert (later.status_code, later.json()["state"]) == (200, "playable")
    assert await phone.jobs() == ["process_asset"]


async def test_an_answer_that_was_lost_loses_no_upload(phone: Phone) -> None:
    """The store has joined the parts; then the process ended, before it could write that down."""
    await phone.send_all()
    await phone.join()
    assert (await phone.row()).state == "open"
    digest = sha256_of(b"".join(PIECES))
    answer = await phone.complete(parts=[{"part_number": n, "etag": e} for n, e in phone.etags.items()], sha256=digest)
    assert (answer.status_code, (await phone.row()).sha256) == (200, digest)
    assert await arrived(phone)


async def test_a_look_at_an_upload_whose_answer_was_lost_shows_it_completed(phone: Phone) -> None:
    await phone.send_all()
    await phone.join()
    seen = await phone.seen()
    assert (seen["state"], seen["parts"], seen["received_bytes"]) == ("completed", [], SIZE)
    assert await arrived(phone)


async def test_several_that_complete_at_once_complete_once(phone: Phone) -> None:
    await phone.send_all()
    answers = await asyncio.gather(*(phone.complete() for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert await arrived(phone)
    async with phone.org.database.tenant(phone.org.id) as session:
        moved = select(func.count()).where(
            Event.org_id == phone.org.id, Event.subject_id == phone.asset_id, Event.name == "asset.processing"
        )
        assert await session.scalar(moved) == 1


async def test_completing_and_giving_up_at_once_leave_one_winner(phone: Phone) -> None:
    await phone.send_all()
    completed, deleted = await asyncio.gather(phone.complete(), phone.person.client.delete(phone.url))
    state, there = (await phone.row()).state, await phone.store.head(phone.key)
    assert (completed.status_code, deleted.status_code, state) in {(200, 409, "completed"), (409, 204, "aborted")}
    assert (there is not None) == (state == "completed")


async def test_what_was_given_up_is_not_completed(phone: Phone) -> None:
    await phone.send_all()
    await phone.person.client.delete(phone.url)
    refused = await phone.complete()
    assert (refused.status_code, refused.json()["state"]) == (409, "aborted")
    assert await phone.store.head(phone.key) is None


class Quiet:
    """A store that does not tell the checksums of its parts, as some do not."""

    def __init__(self, store: Storage) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        return [replace(part, checksum_sha256=None) for part in await self.store.list_parts(key, multipart_id)]


async def test_checksums_that_the_store_does_not_tell_are_remembered(phone: Phone) -> None:
    phone.org.app.state.storage = Quiet(phone.store)
    await phone.send_all()
    assert (await phone.complete()).status_code == 200
    assert await arrived(phone)


@pytest.fixture
async def folder(local_server: LocalServer, tmp_path: Path, clock: Clock) -> AsyncIterator[Storage]:
    """The embedded store alone, which compares checksums as AWS does: the other one of the tests does not."""
    with local_server.serve(tmp_path / "store", clock) as local:
        yield local
        await local.close()


async def test_a_part_that_was_signed_for_anew_but_not_sent_can_be_sent_again(
    org: OrgKit, folder: Storage, http: httpx.AsyncClient, settings: Settings
) -> None:
    phone = await make_phone(org, folder, http, settings, checksums=True)
    phone.org.app.state.storage = Quiet(folder)
    await phone.start()
    await phone.send_all()
    phone.pieces[2] = SMALL[::-1]
    await phone.sign(3)
    refused = await phone.complete()
    assert (refused.status_code, refused.json()["missing"]) == (409, ["1", "2", "3"])
    await phone.send_all()
    assert (await phone.complete()).status_code == 200
    assert await arrived(phone)


class Overtaken(Quiet):
    """A store in which the last part is replaced right before the parts are joined for the first time."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone.store)
        self.phone = phone
        self.joins = 0

    async def complete_multipart(self, key: str, multipart_id: str, parts: Any) -> None:
        self.joins += 1
        if self.joins == 1:
            self.phone.pieces[2] = SMALL[::-1]
            await self.phone.send(3)
        await self.store.complete_multipart(key, multipart_id, parts)


async def test_a_part_that_is_replaced_while_the_parts_are_joined_is_looked_at_again(phone: Phone) -> None:
    await phone.send_all()
    store = phone.org.app.state.storage = Overtaken(phone)
    assert (await phone.complete()).status_code == 200
    assert store.joins == 2
    assert await arrived(phone)


async def test_a_take_that_waited_for_its_bytes_is_submitted_when_they_are_there(
    org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings
) -> None:
    story = await make_story(replace(org, app=app_over(store, org.database, settings)), prompts=2)
    names = [{"assignment_id": str(story.assignment_id), "prompt_id": str(prompt)} for prompt in story.prompts]
    phones = [Phone(story.org, story.rep, store, http) for _ in names]
    for phone, name in zip(phones, names, strict=True):
        await phone.start(**name)
    take = await submitted(story.rep.client, names, phones)
    assert take["state"] == "submitting"
    states = []
    for phone in phones:
        await phone.send_all()
        assert (await phone.complete()).status_code == 200
        states.append((await story.rep.client.get(f"/v1/takes/{take['id']}")).json()["state"])
    assert states == ["submitting", "submitted"]


async def submitted(client: httpx.AsyncClient, names: list[dict[str, str]], phones: list[Phone]) -> dict[str, Any]:
    take = (await client.post(f"/v1/assignments/{names[0]['assignment_id']}/takes", json={})).json()
    for name, phone in zip(names, phones, strict=True):
        url = f"/v1/takes/{take['id']}/responses/{name['prompt_id']}"
        assert (await client.put(url, json={"asset_id": str(phone.asset_id)})).status_code == 200
    answer: dict[str, Any] = (await client.post(f"/v1/takes/{take['id']}/submit", json={})).json()
    return answer
