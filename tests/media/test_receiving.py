"""The sweep: it finishes what phones began and never came back for, and ends what takes too long."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.settings import Settings
from media.receiving import sweep_upload
from media.storage import NoSuchMultipart, Storage
from models.base import now
from models.ids import new_id
from tests.factories.people import OrgKit
from tests.factories.takes import make_story
from tests.factories.uploads import SIZE, Phone, make_phone
from tests.stores import BIG, SMALL


@pytest.fixture(params=[False, True], ids=["plain", "checksums"])
def checksums(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def phone(org: OrgKit, store: Storage, http: httpx.AsyncClient, settings: Settings, checksums: bool) -> Phone:
    made = await make_phone(org, store, http, settings, checksums=checksums)
    await made.start()
    return made


async def sweep(phone: Phone) -> None:
    row = await phone.row()
    await sweep_upload(phone.org.database, phone.store, row.org_id, row.id)


async def ended(phone: Phone) -> None:
    await phone.change(expires_at=now() - timedelta(seconds=1))


async def to_sweep(phone: Phone) -> bool:
    async with phone.org.database.without_tenant() as session:
        rows = await session.execute(text("SELECT upload_id FROM uploads_to_sweep(100000)"))
        return phone.upload["id"] in {str(row.upload_id) for row in rows}


async def test_an_upload_whose_parts_are_all_there_is_completed(phone: Phone) -> None:
    await phone.send_all()
    await sweep(phone)
    assert ((await phone.row()).state, (await phone.asset()).state) == ("completed", "processing")
    assert await phone.store.read_bytes(phone.key) == b"".join(phone.pieces)
    assert await phone.jobs() == ["process_asset"]
    assert (await phone.complete()).status_code == 200
    assert await phone.jobs() == ["process_asset"]


async def test_an_upload_that_the_store_has_joined_already_is_completed(phone: Phone) -> None:
    await phone.send_all()
    await phone.join()
    await sweep(phone)
    assert ((await phone.row()).state, await phone.jobs()) == ("completed", ["process_asset"])


async def test_two_sweeps_and_a_phone_that_complete_at_once_complete_once(phone: Phone) -> None:
    await phone.send_all()
    _, _, answer = await asyncio.gather(sweep(phone), sweep(phone), phone.complete())
    assert answer.status_code == 200
    assert ((await phone.row()).state, await phone.jobs()) == ("completed", ["process_asset"])


async def test_an_upload_that_lacks_parts_is_noted_and_left(phone: Phone) -> None:
    await phone.send(1)
    await sweep(phone)
    row = await phone.row()
    assert (row.state, row.received_bytes) == ("open", len(BIG))
    assert row.checked_at is not None
    await phone.send(2)
    assert [part["part_number"] for part in (await phone.seen())["parts"]] == [1, 2]


async def test_an_upload_is_looked_at_again_after_a_minute(phone: Phone) -> None:
    assert not await to_sweep(phone)
    await phone.change(created_at=now() - timedelta(minutes=2))
    assert await to_sweep(phone)
    await sweep(phone)
    assert not await to_sweep(phone)
    await phone.change(checked_at=now() - timedelta(minutes=2))
    assert await to_sweep(phone)


async def test_an_upload_lives_longer_when_parts_have_arrived_since(phone: Phone) -> None:
    soon = now() + timedelta(hours=1)
    await phone.send(3)
    await phone.change(expires_at=soon)
    await sweep(phone)
    longer = (await phone.row()).expires_at
    assert longer > soon + timedelta(days=6)
    await phone.change(expires_at=soon)
    await sweep(phone)
    assert (await phone.row()).expires_at == soon


async def test_an_upload_whose_time_is_over_expires_and_its_asset_fails(phone: Phone) -> None:
    await phone.send(1)
    multipart_id = (await phone.row()).multipart_id
    await ended(phone)
    await sweep(phone)
    asset = (await phone.person.client.get(f"/v1/assets/{phone.asset_id}")).json()
    assert ((await phone.row()).state, asset["state"]) == ("expired", "failed")
    assert (asset["problem"]["code"], asset["problem"]["retryable"]) == ("upload_expired", False)
    with pytest.raises(NoSuchMultipart):
        await phone.store.list_parts(phone.key, multipart_id)
    refused = await phone.complete()
    assert (refused.status_code, refused.json()["state"]) == (409, "expired")
    assert await phone.jobs() == []


async def test_an_upload_of_which_nothing_ever_came_expires_too(phone: Phone) -> None:
    await ended(phone)
    await sweep(phone)
    assert ((await phone.row()).state, (await phone.asset()).problem_code) == ("expired", "upload_expired")


async def test_an_upload_that_is_all_there_is_completed_though_its_time_is_over(phone: Phone) -> None:
    await phone.send_all()
    await ended(phone)
    await sweep(phone)
    assert (await phone.row()).state == "completed"


async def test_a_sweep_that_ended_between_store_and_row_is_finished_by_the_next(phone: Phone) -> None:
    await phone.send(1)
    await phone.store.abort_multipart(phone.key, (await phone.row()).multipart_id)
    await ended(phone)
    await sweep(phone)
    assert ((await phone.row()).state, (await phone.asset()).state) == ("expired", "failed")


async def test_a_take_that_waits_for_an_upload_that_expires_asks_for_a_replacement(
    org: OrgKit, store: Storage, http: httpx.AsyncClient
) -> None:
    story = await make_story(org)
    phone = Phone(org, story.rep, store, http)
    await phone.start()
    take = (await story.rep.client.post(f"/v1/assignments/{story.assignment_id}/takes", json={})).json()
    url = f"/v1/takes/{take['id']}"
    await story.rep.client.put(f"{url}/responses/{story.prompts[0]}", json={"asset_id": phone.upload["asset_id"]})
    await story.rep.client.post(f"{url}/submit", json={})
    await ended(phone)
    await sweep(phone)
    assert (await story.rep.client.get(url)).json()["state"] == "needs_replacement"


@pytest.mark.parametrize("end", ["completed", "aborted", "expired"])
async def test_what_has_ended_is_left_as_it_is(phone: Phone, end: str) -> None:
    await phone.send_all()
    if end == "completed":
        await phone.complete()
    elif end == "aborted":
        await phone.person.client.delete(phone.url)
    else:
        await phone.change(state="expired")
    before = (await phone.row()).checked_at, await phone.jobs()
    await sweep(phone)
    row = await phone.row()
    assert (row.state, row.checked_at, await phone.jobs()) == (end, *before)


async def test_an_upload_that_is_gone_is_no_error(org: OrgKit, storage: Storage) -> None:
    await sweep_upload(org.database, storage, org.id, new_id())


async def test_bytes_that_nobody_wants_any_more_leave_no_object(phone: Phone) -> None:
    """The upload ended in the same moment in which the store joined its parts."""
    await phone.send_all()
    joined: Any = phone.store.complete_multipart

    class Late:
        """The store, during whose joining the upload is given up."""

        def __getattr__(self, name: str) -> Any:
            return getattr(phone.store, name)

        async def complete_multipart(self, *args: Any) -> None:
            await joined(*args)
            assert (await phone.person.client.delete(phone.url)).status_code == 204

    row = await phone.row()
    late: Any = Late()
    await sweep_upload(phone.org.database, late, row.org_id, row.id)
    assert ((await phone.row()).state, await phone.store.head(phone.key)) == ("aborted", None)
    assert 2 * len(BIG) + len(SMALL) == SIZE
