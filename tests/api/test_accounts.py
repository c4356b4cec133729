"""Who I am, and what lets me in: passwords, access tokens, and what a stranger learns."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select

from api.auth import ISSUER, Caller, Tokens
from models.base import now
from models.ids import new_id
from models.person import Person
from tests.client import Client
from tests.conftest import SECRET
from tests.factories.accounts import PASSWORD, account, answered, bearer, refused
from tests.factories.people import OrgKit

NOBODYS = "0193a1b27f7f7a2a8dfe9d4a11111111"


async def me(client: Client, token: str) -> httpx.Response:
    return await client.get("/v1/me", headers=bearer(token))


def without_id(response: httpx.Response) -> dict[str, Any]:
    return {key: value for key, value in response.json().items() if key != "request_id"}


async def test_who_signs_in_gets_tokens_that_open_the_api(org: OrgKit) -> None:
    who = await account(org)
    tokens = await who.signed_in()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 15 * 60)
    body = answered(await me(who.client, tokens["access_token"]))
    assert (body["id"], body["email"], body["org"]["slug"]) == (str(who.id), who.email, org.slug)


@pytest.mark.parametrize(
    "wrong", [{"org": "no-such-org"}, {"email": "nobody@example.com"}, {"password": "another password"}], ids=str
)
async def test_whichever_of_the_three_is_wrong_the_answer_is_the_same(org: OrgKit, wrong: dict[str, Any]) -> None:
    who = await account(org)
    answer = await who.sign_in(**wrong)
    assert refused(answer) == (401, "sign-in-failed")
    assert without_id(answer) == without_id(await who.sign_in(password="wrong for certain"))
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_letter_case_of_organization_and_email_does_not_matter(org: OrgKit) -> None:
    who = await account(org, email=f"robin.{new_id().hex}@example.com")
    await who.signed_in(org=org.slug.upper(), email=who.email.upper())


async def test_an_account_of_one_organization_opens_no_other(make_org: Callable[..., Any]) -> None:
    here, there = await make_org(), await make_org()
    who = await account(here)
    assert refused(await who.sign_in(org=there.slug)) == (401, "sign-in-failed")


async def test_the_same_address_in_two_organizations_is_two_accounts(make_org: Callable[..., Any]) -> None:
    here, there = await make_org(), await make_org()
    who = await account(here)
    other = await account(there, email=who.email)
    token = (await other.signed_in())["access_token"]
    assert answered(await me(who.client, token))["id"] == str(other.id)


@pytest.mark.parametrize("state", ["invited", "left"])
async def test_who_is_not_active_cannot_sign_in(org: OrgKit, state: str) -> None:
    who = await account(org, state=state)
    assert refused(await who.sign_in()) == (401, "sign-in-failed")


async def test_an_account_without_a_password_is_opened_by_none(org: OrgKit) -> None:
    who = await account(org)
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Person, (org.id, who.id))).password_hash = None
    for password in (PASSWORD, "a password that nobody has"):
        assert refused(await who.sign_in(password=password)) == (401, "sign-in-failed")


async def test_a_password_is_kept_as_a_hash_only(org: OrgKit) -> None:
    who = await account(org)
    async with org.database.tenant(org.id) as session:
        kept = await session.scalar(select(Person.password_hash).where(Person.org_id == org.id, Person.id == who.id))
    assert str(kept).startswith("$argon2id$")


def claims(org: OrgKit, who: Caller, /, **other: Any) -> dict[str, Any]:
    soon = int((datetime.now(UTC) + timedelta(minutes=5)).timestamp())
    said = {"iss": ISSUER, "org": org.id.hex, "sub": who.person_id.hex, "sid": who.session_id.hex, "exp": soon}
    return {key: value for key, value in (said | other).items() if value is not None}


def signed(content: dict[str, Any], secret: bytes = SECRET) -> str:
    return jwt.encode({"alg": "HS256"}, content, OctKey.import_key(secret))


async def caller(org: OrgKit) -> Caller:
    who = await account(org)
    token = (await who.signed_in())["access_token"]
    return Tokens(SECRET).read(token)


async def test_a_token_made_of_the_right_claims_opens(org: OrgKit) -> None:
    who = await caller(org)
    assert (await me(org.client(), signed(claims(org, who)))).status_code == 200


@pytest.mark.parametrize(
    "other",
    [
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iss": "another"},
        {"iss": None},
        {"org": None},
        {"sub": "nobody"},
        {"sub": 17},
        {"sid": None},
        {"sid": NOBODYS},
        {"org": NOBODYS},
    ],
    ids=str,
)
async def test_a_token_with_wrong_claims_opens_nothing(org: OrgKit, other: dict[str, Any]) -> None:
    who = await caller(org)
    assert refused(await me(org.client(), signed(claims(org, who, **other)))) == (401, "unauthenticated")


async def test_a_token_signed_by_somebody_else_opens_nothing(org: OrgKit) -> None:
    who = await caller(org)
    forged = signed(claims(org, who), b"a secret that is not the server's own")
    assert refused(await me(org.client(), forged)) == (401, "unauthenticated")


async def test_a_token_without_a_signature_opens_nothing(org: OrgKit) -> None:
    head, body, _ = signed(claims(org, await caller(org))).split(".")
    unsigned = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    for token in (f"{unsigned}.{body}.", f"{head}.{body}.", f"{head}.{body}", "", ".", "..", "x"):
        assert (await me(org.client(), token)).status_code == 401


async def test_a_session_of_one_person_is_not_anothers(org: OrgKit) -> None:
    mine, theirs = await caller(org), await caller(org)
    mixed = Caller(org.id, mine.person_id, theirs.session_id)
    assert refused(await me(org.client(), Tokens(SECRET).issue(mixed))) == (401, "unauthenticated")


async def test_a_person_and_session_of_another_organization_open_nothing_here(make_org: Callable[..., Any]) -> None:
    here, there = await make_org(), await make_org()
    foreign = await caller(there)
    moved = Tokens(SECRET).issue(Caller(here.id, foreign.person_id, foreign.session_id))
    assert refused(await me(here.client(), moved)) == (401, "unauthenticated")


@pytest.mark.parametrize("header", ["", "Basic cm9iaW46eA==", "Bearer", "Bearer "])
async def test_another_kind_of_authorization_opens_nothing(anonymous: Client, header: str) -> None:
    answer = await anonymous.get("/v1/me", headers={"authorization": header})
    assert refused(answer) == (401, "unauthenticated")


async def test_the_kind_of_authorization_is_written_in_any_case(org: OrgKit) -> None:
    token = signed(claims(org, await caller(org)))
    answer = await org.client().get("/v1/me", headers={"authorization": f"bearer {token}"})
    assert answer.status_code == 200


async def test_who_i_am_says_my_teams_my_zone_and_the_servers_time(make_org: Callable[..., Any]) -> None:
    org: OrgKit = await make_org("Europe/Lisbon")
    rep, south, north = await org.person(), await org.team("South"), await org.team("North")
    await org.member(south, rep)
    await org.member(north, rep, "manager")
    body = answered(await rep.client.get("/v1/me"))
    assert [(team["name"], team["role"]) for team in body["teams"]] == [("North", "manager"), ("South", "rep")]
    assert (body["time_zone"], body["org"]["time_zone"]) == ("Europe/Lisbon", "Europe/Lisbon")
    assert abs(datetime.fromisoformat(body["server_time"]) - now()) < timedelta(minutes=1)


async def test_i_change_my_name_and_zone_and_go_back_to_the_organizations(make_org: Callable[..., Any]) -> None:
    org: OrgKit = await make_org("Europe/Lisbon")
    rep = await org.person()
    changed = answered(await rep.client.patch("/v1/me", json={"name": "Robyn", "time_zone": "America/Denver"}))
    assert (changed["name"], changed["time_zone"]) == ("Robyn", "America/Denver")
    back = answered(await rep.client.patch("/v1/me", json={"time_zone": None}))
    assert (back["name"], back["time_zone"]) == ("Robyn", "Europe/Lisbon")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe", "UTC+1", "../etc/passwd", "Europe/Lisbon "])
async def test_a_zone_that_is_none_is_refused(org: OrgKit, zone: str) -> None:
    rep = await org.person()
    answer = await rep.client.patch("/v1/me", json={"time_zone": zone})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/time_zone")


async def test_i_cannot_change_my_role(org: OrgKit) -> None:
    rep = await org.person()
    answer = await rep.client.patch("/v1/me", json={"org_role": "admin"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/org_role")
