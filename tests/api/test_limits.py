"""What one person, and one organization, may ask for: requests a minute, open uploads, storage."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.app import create_app
from api.auth import Caller
from api.limits.rates import WINDOW_S, Rates
from api.parts import Parts
from models.database import Database
from models.errors import TooManyError, UnavailableError
from models.ids import new_id
from tests.client import Document
from tests.factories.accounts import refused
from tests.factories.people import OrgKit, Somebody

FILE: dict[str, Any] = {"filename": "talk.mp4", "content_type": "video/mp4", "size_bytes": 1000}

At = Callable[..., OrgKit]


@pytest.fixture
def limited(parts: Parts, org: OrgKit, document: Document) -> At:
    """The organization on an application of its own with these settings."""

    def make(**settings: Any) -> OrgKit:
        app = create_app(replace(parts, settings=replace(parts.settings, **settings)))
        return replace(org, app=app, document=document)

    return make


def somebody(org_id: UUID | None = None) -> Caller:
    return Caller(org_id or new_id(), new_id(), new_id())


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def allowed(rates: Rates, who: Caller, most: int = 100) -> int:
    """Count until it is refused, and return how many were let through."""
    for number in range(most):
        try:
            rates.count(who)
        except TooManyError:
            return number
    return most


async def test_who_asks_too_often_waits_and_nobody_else_does(limited: At) -> None:
    org = limited(requests_per_minute=3)
    robin, riley = await org.person(), await org.person()
    assert [(await robin.client.get("/v1/me")).status_code for _ in range(3)] == [200] * 3
    answer = await robin.client.get("/v1/me")
    assert refused(answer) == (429, "too-many-requests")
    assert 0 < int(answer.headers["retry-after"]) == answer.json()["retry_after_s"] <= WINDOW_S
    assert (await riley.client.get("/v1/me")).status_code == 200


async def test_an_organization_has_a_limit_of_its_own(limited: At) -> None:
    org = limited(org_requests_per_minute=3)
    people = [await org.person() for _ in range(4)]
    answers = [await person.client.get("/v1/me") for person in people]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "organization" in answers[-1].json()["detail"]


async def test_a_limit_of_nothing_does_not_limit(limited: At) -> None:
    org = limited(requests_per_minute=0, org_requests_per_minute=0)
    robin = await org.person()
    assert {(await robin.client.get("/v1/me")).status_code for _ in range(20)} == {200}


def test_counting_costs_no_statement() -> None:
    nowhere: Any = None
    assert allowed(Rates(nowhere, person=10, org=100), somebody()) == 10


def test_the_next_minute_begins_anew() -> None:
    nowhere: Any = None
    clock, robin = Clock(), somebody()
    rates = Rates(nowhere, person=2, org=0, clock=clock)
    assert allowed(rates, robin) == 2
    clock.now += WINDOW_S
    assert allowed(rates, robin) == 2


def test_what_was_refused_does_not_count_against_the_organization() -> None:
    nowhere: Any = None
    rates, robin = Rates(nowhere, person=2, org=3), somebody()
    assert [allowed(rates, robin) for _ in range(5)] == [2, 0, 0, 0, 0]
    assert allowed(rates, somebody(robin.org_id)) == 1


async def test_processes_count_together(database: Database) -> None:
    robin = somebody()
    here, there = Rates(database, person=10, org=100), Rates(database, person=10, org=100)
    for _ in range(4):
        here.count(robin)
        there.count(robin)
    await here.share()
    await there.share()
    assert allowed(there, robin) == 2
    await there.share()
    assert allowed(here, robin) == 6  # until it hears of the others
    await here.share()
    assert allowed(here, robin) == 0


async def test_sharing_again_counts_nothing_twice(database: Database) -> None:
    robin, rates = somebody(), Rates(database, person=10, org=100)
    for _ in range(3):
        rates.count(robin)
        await rates.share()
        await rates.share()
    assert allowed(rates, robin) == 7


async def test_while_the_database_is_away_each_process_counts_alone_and_forgets_nothing(database: Database) -> None:
    gone = Database("postgresql+asyncpg://nobody:x@127.0.0.1:1/none")
    robin, rates = somebody(), Rates(gone, person=5, org=100)
    for _ in range(3):
        rates.count(robin)
    with pytest.raises(UnavailableError):
        await rates.share()
    assert allowed(rates, robin) == 2
    await gone.dispose()
    rates._database = database
    await rates.share()
    other = Rates(database, person=5, org=100)
    other.count(robin)
    await other.share()
    assert allowed(other, robin) == 0


async def announced(person: Somebody, **body: Any) -> httpx.Response:
    return await person.client.post("/v1/uploads", json=FILE | body)


async def test_a_person_has_so_many_uploads_open_and_no_more(limited: At) -> None:
    org = limited(open_uploads_per_person=2)
    robin, riley = await org.person(), await org.person()
    first, second = await announced(robin), await announced(robin)
    assert (first.status_code, second.status_code) == (201, 201)
    assert refused(await announced(robin)) == (409, "too-many-uploads")
    assert (await announced(riley)).status_code == 201
    assert (await robin.client.delete(f"/v1/uploads/{first.json()['id']}")).status_code == 204
    assert (await announced(robin)).status_code == 201


async def test_an_organization_has_so_many_uploads_open(limited: At) -> None:
    org = limited(open_uploads_per_org=2)
    people = [await org.person() for _ in range(3)]
    answers = [await announced(person) for person in people]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert refused(answers[-1]) == (409, "too-many-uploads")


async def test_an_upload_announced_again_is_answered_although_the_limit_is_reached(limited: At) -> None:
    org = limited(open_uploads_per_person=1, org_quota_bytes=1000)
    robin = await org.person()
    key = str(new_id())
    assert [(await announced(robin, id=key)).status_code for _ in range(3)] == [201, 200, 200]


async def test_what_does_not_fit_into_the_quota_is_refused(limited: At) -> None:
    org = limited(org_quota_bytes=2500)
    robin, riley = await org.person(), await org.person()
    first = await announced(robin)
    assert (first.status_code, (await announced(riley)).status_code) == (201, 201)
    answer = await announced(robin)
    assert refused(answer) == (409, "quota-exceeded")
    assert "2500 bytes" in answer.json()["detail"]
    assert (await announced(robin, size_bytes=500)).status_code == 201
    assert (await robin.client.delete(f"/v1/uploads/{first.json()['id']}")).status_code == 204
    assert (await announced(robin)).status_code == 201


async def test_two_that_are_announced_at_once_do_not_both_take_the_last_room(limited: At) -> None:
    org = limited(org_quota_bytes=3000)
    people = [await org.person() for _ in range(6)]
    answers = await asyncio.gather(*(announced(person) for person in people))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 409, 409, 409]


async def test_an_admin_sees_how_full_the_storage_is(limited: At) -> None:
    org = limited(org_quota_bytes=2500)
    ada, robin = await org.person(org_role="admin"), await org.person()
    await announced(robin)
    assert (await ada.client.get("/v1/me")).json()["storage"] == {
        "used_bytes": 1000,
        "quota_bytes": 2500,
        "nearly_full": False,
    }
    await announced(robin)
    storage = (await ada.client.get("/v1/me")).json()["storage"]
    assert (storage["used_bytes"], storage["nearly_full"]) == (2000, True)
    assert (await robin.client.get("/v1/me")).json()["storage"] is None


async def test_without_a_quota_there_is_nothing_to_see(org: OrgKit) -> None:
    ada = await org.person(org_role="admin")
    assert (await ada.client.get("/v1/me")).json()["storage"] is None


async def test_a_body_of_more_than_a_megabyte_is_not_read(org: OrgKit) -> None:
    robin = await org.person()
    answer = await robin.client.patch("/v1/me", json={"name": "x" * (1024 * 1024)})
    assert refused(answer) == (413, "too-large")
