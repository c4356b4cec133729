"""Invitations and password resets: a link opens the account once, and only the last one does."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update

from models.event import Event
from models.ids import new_id
from models.person import AccountToken, Person
from models.tokens import read_token, token_text
from tests.conftest import SECRET
from tests.factories.accounts import (
    Account,
    account,
    answered,
    bearer,
    jobs,
    links,
    refresh,
    refused,
    visitor,
)
from tests.factories.people import OrgKit, Somebody
from tests.factories.rushes import at_once

USED = (401, "link-used")
NEW = "another long password"


async def invite(org: OrgKit, admin: Somebody, **values: Any) -> Account:
    body = {"name": "Ira Invited", "email": f"{new_id().hex}@example.com", **values}
    made = answered(await admin.client.post("/v1/people", json=body), 201)
    return Account(org, UUID(made["id"]), made["email"], visitor(org))


async def invited(org: OrgKit) -> Account:
    return await invite(org, await org.person("Ada Admin", "admin"))


async def accept(who: Account, token: str, **values: Any) -> httpx.Response:
    return await who.client.post("/v1/auth/accept-invitation", json={"token": token, "password": NEW, **values})


async def invitation(who: Account) -> str:
    return (await links(who.org, who.id, "invitation"))[-1]


async def asked(who: Account) -> str:
    """Ask for a reset, and return what came by mail."""
    assert (await who.reset()).status_code == 204
    return (await links(who.org, who.id, "password_reset"))[-1]


async def set_new(who: Account, token: str, password: str = NEW) -> httpx.Response:
    return await who.client.post("/v1/auth/reset-password", json={"token": token, "password": password})


async def age(who: Account, **span: float) -> None:
    """Let the links of a person have been made so long ago."""
    async with who.org.database.tenant(who.org.id) as session:
        mine = AccountToken.org_id == who.org.id, AccountToken.person_id == who.id
        earlier = AccountToken.expires_at - timedelta(**span)
        await session.execute(update(AccountToken).where(*mine).values(expires_at=earlier))


async def person(who: Account) -> Person:
    async with who.org.database.tenant(who.org.id) as session:
        return await session.get_one(Person, (who.org.id, who.id))


async def test_an_invitation_has_no_password_and_its_mail_is_deferred_with_it(org: OrgKit) -> None:
    who = await invited(org)
    row = await person(who)
    [job] = await jobs(org, "send_link")
    _, key = read_token(SECRET, "invitation", await invitation(who))
    assert (row.state, row.password_hash) == ("invited", None)
    assert job["account_token_id"] == str(key)
    assert set(job) == {"org_id", "request_id", "account_token_id"}


async def test_who_accepts_is_signed_in_with_their_password_and_name(org: OrgKit) -> None:
    who = await invited(org)
    tokens = answered(await accept(who, await invitation(who), name="Ira Q."))
    me = answered(await who.client.get("/v1/me", headers=bearer(tokens["access_token"])))
    assert (me["id"], me["name"]) == (str(who.id), "Ira Q.")
    answered(await refresh(who.client, tokens["refresh_token"]))
    await who.signed_in(password=NEW)


async def test_who_accepts_without_a_name_keeps_the_one_they_were_invited_with(org: OrgKit) -> None:
    who = await invited(org)
    answered(await accept(who, await invitation(who)))
    row = await person(who)
    assert (row.name, row.state) == ("Ira Invited", "active")


async def test_accepting_is_an_event_by_who_accepts(org: OrgKit) -> None:
    who = await invited(org)
    answered(await accept(who, await invitation(who)))
    query = select(Event.data, Event.actor_id).where(
        Event.org_id == org.id, Event.subject_id == who.id, Event.name == "person.active"
    )
    async with org.database.tenant(org.id) as session:
        [event] = (await session.execute(query)).all()
    assert tuple(event) == ({"from": "invited"}, who.id)


async def test_an_invitation_is_accepted_once(org: OrgKit) -> None:
    who = await invited(org)
    token = await invitation(who)
    answered(await accept(who, token))
    assert refused(await accept(who, token, password="a third long password")) == USED
    await who.signed_in(password=NEW)


async def test_an_invitation_accepted_twice_at_once_is_accepted_once(org: OrgKit) -> None:
    who = await invited(org)
    token = await invitation(who)
    answers = await at_once(org, Person, [who.id], *(accept(who, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_an_invitation_lives_fourteen_days(org: OrgKit) -> None:
    who = await invited(org)
    token = await invitation(who)
    await age(who, days=13, hours=23)
    await age(who, hours=2)
    assert refused(await accept(who, token)) == USED


async def test_an_invitation_of_thirteen_days_is_accepted(org: OrgKit) -> None:
    who = await invited(org)
    await age(who, days=13)
    answered(await accept(who, await invitation(who)))


async def test_an_invitation_that_was_sent_again_replaces_the_one_before(org: OrgKit) -> None:
    admin = await org.person("Ada Admin", "admin")
    who = await invite(org, admin)
    first = await invitation(who)
    answered(await admin.client.post(f"/v1/people/{who.id}/invite"))
    second = await invitation(who)
    assert (len(await jobs(org, "send_link")), first != second) == (2, True)
    assert refused(await accept(who, first)) == USED
    answered(await accept(who, second))


async def test_an_invitation_of_who_left_meanwhile_opens_nothing(org: OrgKit) -> None:
    admin = await org.person("Ada Admin", "admin")
    who = await invite(org, admin)
    token = await invitation(who)
    await admin.client.patch(f"/v1/people/{who.id}", json={"state": "left"}, headers={"if-match": "*"})
    assert refused(await accept(who, token)) == USED


async def test_who_is_invited_cannot_ask_for_a_reset(org: OrgKit) -> None:
    who = await invited(org)
    assert (await who.reset()).status_code == 204
    assert await links(org, who.id, "password_reset") == []


@pytest.mark.parametrize("password", ["short", "", "x" * 201])
async def test_a_password_that_is_too_short_or_too_long_is_refused_and_the_link_stays(
    org: OrgKit, password: str
) -> None:
    who = await invited(org)
    token = await invitation(who)
    answer = await accept(who, token, password=password)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/password")
    answered(await accept(who, token))


async def test_a_link_that_was_not_made_here_opens_nothing(org: OrgKit) -> None:
    who = await invited(org)
    _, key = read_token(SECRET, "invitation", await invitation(who))
    for token in (
        token_text(b"somebody else's secret", "invitation", org.id, key),
        token_text(SECRET, "password_reset", org.id, key),
        token_text(SECRET, "invitation", new_id(), key)[:-1],
        "x",
    ):
        assert refused(await accept(who, token)) == (401, "token-invalid")
    assert refused(await accept(who, token_text(SECRET, "invitation", org.id, new_id()))) == USED
    assert refused(await accept(who, token_text(SECRET, "invitation", new_id(), key))) == USED


async def test_asking_for_a_reset_answers_the_same_whoever_is_meant(org: OrgKit) -> None:
    who, gone = await account(org), await account(org, state="left")
    answers = [
        await who.reset(),
        await gone.reset(),
        await who.reset(email="nobody@example.com"),
        await who.reset(org="no-such-org"),
    ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 4
    assert len(await jobs(org, "send_link")) == 1


async def test_the_job_of_a_reset_carries_the_id_of_the_request_that_asked(org: OrgKit) -> None:
    who = await account(org)
    asked_for = await who.reset()
    [job] = await jobs(org, "send_link")
    assert job["request_id"] == asked_for.headers["x-request-id"]


async def test_a_reset_is_mailed_whatever_the_letter_case(org: OrgKit) -> None:
    who = await account(org)
    assert (await who.reset(org=org.slug.upper(), email=who.email.upper())).status_code == 204
    [job] = await jobs(org, "send_link")
    _, key = read_token(SECRET, "password_reset", (await links(org, who.id, "password_reset"))[0])
    assert job["account_token_id"] == str(key)


async def test_a_new_password_takes_the_place_of_the_old_one(org: OrgKit) -> None:
    who = await account(org)
    assert (await set_new(who, await asked(who))).status_code == 204
    assert refused(await who.sign_in()) == (401, "sign-in-failed")
    await who.signed_in(password=NEW)


async def test_a_new_password_ends_every_session(org: OrgKit) -> None:
    who, other = await account(org), await account(org)
    mine, theirs = [await who.signed_in() for _ in range(2)], await other.signed_in()
    await set_new(who, await asked(who))
    for tokens in mine:
        assert (await who.client.get("/v1/me", headers=bearer(tokens["access_token"]))).status_code == 401
        assert refused(await refresh(who.client, tokens["refresh_token"])) == (401, "session-ended")
    answered(await refresh(other.client, theirs["refresh_token"]))


async def test_a_reset_link_is_used_once(org: OrgKit) -> None:
    who = await account(org)
    token = await asked(who)
    await set_new(who, token)
    assert refused(await set_new(who, token, "a third long password")) == USED
    await who.signed_in(password=NEW)


async def test_a_reset_link_used_twice_at_once_sets_one_password(org: OrgKit) -> None:
    who = await account(org)
    token = await asked(who)
    words = [f"the long password number {place}" for place in range(4)]
    answers = await at_once(org, Person, [who.id], *(set_new(who, token, word) for word in words))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [204, 401, 401, 401]
    await who.signed_in(password=words[codes.index(204)])


async def test_a_second_reset_link_replaces_the_first(org: OrgKit) -> None:
    who = await account(org)
    first, second = await asked(who), await asked(who)
    assert refused(await set_new(who, first)) == USED
    assert (await set_new(who, second)).status_code == 204


async def test_a_reset_link_lives_two_hours(org: OrgKit) -> None:
    who = await account(org)
    token = await asked(who)
    await age(who, hours=2)
    assert refused(await set_new(who, token)) == USED
    await who.signed_in()


async def test_a_reset_link_of_who_left_meanwhile_opens_nothing(org: OrgKit) -> None:
    admin, who = await org.person("Ada Admin", "admin"), await account(org)
    token = await asked(who)
    await admin.client.patch(f"/v1/people/{who.id}", json={"state": "left"}, headers={"if-match": "*"})
    assert refused(await set_new(who, token)) == USED


async def test_a_sign_in_with_the_old_password_during_a_reset_outlives_it_in_no_case(org: OrgKit) -> None:
    who = await account(org)
    token = await asked(who)
    signed, _ = await asyncio.gather(who.sign_in(), set_new(who, token))
    if signed.status_code == 200:
        assert refused(await refresh(who.client, signed.json()["refresh_token"])) == (401, "session-ended")
    else:
        assert refused(signed) == (401, "sign-in-failed")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"org": "acme"},
        {"email": "rep@acme.example"},
        {"token": "x"},
        {"password": NEW},
        {"org": "acme", "email": "rep@acme.example", "token": "x"},
        {"org": "acme", "email": "rep@acme.example", "token": "x", "password": NEW},
    ],
    ids=lambda body: "+".join(body) or "nothing",
)
async def test_a_reset_is_asked_or_set_and_nothing_in_between(org: OrgKit, body: dict[str, str]) -> None:
    answer = await visitor(org).post("/v1/auth/reset-password", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
