"""What happened, append-only: each move of a state, and every other fact that somebody sees. Partitioned by time.

An event is written in the transaction of its fact, with whom it concerns at that time. It holds no text that a person
wrote: ids, states, numbers and dates only. Readers take events in the order of commits (`models.feed`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Index, PrimaryKeyConstraint, func, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import UserDefinedType

from models.base import Concerns, Tenant, belongs_to, now, of_org
from models.ids import next_id

VERSION = 1


class Xid8(UserDefinedType[int]):
    """The id of a transaction, as PostgreSQL gives it: those that began to write later have a greater one."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "XID8"


ischema_names["xid8"] = Xid8


class Subject(Protocol):
    """What something happens to: a row of a tenant, or the organization itself."""

    @property
    def __tablename__(self) -> Any: ...
    @property
    def org_id(self) -> Any: ...
    @property
    def id(self) -> Any: ...
    def concerns(self) -> Concerns: ...


class Event(Tenant):
    """`name` is `<thing>.<what>`, such as `take.submitted`; `actor_id` is empty where the system acted.

    `xid` is the transaction that wrote it; `v` the version of what `data` says. `person_id`, `team_id`, `audience_id`
    and `circle` are whom it concerned (`models.base.Concerns`).
    """

    __tablename__ = "event"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=next_id)  # within a transaction, in their order
    at: Mapped[datetime] = mapped_column(primary_key=True, default=now)
    actor_id: Mapped[UUID | None]
    subject_id: Mapped[UUID]
    name: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    v: Mapped[int] = mapped_column(default=VERSION, server_default="1")
    xid: Mapped[int] = mapped_column(Xid8(), server_default=func.pg_current_xact_id(), deferred=True)
    person_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    audience_id: Mapped[UUID | None]
    circle: Mapped[str | None]

    __table_args__ = (
        PrimaryKeyConstraint("org_id", "id", "at"),
        of_org(),
        Index("ix_event_subject", "org_id", "subject_id", "at"),
        Index("ix_event_order", "xid", "id"),
        Index("ix_event_person", "org_id", "person_id", "xid", "id", postgresql_where=text("person_id IS NOT NULL")),
        Index("ix_event_team", "org_id", "team_id", "xid", "id", postgresql_where=text("team_id IS NOT NULL")),
        Index("ix_event_circle", "org_id", "circle", "xid", "id", postgresql_where=text("circle IS NOT NULL")),
        Index("ix_event_audience", "org_id", "xid", "id", postgresql_where=text("audience_id IS NOT NULL")),
        {"postgresql_partition_by": "RANGE (at)"},
    )
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012  # as SQLAlchemy has it


class EventRecipient(Tenant):
    """A person beside those an event is routed to, such as a reviewer who was named."""

    __tablename__ = "event_recipient"

    person_id: Mapped[UUID]
    event_id: Mapped[UUID]
    event_at: Mapped[datetime]
    xid: Mapped[int] = mapped_column(Xid8(), server_default=func.pg_current_xact_id(), deferred=True)

    __table_args__ = (
        belongs_to("person_id", "person"),
        Index("ix_event_recipient_person", "org_id", "person_id", "xid", "event_id"),
        Index("ix_event_recipient_event", "org_id", "event_id"),
        Index("ix_event_recipient_at", "event_at"),
    )
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012  # likewise


def write_event(session: AsyncSession, subject: Subject, what: str, *, about: Any = None, **data: Any) -> None:
    """Write down what happened to a row, by whom the session says; moves of a state write themselves down.

    It is told to whom the row concerns, or another row which it is `about` (of a remark: the take). `to` names people
    beside these, by their ids.
    """
    add_event(session.sync_session, subject, what, (about or subject).concerns(), _plain(data))


def add_event(session: Session, subject: Subject, what: str, concerns: Concerns, data: dict[str, Any]) -> None:
    """Add the event, and whom else it is told to: those of `concerns`, and those a list `to` names in its data."""
    event = Event(
        org_id=subject.org_id,
        actor_id=session.info.get("actor_id"),
        subject_id=subject.id,
        name=f"{subject.__tablename__}.{what}",
        data=data,
        person_id=concerns.person_id,
        team_id=concerns.team_id,
        audience_id=concerns.audience_id,
        circle=concerns.circle,
    )
    session.add(event)
    session.add_all(_recipients(event, [*concerns.also, *named_in(data)]))
    session.info["told"] = True


def named_in(data: Mapping[str, Any]) -> list[UUID]:
    """Return the people beside those an event is routed to. `to` may also be what something moved to."""
    to = data.get("to")
    return [UUID(one) for one in to] if isinstance(to, list) else []


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says to those it is told to: not who else was told, nor what programs said."""
    hidden = {"detail", *(["to"] if isinstance(data.get("to"), list) else [])}
    return {name: value for name, value in data.items() if name not in hidden}


def _recipients(event: Event, people: Iterable[UUID]) -> list[EventRecipient]:
    return [
        EventRecipient(org_id=event.org_id, person_id=person_id, event_id=event.id, event_at=event.at)
        for person_id in sorted(set(people))
        if person_id != event.person_id
    ]


def _plain(value: Any) -> Any:
    """Return data as JSON can hold it: ids and times as texts."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
