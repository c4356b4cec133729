"""Organizations, people and teams, written straight to the tables that the application role may write."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api.auth import Caller, Tokens
from models.base import now
from models.database import Database
from models.ids import new_id
from models.org import Org
from models.person import Person, Session
from models.team import Membership, Team
from tests.client import Client, Document


@dataclass
class Somebody:
    """A person of a test, signed in."""

    org_id: UUID
    id: UUID
    name: str
    email: str
    client: Client


@dataclass
class OrgKit:
    """A fresh organization, and the people and teams a test puts into it."""

    id: UUID
    slug: str
    database: Database
    tokens: Tokens
    document: Document
    app: Any
    clients: list[Client] = field(default_factory=list)

    async def person(self, name: str = "Robin Rep", org_role: str = "member", time_zone: str | None = None) -> Somebody:
        row = Person(
            org_id=self.id,
            name=name,
            email=f"{new_id().hex}@example.com",
            org_role=org_role,
            state="active",
            time_zone=time_zone,
        )
        session = Session(org_id=self.id, person_id=row.id, expires_at=now() + timedelta(days=30))
        async with self.database.tenant(self.id) as opened:
            opened.add(row)
            await opened.flush()
            opened.add(session)
        token = self.tokens.issue(Caller(self.id, row.id, session.id))
        return Somebody(self.id, row.id, row.name, row.email, self.client(token))

    def client(self, token: str | None = None) -> Client:
        client = Client(self.app, self.document, token)
        self.clients.append(client)
        return client

    async def team(self, name: str = "North", parent_id: UUID | None = None) -> UUID:
        row = Team(org_id=self.id, name=name, parent_id=parent_id)
        async with self.database.tenant(self.id) as opened:
            opened.add(row)
        return row.id

    async def member(self, team_id: UUID, person: Somebody, role: str = "rep") -> None:
        async with self.database.tenant(self.id) as opened:
            opened.add(Membership(org_id=self.id, team_id=team_id, person_id=person.id, role=role))


async def new_org(owner_url: str, time_zone: str = "UTC") -> Org:
    """Make an organization as the owner role does, which is the only one that may."""
    engine = create_async_engine(owner_url, poolclass=NullPool)
    org = Org(id=new_id(), slug=f"org-{new_id().hex}", name="Acme", time_zone=time_zone)
    async with engine.begin() as connection:
        row = {"id": org.id, "slug": org.slug, "name": org.name, "time_zone": org.time_zone, "created_at": now()}
        await connection.execute(insert(Org), row)
    await engine.dispose()
    return org
