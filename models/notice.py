"""Notices: what a person is told of what happened, how each wants to hear of it, and on which devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Concerns, Tenant, belongs_to, now, one_of

Email = Literal["off", "at_once", "digest"]
EMAIL: tuple[Email, ...] = ("off", "at_once", "digest")
SERVICES = ("apns", "fcm")


@dataclass(frozen=True, slots=True)
class Kind:
    """`to`: the `person` it concerns, the `others` it is told to, `both`, who is `named`, or the team's `managers`.

    `about` says it to people; `email` and `push` are how it comes until they choose. Of a move that leads here from
    several states, `came_from` are those that are told of; `while_` are the states of the subject in which it holds.
    """

    events: tuple[str, ...]
    to: Literal["person", "others", "both", "named", "managers"]
    about: str
    email: Email = "at_once"
    push: bool = True
    came_from: frozenset[str | None] | None = None
    while_: frozenset[str] | None = None


TO_DO = frozenset({"open", "in_progress", "retake"})
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "assignment": Kind(
            ("assignment.open",),
            "person",
            "A challenge opens for me",
            came_from=frozenset({None, "scheduled", "closed", "excused"}),
            while_=TO_DO,
        ),
        "due_changed": Kind(
            ("assignment.due_changed",), "person", "A due time of mine changes", push=False, while_=TO_DO
        ),
        "due_soon": Kind(("assignment.due_soon",), "person", "Something of mine is due soon", while_=TO_DO),
        "overdue": Kind(("assignment.overdue",), "person", "Something of mine is overdue", while_=TO_DO),
        "reminder": Kind(("assignment.reminded",), "person", "Somebody reminds me", while_=TO_DO),
        "retake": Kind(("assignment.retake",), "person", "I am asked for another take", while_=TO_DO),
        "replacement": Kind(
            ("take.needs_replacement",),
            "person",
            "A video I handed in cannot be played",
            while_=frozenset({"needs_replacement"}),
        ),
        "critique": Kind(("critique.published",), "person", "A critique of a take of mine is published"),
        "guest_review": Kind(("guest_review.published",), "both", "A guest has reviewed a take I know"),
        "acknowledged": Kind(
            ("critique.acknowledged",), "others", "A critique of mine is acknowledged", "digest", push=False
        ),
        "disputed": Kind(("critique.disputed",), "others", "Somebody sees a critique of mine otherwise"),
        "reply": Kind(("critique.remarked", "moment.replied"), "both", "Somebody replies in a conversation of mine"),
        "next_step_due": Kind(
            ("next_step.due",), "both", "A next step of mine, or one I gave, is due", "digest", push=False
        ),
        "next_step_reported": Kind(
            ("next_step.reported",), "others", "Somebody reports on a next step I gave", "digest", push=False
        ),
        "take_submitted": Kind(
            ("take.submitted",),
            "managers",
            "A take is handed in to a team I manage",
            "digest",
            push=False,
            came_from=frozenset({"draft", "submitting"}),
            while_=frozenset({"submitted"}),
        ),
        "review_asked": Kind(
            ("review.named", "review.handed_over"),
            "named",
            "I am asked to review a take",
            while_=frozenset({"submitting", "submitted"}),
        ),
        "review_late": Kind(
            ("review.promise_near", "review.escalated"),
            "named",
            "Feedback that was promised is nearly due, or is late",
            while_=frozenset({"submitted"}),
        ),
        "consent_asked": Kind(
            ("bright_spot.awaiting_consent",),
            "others",
            "I am asked to agree to a bright spot that shows me",
            while_=frozenset({"awaiting_consent"}),
        ),
        "bright_spot": Kind(
            ("bright_spot.ready", "bright_spot.declined", "bright_spot.revoked"),
            "person",
            "A bright spot I made is agreed to, or is not",
            "digest",
            push=False,
        ),
    }
)
# What a notice's subject is in the tables, where an event's name does not say it.
SUBJECTS: Mapping[str, str] = MappingProxyType({"review": "take"})
BY_EVENT: Mapping[str, str] = MappingProxyType({name: word for word, kind in KINDS.items() for name in kind.events})


class Notice(Tenant):
    """That one person is told of one event. What it says is put into words when it is read or sent, from its ids.

    `mail_at` and `push_at` are when it is to be sent next, and empty once there is nothing to be sent. One that is not
    in the inbox counts as read.
    """

    __tablename__ = "notice"

    person_id: Mapped[UUID]
    kind: Mapped[str]
    event_id: Mapped[UUID]
    event_name: Mapped[str]
    subject_id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(default=now)
    in_app: Mapped[bool] = mapped_column(default=True)
    read_at: Mapped[datetime | None]
    mail_at: Mapped[datetime | None]
    mail_tries: Mapped[int] = mapped_column(default=0)
    mailed_at: Mapped[datetime | None]
    push_at: Mapped[datetime | None]
    push_tries: Mapped[int] = mapped_column(default=0)
    pushed_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("person_id", "person"),
        belongs_to("actor_id", "person"),
        Index("uq_notice_event", "org_id", "event_id", "person_id", "kind", unique=True),
        Index("ix_notice_inbox", "org_id", "person_id", "at", "id", postgresql_where=text("in_app")),
        Index("ix_notice_unread", "org_id", "person_id", "at", "id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notice_read", "read_at", postgresql_where=text("read_at IS NOT NULL")),
        Index("ix_notice_mail", "mail_at", postgresql_where=text("mail_at IS NOT NULL")),
        Index("ix_notice_push", "push_at", postgresql_where=text("push_at IS NOT NULL")),
        Index("ix_notice_mail_of", "org_id", "person_id", postgresql_where=text("mail_at IS NOT NULL")),
        Index("ix_notice_push_of", "org_id", "person_id", postgresql_where=text("push_at IS NOT NULL")),
    )

    @property
    def subject_kind(self) -> str:
        first = self.event_name.partition(".")[0]
        return SUBJECTS.get(first, first)


class NoticeSettings(Tenant):
    """How one person wants to be told. `kinds` has the kinds they chose for; times are wall times of their zone."""

    __tablename__ = "notice_settings"

    person_id: Mapped[UUID]
    kinds: Mapped[dict[str, Any]] = mapped_column(default=dict)
    quiet_from: Mapped[str | None] = mapped_column(default="21:00")
    quiet_until: Mapped[str | None] = mapped_column(default="07:00")
    digest_at: Mapped[str] = mapped_column(default="08:00")
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        belongs_to("person_id", "person"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet"),
        Index("uq_notice_settings_person", "org_id", "person_id", unique=True),
    )

    def wants(self, kind: str) -> "Wants":
        chosen = self.kinds.get(kind)
        return Wants(chosen["in_app"], chosen["email"], chosen["push"]) if chosen else default_wants(kind)


@dataclass(frozen=True, slots=True)
class Wants:
    in_app: bool
    email: Email
    push: bool


def default_wants(kind: str) -> Wants:
    return Wants(True, KINDS[kind].email, KINDS[kind].push)


class Device(Tenant):
    """Where pushes go while its session lasts. `token` is what the push service knows it by."""

    __tablename__ = "device"

    person_id: Mapped[UUID]
    session_id: Mapped[UUID]
    service: Mapped[str]
    token: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    registered_at: Mapped[datetime] = mapped_column(default=now)  # last

    __table_args__ = (
        belongs_to("person_id", "person"),
        belongs_to("session_id", "session", cascade=True),
        one_of("service", SERVICES),
        Index("uq_device_token", "org_id", "service", "token", unique=True),
        Index("ix_device_person", "org_id", "person_id", "created_at", "id"),
        Index("ix_device_session", "org_id", "session_id"),
    )

    def concerns(self) -> Concerns:
        return Concerns(self.person_id)


class FeedPlace(Base):
    """How far a reader of the feed has come, by its name. Of no organization."""

    __tablename__ = "feed_place"

    reader: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str]
