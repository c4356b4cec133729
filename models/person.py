"""People and what lets them in: sessions, refresh tokens, one-time tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import STAFF, Concerns, Stateful, Tenant, belongs_to, moves, now, of_org, one_of

ORG_ROLES = ("admin", "enablement", "member")


class Person(Stateful):
    __tablename__ = "person"
    MOVES = moves(invited="active left", active="left", left="active invited")

    name: Mapped[str]
    email: Mapped[str]
    org_role: Mapped[str] = mapped_column(default="member")
    state: Mapped[str] = mapped_column(default="invited")
    time_zone: Mapped[str | None]
    password_hash: Mapped[str | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    left_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        of_org(),
        one_of("org_role", ORG_ROLES),
        one_of("state", MOVES),
        Index("uq_person_email", "org_id", "email", unique=True),
        Index("ix_person_name", "org_id", "name", "id"),
    )

    def concerns(self) -> Concerns:
        return Concerns(self.id, circle=STAFF)


class Session(Tenant):
    """One signed-in client: a family of refresh tokens, revoked as a whole."""

    __tablename__ = "session"

    person_id: Mapped[UUID]
    user_agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("person_id", "person"),
        Index("ix_session_person", "org_id", "person_id"),
    )


class RefreshToken(Tenant):
    """A token of a session. Its text is derived from its id and the server's secret, so only the id is kept."""

    __tablename__ = "refresh_token"

    session_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    successor_id: Mapped[UUID | None]

    __table_args__ = (
        belongs_to("session_id", "session", cascade=True),
        belongs_to("successor_id", "refresh_token"),
        Index("ix_refresh_token_session", "org_id", "session_id"),
        # Asked for each token that is deleted: else all of its organization would be gone through for each.
        Index("ix_refresh_token_successor", "org_id", "successor_id"),
    )


class AccountToken(Tenant):
    """A link that may be used once: an invitation, or a password reset."""

    __tablename__ = "account_token"

    person_id: Mapped[UUID]
    purpose: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("person_id", "person"),
        one_of("purpose", ("invitation", "password_reset")),
        Index("ix_account_token_person", "org_id", "person_id", "purpose"),
    )
