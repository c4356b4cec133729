"""Refresh tokens rotate, an answer that was lost is given again, and a stolen token ends the session."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from models.base import now
from models.ids import new_id
from models.person import Person, RefreshToken, Session
from models.tokens import read_token, token_text
from tests.conftest import SECRET
from tests.factories.accounts import Account, account, answered, bearer, refresh, refused, visitor
from tests.factories.people import OrgKit
from tests.factories.rushes import at_once

ENDED = (401, "session-ended")


async def rotated(who: Account, token: str) -> str:
    return str(answered(await refresh(who.client, token))["refresh_token"])


async def used_ago(org: OrgKit, token: str, **span: float) -> None:
    """Let a token have been used so long ago."""
    _, key = read_token(SECRET, "refresh", token)
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(RefreshToken, (org.id, key))
        row.used_at = now() - timedelta(**span)


async def open_sessions(org: OrgKit, person_id: UUID) -> int:
    query = select(Session.id).where(
        Session.org_id == org.id, Session.person_id == person_id, Session.revoked_at.is_(None)
    )
    async with org.database.tenant(org.id) as session:
        return len((await session.scalars(query)).all())


async def test_a_refresh_gives_another_refresh_token_and_an_access_token_that_opens(org: OrgKit) -> None:
    who = await account(org)
    first = (await who.signed_in())["refresh_token"]
    answer = answered(await refresh(who.client, first))
    assert answer["refresh_token"] != first
    assert (await who.client.get("/v1/me", headers=bearer(answer["access_token"]))).status_code == 200


async def test_tokens_go_on_and_on(org: OrgKit) -> None:
    who = await account(org)
    seen = [(await who.signed_in())["refresh_token"]]
    for _ in range(4):
        seen.append(await rotated(who, seen[-1]))
    assert len(set(seen)) == 5


async def test_a_lost_answer_is_given_again(org: OrgKit) -> None:
    who = await account(org)
    first = (await who.signed_in())["refresh_token"]
    successor = await rotated(who, first)
    assert [await rotated(who, first) for _ in range(3)] == [successor] * 3
    await rotated(who, successor)


async def test_the_grace_lasts_nearly_two_minutes(org: OrgKit) -> None:
    who = await account(org)
    first = (await who.signed_in())["refresh_token"]
    successor = await rotated(who, first)
    await used_ago(org, first, seconds=100)
    assert await rotated(who, first) == successor


async def test_after_two_minutes_a_replay_ends_the_family(org: OrgKit) -> None:
    who = await account(org)
    tokens = await who.signed_in()
    successor = await rotated(who, tokens["refresh_token"])
    await used_ago(org, tokens["refresh_token"], seconds=121)
    assert refused(await refresh(who.client, tokens["refresh_token"])) == ENDED
    assert refused(await refresh(who.client, successor)) == ENDED
    assert (await who.client.get("/v1/me", headers=bearer(tokens["access_token"]))).status_code == 401


async def test_once_the_successor_was_used_a_replay_ends_the_family(org: OrgKit) -> None:
    who = await account(org)
    first = (await who.signed_in())["refresh_token"]
    second = await rotated(who, first)
    third = await rotated(who, second)
    assert refused(await refresh(who.client, first)) == ENDED
    assert refused(await refresh(who.client, third)) == ENDED


async def test_a_family_that_ends_takes_no_other_session_with_it(org: OrgKit) -> None:
    who = await account(org)
    first, phone = (await who.signed_in())["refresh_token"], (await who.signed_in())["refresh_token"]
    await rotated(who, await rotated(who, first))
    assert refused(await refresh(who.client, first)) == ENDED
    await rotated(who, phone)


async def test_two_refreshes_at_once_get_the_same_successor(org: OrgKit) -> None:
    who = await account(org)
    first = (await who.signed_in())["refresh_token"]
    async with org.database.tenant(org.id) as session:
        family = (await session.scalars(select(Session.id).where(Session.org_id == org.id))).one()
    answers = await at_once(org, Session, [family], *(refresh(who.client, first) for _ in range(6)))
    successors = {answered(answer)["refresh_token"] for answer in answers}
    assert len(successors) == 1
    await rotated(who, successors.pop())


async def test_a_refresh_at_the_same_time_as_a_sign_out_leaves_nothing_open(org: OrgKit) -> None:
    who = await account(org)
    tokens = await who.signed_in()
    await asyncio.gather(
        refresh(who.client, tokens["refresh_token"]),
        who.client.post("/v1/auth/sign-out", headers=bearer(tokens["access_token"])),
    )
    assert await open_sessions(org, who.id) == 0


async def test_a_session_nobody_used_for_ninety_days_has_ended(org: OrgKit) -> None:
    who = await account(org)
    token = (await who.signed_in())["refresh_token"]
    async with org.database.tenant(org.id) as session:
        await session.execute(update(Session).where(Session.org_id == org.id).values(expires_at=now()))
    assert refused(await refresh(who.client, token)) == ENDED


async def test_using_a_session_makes_it_last_longer(org: OrgKit) -> None:
    who = await account(org)
    token = (await who.signed_in())["refresh_token"]
    async with org.database.tenant(org.id) as session:
        soon = now() + timedelta(days=1)
        await session.execute(update(Session).where(Session.org_id == org.id).values(expires_at=soon))
    await rotated(who, token)
    async with org.database.tenant(org.id) as session:
        ends = (await session.scalars(select(Session.expires_at).where(Session.org_id == org.id))).one()
    assert ends > now() + timedelta(days=89)


async def test_a_forged_refresh_token_is_not_ours(org: OrgKit) -> None:
    who = await account(org)
    token = (await who.signed_in())["refresh_token"]
    _, key = read_token(SECRET, "refresh", token)
    forged = [
        token_text(b"another secret of somebody else's", "refresh", org.id, key),
        token_text(SECRET, "invitation", org.id, key),
        token[:-4],
        token[:40] + ("A" if token[40] != "A" else "B") + token[41:],
        "é",
        "x",
    ]
    for wrong in forged:
        assert refused(await refresh(who.client, wrong)) == (401, "token-invalid")


async def test_a_token_that_was_signed_but_never_kept_opens_nothing(org: OrgKit) -> None:
    who = await account(org)
    assert refused(await refresh(who.client, token_text(SECRET, "refresh", org.id, new_id()))) == ENDED
    assert refused(await refresh(who.client, token_text(SECRET, "refresh", new_id(), new_id()))) == ENDED


async def test_who_left_cannot_refresh(org: OrgKit) -> None:
    who = await account(org)
    tokens = await who.signed_in()
    async with org.database.tenant(org.id) as session:
        await session.execute(update(Person).where(Person.org_id == org.id).values(state="left"))
    assert refused(await refresh(who.client, tokens["refresh_token"])) == ENDED
    assert (await who.client.get("/v1/me", headers=bearer(tokens["access_token"]))).status_code == 401


async def test_signing_out_ends_this_session_at_once_and_no_other(org: OrgKit) -> None:
    who = await account(org)
    here, there = await who.signed_in(), await who.signed_in()
    out = await who.client.post("/v1/auth/sign-out", headers=bearer(here["access_token"]))
    assert out.status_code == 204
    assert (await who.client.get("/v1/me", headers=bearer(here["access_token"]))).status_code == 401
    assert refused(await refresh(who.client, here["refresh_token"])) == ENDED
    await rotated(who, there["refresh_token"])


async def sessions_of(who: Account, tokens: dict[str, Any], **query: Any) -> dict[str, Any]:
    headers = bearer(tokens["access_token"])
    return answered(await who.client.get("/v1/me/sessions", headers=headers, params=query))


async def test_my_sessions_say_where_i_am_signed_in_last_used_first(org: OrgKit) -> None:
    who = await account(org)
    phone = visitor(org, "192.0.2.7")
    phone.headers["user-agent"] = "Showme/1 (phone)"
    old, new = await who.signed_in(phone), await who.signed_in()
    listed = (await sessions_of(who, new))["items"]
    assert [item["current"] for item in listed] == [True, False]
    assert (listed[1]["address"], listed[1]["user_agent"]) == ("192.0.2.7", "Showme/1 (phone)")
    await rotated(who, old["refresh_token"])
    assert [item["current"] for item in (await sessions_of(who, new))["items"]] == [False, True]


async def test_my_sessions_come_in_pages_and_are_mine_only(org: OrgKit) -> None:
    who, other = await account(org), await account(org)
    await other.signed_in()
    tokens = [await who.signed_in() for _ in range(3)][-1]
    first = await sessions_of(who, tokens, limit=2)
    rest = await sessions_of(who, tokens, limit=2, cursor=first["next_cursor"])
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3


async def test_a_session_that_has_ended_is_not_listed(org: OrgKit) -> None:
    who = await account(org)
    stays, goes = await who.signed_in(), await who.signed_in()
    await who.client.post("/v1/auth/sign-out", headers=bearer(goes["access_token"]))
    assert [item["current"] for item in (await sessions_of(who, stays))["items"]] == [True]


async def test_i_end_a_session_elsewhere_and_doing_it_again_is_fine(org: OrgKit) -> None:
    who = await account(org)
    here, there = await who.signed_in(), await who.signed_in()
    key = next(item["id"] for item in (await sessions_of(who, here))["items"] if not item["current"])
    for _ in range(2):
        ended = await who.client.delete(f"/v1/me/sessions/{key}", headers=bearer(here["access_token"]))
        assert ended.status_code == 204
    assert refused(await refresh(who.client, there["refresh_token"])) == ENDED
    await rotated(who, here["refresh_token"])


async def test_a_session_of_somebody_else_is_not_there(org: OrgKit) -> None:
    who, other = await account(org), await account(org)
    mine, theirs = await who.signed_in(), await other.signed_in()
    key = (await sessions_of(other, theirs))["items"][0]["id"]
    answer = await who.client.delete(f"/v1/me/sessions/{key}", headers=bearer(mine["access_token"]))
    assert answer.status_code == 404
    await rotated(other, theirs["refresh_token"])


async def test_i_sign_out_everywhere_else(org: OrgKit) -> None:
    who, other = await account(org), await account(org)
    here, there, theirs = await who.signed_in(), await who.signed_in(), await other.signed_in()
    ended = await who.client.delete("/v1/me/sessions", headers=bearer(here["access_token"]))
    assert ended.status_code == 204
    assert refused(await refresh(who.client, there["refresh_token"])) == ENDED
    await rotated(who, here["refresh_token"])
    await rotated(other, theirs["refresh_token"])
