"""Accounts with a password, the links that are mailed to them, and clients that come from somewhere."""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, text

from api.accounts.passwords import hash_password
from models.ids import new_id
from models.person import AccountToken, Person
from models.tokens import token_text
from tests.client import Client
from tests.conftest import SECRET
from tests.factories.people import OrgKit

PASSWORD = "a long password"
Body = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """Somebody with a password who is not signed in; `client` comes from an address of their own."""

    org: OrgKit
    id: UUID
    email: str
    client: Client

    async def sign_in(self, client: Client | None = None, **other: Any) -> httpx.Response:
        body = {"org": self.org.slug, "email": self.email, "password": PASSWORD, **other}
        return await (client or self.client).post("/v1/auth/sign-in", json=body)

    async def signed_in(self, client: Client | None = None, **other: Any) -> Body:
        return answered(await self.sign_in(client, **other))

    async def reset(self, **other: Any) -> httpx.Response:
        return await self.client.post(
            "/v1/auth/reset-password", json={"org": self.org.slug, "email": self.email, **other}
        )


async def account(org: OrgKit, *, email: str | None = None, **values: Any) -> Account:
    row = Person(
        org_id=org.id,
        email=email or f"{new_id().hex}@example.com",
        password_hash=await hash_password(PASSWORD),
        **{"name": "Robin Rep", "state": "active", **values},
    )
    async with org.database.tenant(org.id) as session:
        session.add(row)
    return Account(org, row.id, row.email, visitor(org))


def visitor(org: OrgKit, address: str | None = None) -> Client:
    """Return a client without a token, from an address nobody else has unless it is named."""
    seen = address or str(IPv6Address(new_id().int))

    async def from_there(scope: Any, receive: Any, send: Any) -> None:
        await org.app({**scope, "client": (seen, 40_000)}, receive, send)

    client = Client(from_there, org.document)
    org.clients.append(client)
    return client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def answered(response: httpx.Response, status: int = 200) -> Body:
    assert response.status_code == status, response.text
    body: Body = response.json()
    return body


def refused(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the kind of problem."""
    return response.status_code, response.json()["type"].removeprefix("/problems/")


async def refresh(client: Client, token: str) -> httpx.Response:
    return await client.post("/v1/auth/refresh", json={"refresh_token": token})


async def links(org: OrgKit, person_id: object, purpose: str) -> list[str]:
    """Return the texts of a person's links, as they were mailed, oldest first."""
    query = select(AccountToken.id).where(
        AccountToken.org_id == org.id, AccountToken.person_id == UUID(str(person_id)), AccountToken.purpose == purpose
    )
    async with org.database.tenant(org.id) as session:
        ids = await session.scalars(query.order_by(AccountToken.created_at, AccountToken.id))
        return [token_text(SECRET, purpose, org.id, key) for key in ids]


async def jobs(org: OrgKit, task: str) -> list[dict[str, str]]:
    """Return the arguments of the jobs that were deferred for an organization, oldest first."""
    query = text(
        "SELECT args FROM queue.procrastinate_jobs WHERE task_name = :task AND args ->> 'org_id' = :org ORDER BY id"
    )
    async with org.database.without_tenant() as session:
        return list(await session.scalars(query, {"task": task, "org": str(org.id)}))
