"""The declarative base: tenant keys, composite foreign keys and state machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models.errors import IllegalMoveError
from models.ids import new_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text(),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


EVERYONE, WORK, STAFF = "everyone", "work", "staff"


@dataclass(frozen=True, slots=True)
class Concerns:
    """Whom an event is told to: a person, the managers of a team, an audience, a circle, and people beside these.

    A circle is `everyone` of the organization, those who see its `work` (enablement), or its `staff` (admins and
    enablement).
    """

    person_id: UUID | None = None
    team_id: UUID | None = None
    audience_id: UUID | None = None
    circle: str | None = None
    also: tuple[UUID, ...] = ()

    def with_(self, other: "Concerns") -> "Concerns":
        """Return whom either names; of two persons, teams, audiences or circles the first one's."""
        also = (*self.also, *other.also, *([other.person_id] if other.person_id else []))
        return Concerns(
            self.person_id,
            self.team_id or other.team_id,
            self.audience_id or other.audience_id,
            self.circle or other.circle,
            tuple(dict.fromkeys(one for one in also if one != self.person_id)),
        )


class Tenant(Base):
    """A row of one organization. The key leads with the tenant, so no foreign key can point across."""

    __abstract__ = True

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)

    def __init__(self, **values: Any) -> None:
        """Make a row with its id, and every other default, already there before it is flushed."""
        for column in self.__table__.columns:
            default = column.default
            if column.key not in values and default is not None:
                values[column.key] = default.arg(None) if default.is_callable else default.arg
        super().__init__(**values)

    def concerns(self) -> Concerns:
        """Return whom what happens to it is told to, as it is now. What is private names its person only."""
        team_id: UUID | None = getattr(self, "team_id", None)
        return Concerns(
            getattr(self, "person_id", None), team_id, getattr(self, "audience_id", None), WORK if team_id else None
        )


def belongs_to(column: str, table: str, *, cascade: bool = False, cyclic: bool = False) -> ForeignKeyConstraint:
    """Return the composite foreign key `(org_id, column) -> table(org_id, id)`.

    `cyclic` marks the one that closes a circle of tables, so it is made after them.
    """
    target = [f"{table}.org_id", f"{table}.id"]
    ondelete = "CASCADE" if cascade else None
    return ForeignKeyConstraint(["org_id", column], target, ondelete=ondelete, use_alter=cyclic)


def of_org() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id"], ["org.id"])


def one_of(column: str, words: Mapping[str, Any] | tuple[str, ...]) -> CheckConstraint:
    """Return a CHECK that allows these words only; text with a CHECK, since enum equality is not leakproof."""
    allowed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


Moves = Mapping[str, frozenset[str]]


def moves(**allowed: str) -> Moves:
    """Return the table of allowed moves: `moves(draft="published discarded")`. Every state is a key."""
    return {state: frozenset(targets.split()) for state, targets in allowed.items()}


class Stateful(Tenant):
    """A row with a state. A change of `state` is written down as an event when the session flushes."""

    __abstract__ = True
    MOVES: ClassVar[Moves]

    state: Mapped[str]

    def told(self) -> dict[str, Any]:
        """Return what the event of a move says beside the state before."""
        return {}

    def concerned_before(self, state: str) -> Concerns:  # noqa: ARG002  # for those that say more
        """Return who saw it in the state before a move and has to learn that they see it no more."""
        return Concerns()

    def move(self, to: str) -> None:
        """Go to a state, or raise IllegalMoveError that names the present one."""
        if to not in self.MOVES[self.state]:
            noun = self.__tablename__.replace("_", " ")
            raise IllegalMoveError(
                f"This {noun} is {self.state.replace('_', ' ')}; it cannot become {to.replace('_', ' ')}.",
                state=self.state,
            )
        self.state = to
