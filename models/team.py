"""Teams nest; a membership says who was rep or manager of one, from when until when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import EVERYONE, STAFF, Concerns, Tenant, belongs_to, now, of_org, one_of

TEAM_ROLES = ("manager", "rep")


class Team(Tenant):
    __tablename__ = "team"

    name: Mapped[str]
    parent_id: Mapped[UUID | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        of_org(),
        belongs_to("parent_id", "team"),
        CheckConstraint("parent_id <> id", name="own_parent"),
        Index("ix_team_parent", "org_id", "parent_id"),
        Index("ix_team_name", "org_id", "name", "id"),
    )

    def concerns(self) -> Concerns:
        return Concerns(circle=EVERYONE)


class Membership(Tenant):
    """A person's role in a team. `until_at` is empty while it lasts; a change of role ends one row, starts another."""

    __tablename__ = "membership"

    team_id: Mapped[UUID]
    person_id: Mapped[UUID]
    role: Mapped[str]
    from_at: Mapped[datetime] = mapped_column(default=now)
    until_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("team_id", "team"),
        belongs_to("person_id", "person"),
        one_of("role", TEAM_ROLES),
        CheckConstraint("until_at IS NULL OR until_at >= from_at", name="span"),
        Index(
            "uq_membership_now",
            "org_id",
            "person_id",
            "team_id",
            unique=True,
            postgresql_where=text("until_at IS NULL"),
        ),
        Index("ix_membership_team", "org_id", "team_id", "person_id"),
        Index("ix_membership_person", "org_id", "person_id"),  # also past ones: every request asks with it
    )

    def concerns(self) -> Concerns:
        return Concerns(self.person_id, self.team_id, circle=STAFF)


class Audience(Tenant):
    """Whom a challenge is for, or a bright spot is shown to."""

    __tablename__ = "audience"

    everyone: Mapped[bool] = mapped_column(default=False)
    include_subteams: Mapped[bool] = mapped_column(default=False)
    joiners: Mapped[str] = mapped_column(default="exclude")

    __table_args__ = (of_org(), one_of("joiners", ("include", "exclude")))


class AudienceTeam(Tenant):
    __tablename__ = "audience_team"

    audience_id: Mapped[UUID]
    team_id: Mapped[UUID]

    __table_args__ = (
        belongs_to("audience_id", "audience", cascade=True),
        belongs_to("team_id", "team"),
        Index("uq_audience_team", "org_id", "audience_id", "team_id", unique=True),
    )


class AudiencePerson(Tenant):
    __tablename__ = "audience_person"

    audience_id: Mapped[UUID]
    person_id: Mapped[UUID]

    __table_args__ = (
        belongs_to("audience_id", "audience", cascade=True),
        belongs_to("person_id", "person"),
        Index("uq_audience_person", "org_id", "audience_id", "person_id", unique=True),
    )
