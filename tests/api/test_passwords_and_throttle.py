"""Passwords are compared without telling who is there; attempts are counted for all processes together."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api.accounts import throttle
from api.accounts.passwords import hash_password, password_matches
from api.accounts.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW_S
from api.embedded import Urls
from models.database import Database
from models.errors import TooManyError
from models.ids import new_id
from tests.factories.accounts import Account, account, links, refused, visitor
from tests.factories.people import OrgKit

WRONG = "wrong for certain"


async def test_a_password_matches_its_own_hash_only() -> None:
    stored = await hash_password("a long password")
    assert await password_matches(stored, "a long password")
    assert not await password_matches(stored, "a long password ")
    assert stored != await hash_password("a long password")


@pytest.mark.parametrize("stored", [None, "", "plain text", "$argon2id$v=19$m=19456,t=2,p=1$broken"])
async def test_what_is_no_hash_matches_nothing(stored: str | None) -> None:
    for password in ("", "plain text", "a password that nobody has"):
        assert not await password_matches(stored, password)


async def wrong_attempts(who: Account, count: int) -> list[int]:
    return [(await who.sign_in(password=WRONG)).status_code for _ in range(count)]


async def test_an_account_is_closed_for_a_while_after_too_many_attempts(org: OrgKit) -> None:
    who = await account(org)
    assert set(await wrong_attempts(who, PER_ACCOUNT)) == {401}
    answer = await who.sign_in()
    assert refused(answer) == (429, "too-many-requests")
    assert 0 < int(answer.headers["retry-after"]) <= WINDOW_S
    assert answer.json()["retry_after_s"] == int(answer.headers["retry-after"])


async def test_the_letter_case_and_the_address_make_no_other_account(org: OrgKit) -> None:
    who = await account(org)
    for place in range(PER_ACCOUNT):
        email = who.email.upper() if place % 2 else who.email
        await who.sign_in(visitor(org), email=email, password=WRONG)
    assert (await who.sign_in(visitor(org))).status_code == 429


async def test_an_account_that_does_not_exist_is_closed_as_well(org: OrgKit) -> None:
    who = await account(org)
    codes = [(await who.sign_in(email="nobody@example.com")).status_code for _ in range(PER_ACCOUNT + 1)]
    assert codes == [401] * PER_ACCOUNT + [429]


async def test_other_accounts_stay_open(make_org: Callable[..., Any]) -> None:
    org, elsewhere = await make_org(), await make_org()
    who, other = await account(org), await account(org)
    namesake = await account(elsewhere, email=who.email)
    await wrong_attempts(who, PER_ACCOUNT + 1)
    await other.signed_in()
    await namesake.signed_in()


async def test_success_forgets_the_attempts_before_it(org: OrgKit) -> None:
    who = await account(org)
    await wrong_attempts(who, PER_ACCOUNT - 1)
    await who.signed_in()
    assert set(await wrong_attempts(who, PER_ACCOUNT)) == {401}


async def test_a_new_password_opens_an_account_that_was_closed(org: OrgKit) -> None:
    who = await account(org)
    await wrong_attempts(who, PER_ACCOUNT + 1)
    await who.reset()
    [token] = await links(org, who.id, "password_reset")
    body = {"token": token, "password": "another long password"}
    assert (await who.client.post("/v1/auth/reset-password", json=body)).status_code == 204
    await who.signed_in(password="another long password")


async def test_resets_of_one_account_are_limited_whether_it_exists_or_not(org: OrgKit) -> None:
    who = await account(org)
    for email in (who.email, "nobody@example.com"):
        codes = [(await who.reset(email=email)).status_code for _ in range(PER_ACCOUNT + 1)]
        assert codes == [204] * PER_ACCOUNT + [429]


async def test_asking_for_resets_closes_no_sign_in(org: OrgKit) -> None:
    who = await account(org)
    for _ in range(PER_ACCOUNT + 1):
        await who.reset()
    await who.signed_in()


async def test_an_address_is_closed_after_too_many_attempts_on_many_accounts(org: OrgKit) -> None:
    who = await account(org)
    _, _, address = await attempts(org.database, PER_ADDRESS)
    there = visitor(org, address)
    assert (await who.sign_in(there)).status_code == 429
    await who.signed_in()


async def attempts(database: Database, count: int) -> tuple[str, list[str], str]:
    """Count attempts from one address, each on another account."""
    what, address = "sign-in", f"198.51.100.{new_id().hex}"
    emails = [f"{new_id().hex}@example.com" for _ in range(count)]
    for email in emails:
        await throttle.count_attempt(database, what, "acme", email, address)
    return what, emails, address


async def test_an_address_from_which_people_do_sign_in_stays_open(org: OrgKit) -> None:
    who = await account(org)
    _, _, address = await attempts(org.database, PER_ADDRESS - 1)
    office = visitor(org, address)
    for _ in range(3):
        await who.signed_in(office)
    assert (await who.sign_in(office, password=WRONG)).status_code == 401
    assert (await who.sign_in(office)).status_code == 429


async def test_who_has_an_account_gains_no_attempts_on_others(org: OrgKit) -> None:
    """A success takes back itself only: guesses stay counted however often one signs in between them."""
    who = await account(org)
    _, _, address = await attempts(org.database, PER_ADDRESS - 2)
    there = visitor(org, address)
    codes = []
    for _ in range(3):
        codes.append((await who.sign_in(there, email=f"{new_id().hex}@example.com")).status_code)
        codes.append((await who.sign_in(there)).status_code)
    assert codes == [401, 200, 401, 429, 429, 429]


async def test_processes_count_together(urls: Urls, org: OrgKit) -> None:
    others = [Database(urls.app, pool_size=2) for _ in range(2)]
    email = f"{new_id().hex}@example.com"

    async def attempt(database: Database, place: int) -> bool:
        try:
            await throttle.count_attempt(database, "sign-in", org.slug, email, f"198.51.100.{place}.{new_id().hex}")
        except TooManyError:
            return False
        return True

    passed = await asyncio.gather(*(attempt(others[place % 2], place) for place in range(PER_ACCOUNT * 2)))
    for database in others:
        await database.dispose()
    assert sum(passed) == PER_ACCOUNT


async def test_a_window_that_is_over_begins_anew(urls: Urls, org: OrgKit) -> None:
    who = await account(org)
    await wrong_attempts(who, PER_ACCOUNT + 1)
    await shift_window(urls, throttle.account_key("sign-in", org.slug, who.email), WINDOW_S + 1)
    assert set(await wrong_attempts(who, PER_ACCOUNT)) == {401}
    assert (await who.sign_in()).status_code == 429


async def test_waiting_as_long_as_was_said_is_enough(urls: Urls, org: OrgKit) -> None:
    who = await account(org)
    await wrong_attempts(who, PER_ACCOUNT + 1)
    key = throttle.account_key("sign-in", org.slug, who.email)
    await shift_window(urls, key, WINDOW_S - 60)
    wait = int((await who.sign_in()).headers["retry-after"])
    assert 0 < wait <= 60
    await shift_window(urls, key, wait)
    await who.signed_in()


async def test_counters_hold_no_plain_text(urls: Urls, org: OrgKit) -> None:
    who = await account(org)
    await wrong_attempts(who, 1)
    engine = create_async_engine(urls.superuser, poolclass=NullPool)
    async with engine.connect() as connection:
        keys = list(await connection.scalars(text("SELECT key FROM throttle")))
    await engine.dispose()
    assert throttle.account_key("sign-in", org.slug, who.email) in keys
    assert all(len(key) == 64 and int(key, 16) >= 0 for key in keys)


async def shift_window(urls: Urls, key: str, seconds: int) -> None:
    """Let a window have begun so much earlier; only the owner may touch the counters."""
    engine = create_async_engine(urls.migrate, poolclass=NullPool)
    async with engine.begin() as connection:
        moved = await connection.execute(
            text("UPDATE throttle SET window_start = window_start - make_interval(secs => :s) WHERE key = :key"),
            {"s": seconds, "key": key},
        )
        assert moved.rowcount == 1
    await engine.dispose()
